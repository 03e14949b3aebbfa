"""Open files: what stands behind the kernel's file handles.

Opening, first writes and closes of one file happen one after the other (a lock per entry); the
writes between them do not wait for each other.
"""

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from weakref import WeakValueDictionary

import trio

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog.engine import CatalogUnavailableError
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.uploads import SEALED, UploadState
from jobfs.errors import JobfsError
from jobfs.mount.handles import BadHandleError, Handle, Opener
from jobfs.mount.versions import OpenVersion, examine, write_fully
from jobfs.tree import changes, versions
from jobfs.tree.refusals import DetachedError
from jobfs.tree.views import Node

log = logging.getLogger(__name__)

#: Seconds between two tries to settle what a failing disk or database has left unsettled.
_PAUSE = 1.0


class OpenFiles:
    """The table of handles of one mount."""

    def __init__(self, database: Database, store: BlobStore, role_id: int) -> None:
        self._database = database
        self._store = store
        self._role_id = role_id
        self._numbers = count(1)
        self._handles: dict[int, Handle] = {}
        self._versions: dict[int, OpenVersion] = {}  # by upload id
        self._locks: WeakValueDictionary[int, trio.Lock] = WeakValueDictionary()  # by entry id
        # Handles that the kernel has released and whose version could not be settled.
        self._left_over, self._each_left_over = trio.open_memory_channel[Handle](math.inf)

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
        version = self._attach(OpenVersion(upload, descriptor, size=0))
        handle = self._add(node.inode, flags, upload, opener, version)
        return handle, node

    async def open(self, inode: int, flags: int, opener: Opener) -> Handle:
        """Open a file that is there."""
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        async with self._lock(inode):
            _, shown = await self._database.read(versions.open_file, inode, writing=writing)
            handle = self._add(inode, flags, shown, opener)
            try:
                if writing and flags & os.O_TRUNC:
                    await self._start_over(handle)
                elif flags & os.O_ACCMODE != os.O_WRONLY:
                    handle.reading = await trio.to_thread.run_sync(self._store.open, shown.blob_key)
            except BaseException:
                del self._handles[handle.number]
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
        self._detach(handle.shown.id, "a newer upload has taken its place")
        version = OpenVersion(upload, descriptor, size=0)
        version.wrote_ns = time.time_ns()  # truncation is a change of its own
        self._use(handle, self._attach(version))

    # -- reading and writing ---------------------------------------------------------------------

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes; what a handle has written it also reads."""
        handle = self._handle(number)
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
        handle = self._writable_handle(number)
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
        handle = self._writable_handle(number)
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
            await self._settle(handle, closed=True)
        finally:
            await self.release(handle.number)

    async def _writable(self, handle: Handle) -> OpenVersion:
        """Return the version a handle writes, making it one at its first write.

        Until then an open for writing has changed nothing: clients reopen files to set times.
        """
        version = handle.version
        if version is None or not version.receiving:
            async with self._lock(handle.inode):
                version = await self._acquire(handle)
        version.require_attached()
        return version

    async def _acquire(self, handle: Handle) -> OpenVersion:
        version = handle.version or self._versions.get(handle.shown.id)
        if version is not None:
            self._use(handle, version)
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
        version = self._versions.get(shown.id)
        if version is None:
            descriptor = await trio.to_thread.run_sync(self._open_for_writing, shown.blob_key)
            size = os.fstat(descriptor).st_size
            version = OpenVersion(shown, descriptor, size=size, changed=False, receiving=False)
        self._use(handle, self._attach(version))
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
        version = self._attach(OpenVersion(upload, descriptor, size=shown.size))
        for other in self._handles.values():  # whoever wrote the sealed version writes this one now
            if other.version is not None and other.version.upload.id == shown.id:
                self._use(other, version)
        self._use(handle, version)
        return version

    # -- closing ---------------------------------------------------------------------------------

    async def fsync(self, number: int) -> None:
        """Return when the bytes of a handle survive a power cut."""
        handle = self._handle(number)
        handle.require_permitted()
        if handle.version is not None:
            with handle.version.moving_bytes() as descriptor:
                key = handle.version.upload.blob_key
                await trio.to_thread.run_sync(self._store.sync, key, descriptor)

    async def flush(self, number: int) -> None:
        """Make durable and judge what a handle wrote. close(2) waits for this, and for no more."""
        handle = self._handle(number)
        if handle.is_writable:
            handle.require_permitted()
        if handle.version is not None:
            await self._settle(handle, closed=handle.opener.is_closing())

    async def _settle(self, handle: Handle, *, closed: bool, alone: bool = False) -> None:
        """Judge what a handle wrote; of a dead client only if it is *alone*, else the others go on."""
        async with self._lock(handle.inode):
            version = handle.version
            if version is None or not version.changed:
                return
            if closed:
                version.require_attached()
            if version.detached is not None or not (closed or alone or version.writers == 1):
                return
            await self._judge(version, closed=closed)
        _log_outcome(handle, version.upload)

    async def _judge(self, version: OpenVersion, *, closed: bool) -> None:
        # Who wants to write from now on waits for the lock, and asks for the row's state then. That
        # holds, too, if this fails half-way.
        version.receiving = False
        await version.calm()
        evidence = await trio.to_thread.run_sync(
            lambda: examine(version, self._store, closed=closed)
        )
        upload = await self._database.write(
            versions.settle, version.upload.id, evidence,
            mtime_ns=version.wrote_ns, now=datetime.now(UTC),
        )  # fmt: skip
        version.note_judgement(upload, evidence.size)

    async def release(self, number: int) -> None:
        """Forget a handle; after the last one of a version ingest may begin."""
        handle = self._handles[number]
        if handle.reading is not None:
            os.close(handle.reading)
            handle.reading = None
        if await self._is_settled(handle):
            await self._forget(handle)
        else:
            self._left_over.send_nowait(handle)

    async def _forget(self, handle: Handle) -> None:
        del self._handles[handle.number]
        version = handle.version
        if version is None:
            return
        self._leave(version)
        if version.writers > 0:
            return
        with suppress(CatalogUnavailableError):  # then a task waits for its time, a size is unknown
            if version.detached is not None:
                await self._database.write_lazily(
                    versions.left_behind, version.upload.id, version.size
                )
            elif version.upload.state is UploadState.RECEIVED:
                await self._database.write_lazily(
                    versions.released, version.upload.id, now=datetime.now(UTC)
                )

    async def settle_left_over(self) -> None:
        """Settle, for ever, what could not be settled when the kernel released its last handle."""
        async for handle in self._each_left_over:
            if await self._is_settled(handle):
                await self._forget(handle)
            else:
                self._left_over.send_nowait(handle)
                await trio.sleep(_PAUSE)

    async def _is_settled(self, handle: Handle, *, alone: bool = False) -> bool:
        """Cut off what a flush has not settled, because it failed or the client died; if it can be."""
        try:
            await self._settle(handle, closed=False, alone=alone)
        except DetachedError:
            return True  # by a newer version, which another mount has begun
        except (JobfsError, OSError) as error:
            log.warning("upload of %r is not settled yet: %s", handle.shown.name, error)
            return False
        return True

    async def cut_off_all(self) -> None:
        """Settle everything that is still open as interrupted: the mount ends."""
        for handle in list(self._handles.values()):
            await self._is_settled(handle, alone=True)

    # -- what others ask -------------------------------------------------------------------------

    def get(self, number: int) -> Handle:
        """Return a handle; raises BadHandleError."""
        return self._handle(number)

    def is_open(self, inode: int) -> bool:
        """Whether somebody has the file open in this view."""
        return any(handle.inode == inode for handle in self._handles.values())

    def live(self, upload_id: int | None) -> OpenVersion | None:
        """Return the version with this id if it is being written."""
        return None if upload_id is None else self._versions.get(upload_id)

    def times_were_set(self, upload_id: int | None) -> None:
        """Note that the client has set the time: the writes before it no longer count."""
        version = self.live(upload_id)
        if version is not None:
            version.wrote_ns = None

    async def revoke_ungranted(self) -> None:
        """Fail the handles of accounts that have lost their grant, and cut off what they wrote."""
        permitted = [handle for handle in self._handles.values() if handle.refused is None]
        lost = [handle for handle in permitted if not await self._is_granted(handle)]
        for handle in lost:
            handle.refused = "the account may no longer work in this job"
        for handle in lost:
            log.info("account %d, %r: %s", handle.account_id, handle.shown.name, handle.refused)
            await self._is_settled(handle)

    async def _is_granted(self, handle: Handle) -> bool:
        entry_id = inodes.unpack(handle.inode).row
        return await self._database.read(
            versions.still_granted, handle.account_id, entry_id, writing=handle.is_writable
        )

    # -- small parts -----------------------------------------------------------------------------

    def _add(
        self,
        inode: int,
        flags: int,
        shown: Upload,
        opener: Opener,
        version: OpenVersion | None = None,
    ) -> Handle:
        handle = Handle(next(self._numbers), inode, flags, shown, opener)
        self._handles[handle.number] = handle
        if version is not None:
            self._use(handle, version)
        return handle

    def _attach(self, version: OpenVersion) -> OpenVersion:
        self._versions[version.upload.id] = version
        return version

    def _use(self, handle: Handle, version: OpenVersion) -> None:
        """Let a handle write a version."""
        if handle.version is version:
            return
        if handle.version is not None:
            self._leave(handle.version)
        handle.version = version
        version.writers += 1

    def _leave(self, version: OpenVersion) -> None:
        version.leave()
        if version.writers == 0 and version.detached is None:
            del self._versions[version.upload.id]

    def _detach(self, upload_id: int, why: str) -> None:
        version = self._versions.pop(upload_id, None)
        if version is not None:
            version.detach(why)

    def _handle(self, number: int) -> Handle:
        try:
            return self._handles[number]
        except KeyError:
            raise BadHandleError(f"no handle {number}") from None

    def _writable_handle(self, number: int) -> Handle:
        handle = self._handle(number)
        handle.require_permitted()
        if not handle.is_writable:
            raise BadHandleError("the file is not open for writing")
        return handle

    async def _size(self, handle: Handle) -> int:
        live = self._versions.get(handle.shown.id)
        if live is not None:
            return live.size
        return (await self._database.read(versions.latest, handle.shown)).size

    def _lock(self, inode: int) -> trio.Lock:
        return self._locks.setdefault(inodes.unpack(inode).row, trio.Lock())

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


def _log_outcome(handle: Handle, upload: Upload) -> None:
    log.info(
        "upload %d of %r by account %d: %s, %d bytes",
        upload.id, upload.name, handle.account_id, upload.state, upload.size,
    )  # fmt: skip
