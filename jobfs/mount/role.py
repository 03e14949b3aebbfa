"""The mount role: serve the kernel until told to end."""

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyfuse3
import trio

from jobfs import database as door
from jobfs.blobs.store import BlobStore, LostBytesError
from jobfs.catalog import feed, roles, uploads
from jobfs.catalog.engine import CatalogUnavailableError, Connection
from jobfs.catalog.uploads import Upload
from jobfs.database import Bell, Database
from jobfs.domain.events import EventKind
from jobfs.errors import JobfsError
from jobfs.mount import mountpoint as places
from jobfs.mount.closing import Closing
from jobfs.mount.files import OpenFiles
from jobfs.mount.operations import JobOperations
from jobfs.tree import versions

log = logging.getLogger(__name__)

#: Events after which an account may have lost what its open handles write to.
_GRANTS = {EventKind.GRANT_REMOVED, EventKind.GRANT_CHANGED, EventKind.ACCOUNT_CHANGED}

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


class UnmountedError(JobfsError):
    """The role has lost its mount, so it cannot serve; EIO, and whoever supervises it mounts again."""


async def serve(
    database: Database,
    bell: Bell,
    store: BlobStore,
    mountpoint: Path,
    role_id: int,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Mount, and serve until cancelled; then unmount and settle what is still open."""
    await sweep(database, store)
    files = OpenFiles(database, store, role_id)
    position = await database.read(feed.end)
    await trio.to_thread.run_sync(places.prepare, mountpoint)
    pyfuse3.init(JobOperations(database, store, files), str(mountpoint), set(_OPTIONS))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_follow, database, bell, files, role_id, position)
            nursery.start_soon(files.closing.settle_left_over)
            nursery.start_soon(_serve_kernel)
            task_status.started()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(places.unmount, mountpoint)
            pyfuse3.close(unmount=False)
            await files.closing.cut_off_all()


async def _serve_kernel() -> None:
    await pyfuse3.main()
    raise UnmountedError("the mount has gone: somebody else has unmounted it")


async def _follow(
    database: Database, bell: Bell, files: OpenFiles, role_id: int, position: feed.Position
) -> None:
    async for reached, events in door.follow(database, bell, position):
        if any(event.kind in _GRANTS for event in events):
            await _revoke(files.closing)
            with suppress(CatalogUnavailableError):
                await database.write_lazily(roles.took, role_id, reached)


async def _revoke(closing: Closing) -> None:
    """Act on changed grants. What goes wrong with it must not end the mount for everyone."""
    while True:
        try:
            await closing.revoke_ungranted()
        except CatalogUnavailableError as error:
            log.warning("cannot look at the grants, trying again: %s", error)
        except Exception:
            log.exception("cannot look at the grants, trying again")
        else:
            return
        await trio.sleep(_PAUSE)


async def sweep(database: Database, store: BlobStore) -> None:
    """Settle what dead mounts left open: cut to what arrived without a gap, and interrupted."""
    for upload in await database.read(_abandoned):
        size = await trio.to_thread.run_sync(_cut, store, upload)
        await database.write(versions.cut_off, upload, size, now=datetime.now(UTC))
        log.warning("upload %d of %r was cut off at %d bytes", upload.id, upload.name, size)
    await database.write_lazily(_strike_dead)


def _abandoned(connection: Connection) -> list[Upload]:
    now = datetime.now(UTC)
    dead = [role for role in roles.known(connection, kind="mount") if not role.is_alive(now)]
    return [upload for role in dead for upload in uploads.receiving(connection, role.id)]


def _strike_dead(connection: Connection) -> None:
    now = datetime.now(UTC)
    for role in roles.known(connection):
        if not role.is_alive(now) and not uploads.receiving(connection, role.id):
            roles.stop(connection, role.id)


def _cut(store: BlobStore, upload: Upload) -> int:
    """Cut an abandoned blob and return its size; without a file, nothing had arrived."""
    try:
        descriptor = store.open(upload.blob_key, writing=True)
    except LostBytesError:
        return 0
    with os.fdopen(descriptor, "r+b"):
        size = store.cut_to_prefix(descriptor)
        store.sync(upload.blob_key, descriptor)
    return size
