"""The mount role: serve the kernel until told to end."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pyfuse3
import trio

from jobfs import database as door
from jobfs import selftest
from jobfs.bells import Bell
from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, roles
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.database import Database
from jobfs.domain.events import EventKind
from jobfs.domain.reports.words import Studio
from jobfs.mount import mountpoint as places
from jobfs.mount.closing import Closing
from jobfs.mount.files import OpenFiles
from jobfs.mount.looking import Looking
from jobfs.mount.operations import JobOperations
from jobfs.mount.refusals import UnmountedError
from jobfs.mount.reports import ReportFiles
from jobfs.mount.sweeping import Sweeper
from jobfs.tree import rehearsal

log = logging.getLogger(__name__)

#: Events after which an account may have lost what its open handles write to.
_GRANTS = {EventKind.GRANT_REMOVED, EventKind.GRANT_CHANGED, EventKind.ACCOUNT_CHANGED}

#: Seconds between two looks for what no event tells of.
_BETWEEN_LOOKS = 60.0

#: Seconds between two tries while the database is away.
_PAUSE = 1.0

_OPTIONS = pyfuse3.default_options | {
    "fsname=jobfs",
    "subtype=jobfs",
    "allow_other",  # every account, not root alone
    "default_permissions",  # the kernel keeps accounts out of each other's roots
    "nosuid",
    "nodev",
    "noexec",
}


async def serve(
    database: Database,
    bell: Bell,
    store: BlobStore,
    mountpoint: Path,
    role_id: int,
    *,
    refuse_incomplete: bool,
    studio: Studio,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Mount, and serve until cancelled; then unmount and settle what is still open."""
    with store.writers.present(role_id):
        tree = Looking(database)
        files = OpenFiles(database, tree, store, role_id, refuse_incomplete=refuse_incomplete)
        sweeper = Sweeper(database, store, role_id, files.table.is_live)
        await sweeper.sweep()
        position = await database.read(feed.end)
        await trio.to_thread.run_sync(places.prepare, mountpoint)
        reports = ReportFiles(database, tree, store, studio)
        operations = JobOperations(database, tree, store, files, reports)
        pyfuse3.init(operations, str(mountpoint), set(_OPTIONS))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_follow, database, bell, files, role_id, position)
                nursery.start_soon(database.keep_up)
                nursery.start_soon(files.closing.settle_left_over)
                nursery.start_soon(files.closing.hand_over)
                nursery.start_soon(_keep_receiving_late, files.closing)
                nursery.start_soon(sweeper.keep_sweeping)
                nursery.start_soon(_serve_kernel)
                nursery.start_soon(_rehearse, database)  # while the test waits
                await selftest.require_seen_ends(mountpoint)
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(places.unmount, mountpoint)
                pyfuse3.close(unmount=False)
                await files.closing.cut_off_all()


async def _serve_kernel() -> None:
    await pyfuse3.main()
    raise UnmountedError("the mount has gone: somebody else has unmounted it")


async def _rehearse(database: Database) -> None:
    with suppress(CatalogUnavailableError):  # whoever looks will hear of it
        await database.read_briefly(rehearsal.look)
        await database.read(rehearsal.write_reports)


async def _follow(
    database: Database, bell: Bell, files: OpenFiles, role_id: int, position: feed.Position
) -> None:
    kinds = frozenset({EventKind.JOB_STATUS, *_GRANTS})
    async for reached, events in door.follow(database, bell, position, kinds):
        for job_id in {event.job_id for event in events if event.kind == EventKind.JOB_STATUS}:
            await _insist(partial(files.closing.receive_late, job_id))
        if any(event.kind in _GRANTS for event in events):
            await _insist(files.closing.revoke_ungranted)
            await _insist(files.quotas.refresh_known)
            with suppress(CatalogUnavailableError):
                await database.write_lazily(roles.took, role_id, reached)


async def _keep_receiving_late(closing: Closing) -> None:
    """Look for what came late now and then: an event may be read before its upload is committed."""
    while True:
        await _insist(closing.receive_late)
        await trio.sleep(_BETWEEN_LOOKS)


async def _insist(act: Callable[[], Awaitable[None]]) -> None:
    """Act on an event. What goes wrong with it must not end the mount for everyone."""
    while True:
        try:
            await act()
        except CatalogUnavailableError as error:
            log.warning("cannot act on an event, trying again: %s", error)
        except Exception:
            log.exception("cannot act on an event, trying again")
        else:
            return
        await trio.sleep(_PAUSE)
