"""Emptying the trash of what has been in it for long enough. Any worker does it, once an hour."""

from datetime import UTC, datetime, timedelta
from logging import getLogger

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog import purging
from jobfs.catalog.engine import CatalogUnavailableError
from jobfs.catalog.purging import Purged
from jobfs.database import Database

log = getLogger(__name__)

#: Seconds between two looks into the trash.
ROUND = 3600.0


async def every_hour(database: Database, store: BlobStore, keep: timedelta) -> None:
    """Purge, now and every hour, what has been in the trash for longer than *keep*."""
    while True:
        try:
            uploads = await purge(database, store, removed_before=datetime.now(UTC) - keep)
        except (CatalogUnavailableError, OSError) as error:
            log.warning("cannot empty the trash, trying again in an hour: %s", error)
        else:
            if uploads:
                log.info("uploads purged from the trash after %d days: %d", keep.days, uploads)
        await trio.sleep(ROUND)


async def purge(database: Database, store: BlobStore, *, removed_before: datetime) -> int:
    """Delete for good what came into the trash before an instant; returns how many uploads."""
    total = 0
    while True:
        with trio.CancelScope(shield=True):  # or bytes would be left without a row
            purged = await database.write(purging.purge, removed_before=removed_before)
            await trio.to_thread.run_sync(drop, store, purged)
        total += purged.uploads
        if not purged.uploads:
            return total
        await trio.lowlevel.checkpoint()


def drop(store: BlobStore, purged: Purged) -> None:
    """Delete the bytes of rows that were struck, after the commit that did so."""
    for key in purged.renditions:
        store.drop_rendition(key)
    for key in purged.originals:
        store.drop_original(key)
