"""Open files: what stands behind the kernel's file handles.

Opening, first writes and closes of one file happen one after the other (a lock per entry); the
writes between them do not wait for each other.
"""

import errno
import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from weakref import WeakValueDictionary

import trio

from jobfs import processes
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.uploads import SEALED, UploadState
from jobfs.errors import JobfsError
from jobfs.mount.versions import OpenVersion, examine, write_fully
from jobfs.processes import Process
from jobfs.tree import changes, versions
from jobfs.tree.views import Node

log = logging.getLogger(__name__)


class BadHandleError(JobfsError):
    """A handle that is not open for what is asked; EBADF, as read(2) and write(2) say."""

    errno = errno.EBADF


@dataclass(frozen=True, slots=True)
class Opener:
    """A process that opens a file, by its pid and uid at that moment."""

    process: Process | None
    uid: int

    @classmethod
    def of(cls, pid: int, uid: int) -> "Opener":
        """Remember who opens: later, at flush, the kernel does not say who asks."""
        return cls(processes.process(pid), uid)

    def is_closing(self) -> bool:
        """Whether a flush at this moment is a close, and not the end of a process that died.

        A process that cannot be seen counts as dead. Connections run under their accounts' uids; a
        program of root's that ends well without closing its files has sent all it had, too.
        """
        if self.process is None:
            return False
        return self.process.is_running() or (self.uid == 0 and self.process.is_ending_well())


@dataclass(slots=True, eq=False)
class Handle:
    """One open of a file.

    shown    the version the file showed when it was opened
    reading  descriptor of the bytes it reads; None if opened for writing only
    version  what it writes; None until it has changed something
    opener   who opened it
    """

    number: int
    inode: int
    flags: int
    shown: Upload
    opener: Opener
    reading: int | None = None
    version: OpenVersion | None = None

    @property
    def account_id(self) -> int:
        """The account in whose view it was opened."""
        return inodes.unpack(self.inode).account

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        return self.flags & os.O_ACCMODE != os.O_RDONLY


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

    # -- opening ---------------------------------------------------------------------------------

    async def create(
        self, parent: int, name: bytes, flags: int, opener: Opener
    ) -> tuple[Handle, Node]:
        """Make a file and open it; raises NameTakenError."""
        key = new_key()
        now = changes.moment(time.time_ns())
        descriptor = await trio.to_thread.run_sync(self._store.create, key)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            node, upload = await self._database.write_lazily(
                changes.create, parent, name, role_id=self._role_id, blob_key=key, now=now
            )
            undo.pop_all()
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
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            upload = await self._database.write_lazily(
                versions.start_over, handle.shown, account_id=handle.account_id,
                role_id=self._role_id, blob_key=key, now=datetime.now(UTC),
            )  # fmt: skip
            undo.pop_all()
        self._detach(handle.shown.id, "a newer upload has taken its place")
        version = OpenVersion(upload, descriptor, size=0)
        version.wrote_ns = time.time_ns()  # truncation is a change of its own
        self._use(handle, self._attach(version))

    # -- reading and writing ---------------------------------------------------------------------

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes; what a handle has written it also reads."""
        handle = self._handle(number)
        version = handle.version
        descriptor = handle.reading if version is None else version.descriptor
        if descriptor is None or handle.flags & os.O_ACCMODE == os.O_WRONLY:
            raise BadHandleError("the file is not open for reading")
        return await trio.to_thread.run_sync(os.pread, descriptor, size, offset)

    async def write(self, number: int, offset: int, data: bytes) -> int:
        """Store *data* and return its length, or raise; never less."""
        handle = self._writable_handle(number)
        version = await self._writable(handle)
        if handle.flags & os.O_APPEND:
            # The kernel's offset is the size it remembers, which another handle may have moved.
            offset = version.reserve(len(data))
        try:
            await trio.to_thread.run_sync(write_fully, version.descriptor, offset, data)
        except OSError:
            version.failed = True
            version.changed = True
            raise
        version.note_write(offset, len(data))
        return len(data)

    async def truncate(self, number: int, size: int) -> None:
        """Cut or grow the file of a handle. To the size it has: nothing happens."""
        handle = self._writable_handle(number)
        if handle.version is None and await self._size(handle) == size:
            return
        version = await self._writable(handle)
        await trio.to_thread.run_sync(os.ftruncate, version.descriptor, size)
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
        resumed = await self._database.write_lazily(versions.resume, shown, role_id=self._role_id)
        version = self._versions.get(shown.id)
        if version is None:
            descriptor = await trio.to_thread.run_sync(self._open_for_writing, shown.blob_key)
            size = os.fstat(descriptor).st_size
            version = self._attach(OpenVersion(resumed, descriptor, size=size))
        version.receiving = True
        self._use(handle, version)
        return version

    async def _rewrite(self, handle: Handle, shown: Upload) -> OpenVersion:
        key = new_key()
        descriptor = await trio.to_thread.run_sync(self._copy, key, shown.blob_key)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            upload = await self._database.write_lazily(
                versions.rewrite, shown, account_id=handle.account_id,
                role_id=self._role_id, blob_key=key, now=datetime.now(UTC),
            )  # fmt: skip
            undo.pop_all()
        version = self._attach(OpenVersion(upload, descriptor, size=shown.size))
        for other in self._handles.values():  # whoever wrote the sealed version writes this one now
            if other.version is not None and other.version.upload.id == shown.id:
                self._use(other, version)
        self._use(handle, version)
        return version

    # -- closing ---------------------------------------------------------------------------------

    async def fsync(self, number: int) -> None:
        """Return when the bytes of a handle survive a power cut."""
        version = self._handle(number).version
        if version is not None:
            key, descriptor = version.upload.blob_key, version.descriptor
            await trio.to_thread.run_sync(self._store.sync, key, descriptor)

    async def flush(self, number: int) -> None:
        """Make durable and judge what a handle wrote. close(2) waits for this, and for no more."""
        handle = self._handle(number)
        if handle.version is None:
            return
        await self._settle(handle, closed=handle.opener.is_closing())

    async def _settle(self, handle: Handle, *, closed: bool) -> None:
        version = handle.version
        if version is None or not version.changed:
            return
        if closed:
            version.require_attached()
        if version.detached is not None or (not closed and version.writers > 1):
            return  # a dead client's share; the others go on
        async with self._lock(handle.inode):
            version.changed = False
            evidence = await trio.to_thread.run_sync(
                lambda: examine(version, self._store, closed=closed)
            )
            version.size = evidence.size
            upload = await self._database.write(
                versions.settle, version.upload.id, evidence,
                mtime_ns=version.wrote_ns, now=datetime.now(UTC),
            )  # fmt: skip
            version.receiving = False
            version.wrote_ns = None
            version.upload = upload
        _log_outcome(handle, upload)

    async def release(self, number: int) -> None:
        """Forget a handle; after the last one of a version ingest may begin."""
        handle = self._handles.pop(number)
        if handle.reading is not None:
            os.close(handle.reading)
        version = handle.version
        if version is None:
            return
        version.writers -= 1
        if version.writers > 0:
            return
        self._versions.pop(version.upload.id, None)
        await trio.to_thread.run_sync(os.close, version.descriptor)
        if version.upload.state is UploadState.RECEIVED:
            await self._database.write_lazily(
                versions.released, version.upload.id, now=datetime.now(UTC)
            )

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
        """Fail the writing handles of accounts that have lost their grant."""
        for handle in list(self._handles.values()):
            if not handle.is_writable:
                continue
            entry_id = inodes.unpack(handle.inode).row
            granted = await self._database.read(versions.still_granted, handle.account_id, entry_id)
            if not granted and handle.version is not None:
                handle.version.detach("the account may no longer write to this job")

    async def cut_off_all(self) -> None:
        """Settle everything that is still open as interrupted: the mount ends."""
        for handle in list(self._handles.values()):
            if handle.version is not None:
                handle.version.writers = 1
                await self._settle(handle, closed=False)

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
        version.writers -= 1
        if version.writers == 0:
            self._versions.pop(version.upload.id, None)
            os.close(version.descriptor)

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

    def _open_for_writing(self, key: str) -> int:
        return self._store.open(key, writing=True)

    def _copy(self, key: str, of: str) -> int:
        return self._store.copy(key, of=of)


def _log_outcome(handle: Handle, upload: Upload) -> None:
    log.info(
        "upload %d of %r by account %d: %s, %d bytes",
        upload.id, upload.name, handle.account_id, upload.state, upload.size,
    )  # fmt: skip
