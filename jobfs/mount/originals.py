"""The files of `.jobfs/all` while they are open: read-only, straight from the store."""

import os
from dataclasses import dataclass
from itertools import count

import trio

from jobfs.blobs.store import BlobStore
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.mount.handles import Opener
from jobfs.mount.reading import read_at
from jobfs.mount.refusals import BadHandleError
from jobfs.tree import overview
from jobfs.tree.refusals import ReadOnlyViewError

#: Between the handles of files, from 1 on, and those of the files that jobfs writes.
_FIRST_NUMBER, _LAST_NUMBER = 1 << 60, (1 << 61) - 1


@dataclass(frozen=True, slots=True)
class OriginalHandle:
    """One open of a file: the descriptor of the bytes that it showed at that moment."""

    number: int
    inode: int
    descriptor: int


class Originals:
    """Answers for the files of `.jobfs/all`, in the place of OpenFiles and with its methods."""

    def __init__(self, database: Database, store: BlobStore) -> None:
        self._database = database
        self._store = store
        self._numbers = count(_FIRST_NUMBER)
        self._handles: dict[int, OriginalHandle] = {}

    def __contains__(self, number: int) -> bool:
        """Whether a handle belongs to one of these files."""
        return _FIRST_NUMBER <= number <= _LAST_NUMBER

    def holds(self, inode: int) -> bool:
        """Whether an inode is one of these files, or of the directories around them."""
        return inodes.unpack(inode).kind is Kind.OVERVIEW

    def is_open(self, inode: int) -> bool:
        """Whether somebody has a file open, which may be in the trash since."""
        return any(handle.inode == inode for handle in self._handles.values())

    async def open(
        self,
        inode: int,
        flags: int,
        opener: Opener,  # noqa: ARG002 (as OpenFiles has it)
    ) -> OriginalHandle:
        """Open a file for reading; raises ReadOnlyViewError for anything else."""
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_TRUNC:
            raise ReadOnlyViewError
        shown = await self._database.read(overview.original, inode)
        descriptor = await trio.to_thread.run_sync(self._store.open, shown.blob_key)
        handle = OriginalHandle(next(self._numbers), inode, descriptor)
        self._handles[handle.number] = handle
        return handle

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes."""
        return await read_at(self._handle(number).descriptor, size, offset)

    async def write(self, number: int, offset: int, data: bytes) -> int:  # noqa: ARG002 (likewise)
        """Refuse: no handle is writable."""
        raise BadHandleError("the file is not open for writing")

    async def fsync(self, number: int) -> None:
        """Nothing was written."""

    async def flush(self, number: int) -> None:
        """Nothing is judged."""

    async def release(self, number: int) -> None:
        """Forget a handle."""
        os.close(self._handles.pop(number).descriptor)

    def _handle(self, number: int) -> OriginalHandle:
        try:
            return self._handles[number]
        except KeyError:
            raise BadHandleError(f"no handle {number}") from None
