"""What dead mounts have left open is settled, by a mount that has its bytes.

At the start, since a mount that was killed is followed by another; and again and again, since a
mount on another machine counts as dead only after a silence.
"""

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import trio

from jobfs import processes
from jobfs.blobs.refusals import LostBytesError
from jobfs.blobs.store import BlobStore
from jobfs.catalog import roles, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.roles import Role
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.tree import versions

log = logging.getLogger(__name__)

#: Seconds between two sweeps. Until a dead mount's upload is settled, nobody can resume it.
_PAUSE = roles.SILENCE.total_seconds()
#: Names in a warning.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead mount has left open; *here* says whether this store has the bytes."""

    mount: Role
    uploads: list[Upload]
    here: bool


class Sweeper:
    """Settles for one mount what others have left in its store, and what it has lost sight of itself.

    *own* is its role, and *is_live* tells whether it has a version of an upload open.
    """

    def __init__(
        self, database: Database, store: BlobStore, own: int, is_live: Callable[[int], bool]
    ) -> None:
        self._database = database
        self._store = store
        self._own = own
        self._is_live = is_live
        self._warned: set[int] = set()  # ids of dead mounts, whose uploads are not for us
        self._lost: set[int] = set()  # uploads of our own that nobody had open the last time

    async def sweep(self) -> None:
        """Cut what dead mounts left open to what arrived without a gap: it is interrupted."""
        for remains in await self._database.read(dead_mounts, self._store, now=datetime.now(UTC)):
            if remains.here:
                await self._settle(remains)
            elif remains.uploads and remains.mount.id not in self._warned:
                self._warned.add(remains.mount.id)
                log.warning("%s", _warning(remains))
        await self._settle_lost()
        await self._database.write_lazily(_strike_dead, self._store, now=datetime.now(UTC))

    async def _settle_lost(self) -> None:
        """Settle what is received by this mount as the rows say, and by no handle, twice in a row.

        A commit may have been done although its answer was lost on the way.
        """
        ours = await self._database.read(uploads.receiving, self._own)
        lost = [upload for upload in ours if not self._is_live(upload.id)]
        for upload in lost:
            if upload.id in self._lost:
                await self._cut_off(upload)
        self._lost = {upload.id for upload in lost}

    async def keep_sweeping(self) -> None:
        """Sweep for ever. What goes wrong with it must not end the mount for everyone."""
        while True:
            await trio.sleep(_PAUSE)
            try:
                await self.sweep()
            except CatalogUnavailableError as error:
                log.warning("cannot look for what dead mounts have left, trying again: %s", error)
            except Exception:
                log.exception("cannot settle what a dead mount has left, trying again")

    async def _settle(self, remains: Remains) -> None:
        settled = [await self._cut_off(upload) for upload in remains.uploads]
        if all(settled):
            self._store.writers.forget(remains.mount.id)

    async def _cut_off(self, upload: Upload) -> bool:
        """Settle one upload; false if the store does not let us, which must not stop the others."""
        try:
            size = await trio.to_thread.run_sync(_cut, self._store, upload)
        except OSError as error:
            log.warning("upload %d of %r cannot be settled: %s", upload.id, upload.name, error)
            return False
        await self._database.write(versions.cut_off, upload, size, now=datetime.now(UTC))
        return True


def dead_mounts(connection: Connection, store: BlobStore, *, now: datetime) -> list[Remains]:
    """Return what every mount that has died has left open."""
    # A SQLite database is one machine's, and so is its one store.
    alone = connection.dialect.name == "sqlite"
    found = []
    for mount in roles.known(connection, kind="mount"):
        alive = store.writers.is_alive(mount.id)
        if _is_dead(mount, alive, alone=alone, now=now):
            here = alone or alive is not None
            found.append(Remains(mount, uploads.receiving(connection, mount.id), here))
    return found


def _is_dead(mount: Role, alive: bool | None, *, alone: bool, now: datetime) -> bool:  # noqa: FBT001 (three values)
    """Tell from its lock, *alive*, if that can be known, else from its process or its silence.

    Over a network, not every file system shows another machine's locks: then silence has to bear a
    free lock out.
    """
    if alive is None:
        return not mount.is_alive(now)
    exact = alone or processes.is_this_machine(mount.host)
    return not alive and (exact or not mount.is_alive(now))


def _strike_dead(connection: Connection, store: BlobStore, *, now: datetime) -> None:
    """Strike roles that are dead and have left nothing, and the locks of those struck before."""
    for role in roles.known(connection):
        locked = role.kind == "mount" and store.writers.is_alive(role.id)
        if not (locked or role.is_alive(now) or uploads.receiving(connection, role.id)):
            roles.stop(connection, role.id)
    known = {role.id for role in roles.known(connection, kind="mount")}
    for role_id in set(store.writers.known()) - known:
        if not store.writers.is_alive(role_id):
            store.writers.forget(role_id)


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


def _warning(remains: Remains) -> str:
    host, seen = remains.mount.host.partition(" ")[0], remains.mount.seen_at
    return (
        f"a mount on {host}, silent since {seen:%Y-%m-%d %H:%M:%S} UTC, has left "
        f"{len(remains.uploads)} uploads open, and their bytes are not in this store: "
        f"{_names(remains.uploads)}. Start `jobfs mount` there again, and it settles them; if that "
        "machine is gone for good, have these files sent again"
    )


def _names(left: Iterable[Upload]) -> str:
    names = [repr(upload.name) for upload in left]
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join(names[:_NAMED] + more)
