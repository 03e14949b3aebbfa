"""Opening, reading and writing files: what stands behind the kernel's requests for them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import trio

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog.engine import CatalogUnavailableError
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain.uploads import SEALED
from jobfs.errors import JobfsError
from jobfs.mount.closing import Closing
from jobfs.mount.handles import BadHandleError, Handle, Opener
from jobfs.mount.table import HandleTable
from jobfs.mount.versions import OpenVersion, write_fully
from jobfs.tree import changes, versions
from jobfs.tree.views import Node


class OpenFiles:
    """Opens, reads and writes the files of one mount.

    table    what is open
    closing  what settles it
    """

    def __init__(self, database: Database, store: BlobStore, role_id: int) -> None:
        self._database = database
        self._store = store
        self._role_id = role_id
        self.table = HandleTable()
        self.closing = Closing(database, store, self.table)

    # -- opening ---------------------------------------------------------------------------------

    async def create(
        self, parent: int, name: bytes, flags: int, opener: Opener
    ) -> tuple[Handle, Node]:
        """Make a file and open it; raises NameTakenError."""
        key = new_key()
        now = changes.moment(time.time_ns())
        descriptor = await trio.to_thread.run_sync(self._store.create, key)
        with self._given_back_if_refused(key, descriptor):
            node, upload = await self._database.write_lazily(
                changes.create, parent, name, role_id=self._role_id, blob_key=key, now=now
            )
        version = self.table.attach(OpenVersion(upload, descriptor, size=0))
        handle = self.table.add(node.inode, flags, upload, opener, version)
        return handle, node

    async def open(self, inode: int, flags: int, opener: Opener) -> Handle:
        """Open a file that is there."""
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        async with self.table.lock(inode):
            _, shown = await self._database.read(versions.open_file, inode, writing=writing)
            handle = self.table.add(inode, flags, shown, opener)
            try:
                if writing and flags & os.O_TRUNC:
                    await self._start_over(handle)
                elif flags & os.O_ACCMODE != os.O_WRONLY:
                    handle.reading = await trio.to_thread.run_sync(self._store.open, shown.blob_key)
            except BaseException:
                self.table.forget(handle)
                raise
        return handle

    async def _start_over(self, handle: Handle) -> None:
        """Give a handle an empty version; whoever writes the present one has lost the file."""
        key = new_key()
        descriptor = await trio.to_thread.run_sync(self._store.create, key)
        with self._given_back_if_refused(key, descriptor):
            upload = await self._database.write_lazily(
                versions.start_over, handle.shown, account_id=handle.account_id,
                role_id=self._role_id, blob_key=key, now=datetime.now(UTC),
            )  # fmt: skip
        self.table.detach(handle.shown.id, "a newer upload has taken its place")
        version = OpenVersion(upload, descriptor, size=0)
        version.wrote_ns = time.time_ns()  # truncation is a change of its own
        self.table.use(handle, self.table.attach(version))

    # -- reading and writing ---------------------------------------------------------------------

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes; what a handle has written it also reads."""
        handle = self.table.get(number)
        handle.require_permitted()
        if not handle.is_readable:
            raise BadHandleError("the file is not open for reading")
        if handle.version is not None:
            with handle.version.moving_bytes() as descriptor:
                return await trio.to_thread.run_sync(os.pread, descriptor, size, offset)
        assert handle.reading is not None, "a handle reads its version, or the one it was shown"
        return await trio.to_thread.run_sync(os.pread, handle.reading, size, offset)

    async def write(self, number: int, offset: int, data: bytes) -> int:
        """Store *data* and return its length, or raise; never less."""
        handle = self.table.writable(number)
        version = await self._writable(handle)
        if handle.flags & os.O_APPEND:
            # The kernel's offset is the size it remembers, which another handle may have moved.
            offset = version.reserve(len(data))
        with version.moving_bytes() as descriptor:
            try:
                await trio.to_thread.run_sync(write_fully, descriptor, offset, data)
            except OSError:
                version.note_failure()
                raise
            version.note_write(offset, len(data))
        return len(data)

    async def truncate(self, number: int, size: int) -> None:
        """Cut or grow the file of a handle. To the size it has: nothing happens."""
        handle = self.table.writable(number)
        if handle.version is None and await self._size(handle) == size:
            return
        version = await self._writable(handle)
        with version.moving_bytes() as descriptor:
            await trio.to_thread.run_sync(os.ftruncate, descriptor, size)
            version.note_truncation(size)

    async def truncate_closed(self, inode: int, size: int, opener: Opener) -> None:
        """Cut or grow a file by its path: open, truncate, judge, close."""
        handle = await self.open(inode, os.O_RDWR, opener)
        try:
            await self.truncate(handle.number, size)
            await self.closing.settle(handle, closed=True)
        finally:
            await self.closing.release(handle.number)

    async def _writable(self, handle: Handle) -> OpenVersion:
        """Return the version a handle writes, making it one at its first write.

        Until then an open for writing has changed nothing: clients reopen files to set times.
        """
        version = handle.version
        if version is None or not version.receiving:
            async with self.table.lock(handle.inode):
                version = await self._acquire(handle)
        version.require_attached()
        return version

    async def _acquire(self, handle: Handle) -> OpenVersion:
        version = handle.version or self.table.live(handle.shown.id)
        if version is not None:
            self.table.use(handle, version)
            version.require_attached()
            if version.receiving:
                return version
            return await self._resume(handle, version.upload)
        return await self._resume(handle, handle.shown)

    async def _resume(self, handle: Handle, upload: Upload) -> OpenVersion:
        """Go on with what was closed before: in place, or in a copy if its bytes are sealed."""
        shown = await self._database.read(versions.latest, upload)
        if shown.state in SEALED:
            return await self._rewrite(handle, shown)
        version = self.table.live(shown.id)
        if version is None:
            descriptor = await trio.to_thread.run_sync(self._open_for_writing, shown.blob_key)
            size = os.fstat(descriptor).st_size
            version = OpenVersion(shown, descriptor, size=size, changed=False, receiving=False)
        self.table.use(handle, self.table.attach(version))
        await self._database.write_lazily(versions.resume, shown, role_id=self._role_id)
        version.receiving = version.changed = True
        return version

    async def _rewrite(self, handle: Handle, shown: Upload) -> OpenVersion:
        key = new_key()
        descriptor = await trio.to_thread.run_sync(self._copy, key, shown.blob_key)
        with self._given_back_if_refused(key, descriptor):
            upload = await self._database.write_lazily(
                versions.rewrite, shown, account_id=handle.account_id,
                role_id=self._role_id, blob_key=key, now=datetime.now(UTC),
            )  # fmt: skip
        version = self.table.attach(OpenVersion(upload, descriptor, size=shown.size))
        for other in self.table:  # whoever wrote the sealed version writes this one now
            if other.version is not None and other.version.upload.id == shown.id:
                self.table.use(other, version)
        self.table.use(handle, version)
        return version

    async def fsync(self, number: int) -> None:
        """Return when the bytes of a handle survive a power cut."""
        handle = self.table.get(number)
        handle.require_permitted()
        if handle.version is not None:
            with handle.version.moving_bytes() as descriptor:
                key = handle.version.upload.blob_key
                await trio.to_thread.run_sync(self._store.sync, key, descriptor)

    # -- small parts -----------------------------------------------------------------------------

    async def _size(self, handle: Handle) -> int:
        live = self.table.live(handle.shown.id)
        if live is not None:
            return live.size
        return (await self._database.read(versions.latest, handle.shown)).size

    @contextmanager
    def _given_back_if_refused(self, key: str, descriptor: int) -> Iterator[None]:
        """Close and delete a new blob if the block, which is to give it a row, is refused."""
        try:
            yield
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, JobfsError) and not isinstance(error, CatalogUnavailableError):
                self._store.drop_original(key)  # else nobody knows whether the row is there
            raise

    def _open_for_writing(self, key: str) -> int:
        return self._store.open(key, writing=True)

    def _copy(self, key: str, of: str) -> int:
        return self._store.copy(key, of=of)
