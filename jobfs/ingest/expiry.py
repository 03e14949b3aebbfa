"""What has been kept for long enough goes, and what was erased. Any worker sees to it, once an hour."""

from datetime import UTC, datetime, timedelta
from functools import partial
from logging import getLogger

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, opening, purging
from jobfs.catalog.purging import Purged
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.config import RetentionConfig
from jobfs.database import Database
from jobfs.ingest import erasing

log = getLogger(__name__)

#: Seconds between two looks into the trash.
ROUND = 3600.0


async def every_hour(database: Database, store: BlobStore, keep: RetentionConfig) -> None:
    """Purge, now and every hour, what is older than *keep* says, and finish what was being erased."""
    while True:
        for what, act in (
            ("empty the trash", partial(_empty_trash, database, store, keep)),
            ("purge old events", partial(_forget_events, database, keep)),
            ("finish erasing", partial(_finish_erasing, database, store)),
        ):
            try:
                await act()
            except (CatalogUnavailableError, OSError) as error:
                log.warning("cannot %s, trying again in an hour: %s", what, error)
        await trio.sleep(ROUND)


async def _empty_trash(database: Database, store: BlobStore, keep: RetentionConfig) -> None:
    uploads = await purge(database, store, removed_before=datetime.now(UTC) - keep.trash)
    if uploads:
        log.info("uploads purged from the trash after %d days: %d", keep.trash_days, uploads)


async def _forget_events(database: Database, keep: RetentionConfig) -> None:
    """Purge old events, some at a time: clients wait for SQLite's one writer."""
    if not keep.events_days:
        return
    limit, number = datetime.now(UTC) - timedelta(days=keep.events_days), 0
    while gone := await database.write_lazily(feed.forget, before=limit):
        number += gone
    if number:
        log.info("events purged after %d days: %d", keep.events_days, number)


async def _finish_erasing(database: Database, store: BlobStore) -> None:
    def finish() -> None:
        with opening.answering(database.catalog.name):
            erasing.finish(database.catalog, store)

    await trio.to_thread.run_sync(finish)


async def purge(database: Database, store: BlobStore, *, removed_before: datetime) -> int:
    """Delete for good what came into the trash before an instant; returns how many uploads."""
    total = 0
    while True:
        with trio.CancelScope(shield=True):  # or bytes would be left for an hour
            now = datetime.now(UTC)
            purged = await database.write(purging.purge, removed_before=removed_before, now=now)
            await trio.to_thread.run_sync(drop, store, purged)
            await database.write_lazily(purging.dropped, purged)
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
