"""What is open in one mount: its handles, the versions they write, and a lock per entry."""

from collections.abc import Iterator
from itertools import count
from weakref import WeakValueDictionary

import trio

from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.mount.handles import BadHandleError, Handle, Opener
from jobfs.mount.versions import OpenVersion


class HandleTable:
    """The open files of one mount. The event loop's thread owns it.

    Opening, first writes and closes of one file happen one after the other, under its *lock*; the
    writes between them do not wait for each other.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._handles: dict[int, Handle] = {}
        self._versions: dict[int, OpenVersion] = {}  # by upload id
        self._locks: WeakValueDictionary[int, trio.Lock] = WeakValueDictionary()  # by entry id

    def __iter__(self) -> Iterator[Handle]:
        """Go over the handles there are at this moment."""
        return iter(list(self._handles.values()))

    def lock(self, inode: int) -> trio.Lock:
        """Return the lock of a file; every view of it shares one."""
        return self._locks.setdefault(inodes.unpack(inode).row, trio.Lock())

    def add(
        self,
        inode: int,
        flags: int,
        shown: Upload,
        opener: Opener,
        version: OpenVersion | None = None,
    ) -> Handle:
        """Give a new handle its number."""
        handle = Handle(next(self._numbers), inode, flags, shown, opener)
        self._handles[handle.number] = handle
        if version is not None:
            self.use(handle, version)
        return handle

    def forget(self, handle: Handle) -> None:
        """Take a handle out; the last one of a version takes that along."""
        del self._handles[handle.number]
        if handle.version is not None:
            self._leave(handle.version)

    def get(self, number: int) -> Handle:
        """Return a handle; raises BadHandleError."""
        try:
            return self._handles[number]
        except KeyError:
            raise BadHandleError(f"no handle {number}") from None

    def writable(self, number: int) -> Handle:
        """Return a handle that may write; raises BadHandleError or DetachedError."""
        handle = self.get(number)
        handle.require_permitted()
        if not handle.is_writable:
            raise BadHandleError("the file is not open for writing")
        return handle

    def is_open(self, inode: int) -> bool:
        """Whether somebody has the file open in this view."""
        return any(handle.inode == inode for handle in self._handles.values())

    def live(self, upload_id: int | None) -> OpenVersion | None:
        """Return the version with this id if it is being written."""
        return None if upload_id is None else self._versions.get(upload_id)

    def growth(self, account_id: int) -> int:
        """Return the bytes that an account has sent and no row knows of yet."""
        return sum(
            version.extent - version.upload.size
            for version in self._versions.values()
            if version.upload.account_id == account_id
        )

    def attach(self, version: OpenVersion) -> OpenVersion:
        """Make a version findable for others who open its file."""
        self._versions[version.upload.id] = version
        return version

    def detach(self, upload_id: int, why: str) -> None:
        """Refuse all further writes to a version, if it is being written."""
        version = self._versions.pop(upload_id, None)
        if version is not None:
            version.detach(why)

    def use(self, handle: Handle, version: OpenVersion) -> None:
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

    def times_were_set(self, upload_id: int | None) -> None:
        """Note that the client has set the time: the writes before it no longer count."""
        version = self.live(upload_id)
        if version is not None:
            version.wrote_ns = None
