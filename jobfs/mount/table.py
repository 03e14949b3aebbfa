"""What is open in one mount: its handles, the versions they write, and a lock per entry."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from weakref import WeakValueDictionary

import trio

from jobfs import metrics
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.metrics import Number
from jobfs.mount.connections import Use
from jobfs.mount.handles import Handle, Opener
from jobfs.mount.refusals import BadHandleError
from jobfs.mount.versions import OpenVersion
from jobfs.processes import Process

#: Processes of which is remembered what they moved; nobody hears when one that has nothing open ends.
_REMEMBERED = 4096

_READING, _WRITING = metrics.OPEN_HANDLES.of("reading"), metrics.OPEN_HANDLES.of("writing")


class Turn:
    """Lets one task at a time into a block; who finds nobody in it goes on at once.

    trio.Lock lets all others run first, which takes as long as a short transaction does.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def __aenter__(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._lock.release()


class HandleTable:
    """The open files of one mount. The event loop's thread owns it.

    Opening, first writes and closes of one file happen one after the other, under its *lock*; the
    writes between them do not wait for each other.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._handles: dict[int, Handle] = {}
        self._versions: dict[int, OpenVersion] = {}  # by upload id
        self._turns: WeakValueDictionary[int, Turn] = WeakValueDictionary()  # by entry id
        self._moved: OrderedDict[Process, int] = OrderedDict()  # bytes, over handles now closed
        self._births: set[trio.Event] = set()  # files whose rows may be there before their versions

    def __iter__(self) -> Iterator[Handle]:
        """Go over the handles there are at this moment."""
        return iter(list(self._handles.values()))

    def __contains__(self, number: int) -> bool:
        """Whether a handle is open."""
        return number in self._handles

    def lock(self, inode: int) -> Turn:
        """Return the lock of a file; every view of it shares one."""
        return self._turns.setdefault(inodes.unpack(inode).row, Turn())

    @contextmanager
    def birth(self) -> Iterator[None]:
        """Make a file in the block, from its row to its version."""
        born = trio.Event()
        self._births.add(born)
        try:
            yield
        finally:
            self._births.discard(born)
            born.set()

    async def born(self, upload_id: int) -> None:
        """Return when a version is here if this mount has made its file just now."""
        for birth in list(self._births):
            if upload_id in self._versions:
                return
            await birth.wait()

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
        _open(handle).add(1)
        if version is not None:
            self.use(handle, version)
        return handle

    def forget(self, handle: Handle) -> None:
        """Take a handle out; the last one of a version takes that along."""
        del self._handles[handle.number]
        _open(handle).add(-1)
        self._note_moved(handle)
        if handle.version is not None:
            self._leave(handle.version)

    def _note_moved(self, handle: Handle) -> None:
        process = handle.opener.process
        if process is not None:
            self._moved[process] = self._moved.pop(process, 0) + handle.moved
            if len(self._moved) > _REMEMBERED:
                self._moved.popitem(last=False)

    def uses(self) -> dict[Process, Use]:
        """Return what each process does with files, as far as is remembered."""
        moved, opened = Counter(self._moved), Counter[Process]()
        for handle in self._handles.values():
            if handle.opener.process is not None:
                moved[handle.opener.process] += handle.moved
                opened[handle.opener.process] += 1
        return {one: Use(open_files=opened[one], moved=total) for one, total in moved.items()}

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

    def is_held(self, inode: int) -> bool:
        """Whether somebody has the file open for writing in this view, and still may."""
        return any(
            handle.inode == inode and handle.is_writable and handle.refused is None
            for handle in self._handles.values()
        )

    def live(self, upload_id: int | None) -> OpenVersion | None:
        """Return the version with this id if it is being written."""
        return None if upload_id is None else self._versions.get(upload_id)

    def is_live(self, upload_id: int) -> bool:
        """Whether a version is being written, or is just about to be."""
        return upload_id in self._versions or bool(self._births)

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
        if version.writers == 0 and self._versions.get(version.upload.id) is version:
            del self._versions[version.upload.id]

    def times_were_set(self, upload_id: int | None) -> None:
        """Note that the client has set the time: the writes before it no longer count."""
        version = self.live(upload_id)
        if version is not None:
            version.wrote_ns = None


def _open(handle: Handle) -> Number:
    """Return the number of open handles that this one counts among."""
    return _WRITING if handle.is_writable else _READING
