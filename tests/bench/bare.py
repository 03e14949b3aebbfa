"""A file system that does next to nothing, on pyfuse3: what jobfs would take if only the binding took time.

    python -m tests.bench.bare FOLDER MOUNTPOINT

Names are kept in memory, and the bytes of each file in a file of FOLDER, whose name is its number. No
database, no rights but the kernel's, no metrics, no errors. `bare.c` is the same in C.
"""

# ruff: noqa: ARG002, PLR0917 (the handlers of pyfuse3 take what they take)

import os
import stat
import sys
from itertools import count, islice
from pathlib import Path

import pyfuse3
import trio
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    ReaddirToken,
    RequestContext,
    SetattrFields,
    StatvfsData,
)

#: Seconds for which an answer holds.
_HOLDS = 1.0


class Bare(pyfuse3.Operations):
    """Names and attributes in memory, and bytes in a folder."""

    supports_dot_lookup = False
    enable_writeback_cache = False

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._numbers = count(pyfuse3.ROOT_INODE)
        self._nodes: dict[int, EntryAttributes] = {}
        self._names: dict[int, dict[bytes, int]] = {}  # of each directory
        self._open: dict[int, EntryAttributes] = {}  # by descriptor
        self._listed: dict[int, list[tuple[bytes, int]]] = {}  # by handle, as it was when opened
        self._handles = count()
        self._add(stat.S_IFDIR | 0o755, 0, 0)
        self._absent = EntryAttributes()
        self._absent.st_ino = InodeT(0)
        self._absent.entry_timeout = _HOLDS

    def _add(self, mode: int, uid: int, gid: int) -> EntryAttributes:
        node = EntryAttributes()
        node.st_ino = InodeT(next(self._numbers))
        node.st_mode = ModeT(mode)
        node.st_nlink = 2 if stat.S_ISDIR(mode) else 1
        node.st_uid, node.st_gid = uid, gid
        node.st_blksize = 128 * 1024
        node.attr_timeout = node.entry_timeout = _HOLDS
        self._nodes[node.st_ino] = node
        if stat.S_ISDIR(mode):
            self._names[node.st_ino] = {}
        return node

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name, or say for how long there is none: sshd looks for /etc for each line of a listing."""
        number = self._names[parent_inode].get(name)
        return self._absent if number is None else self._nodes[number]

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """Return attributes."""
        return self._nodes[inode]

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Take mode, owner and size."""
        node = self._nodes[inode]
        if fields.update_mode:
            node.st_mode = ModeT(stat.S_IFMT(node.st_mode) | stat.S_IMODE(attr.st_mode))
        if fields.update_uid:
            node.st_uid = attr.st_uid
        if fields.update_gid:
            node.st_gid = attr.st_gid
        if fields.update_size:
            node.st_size = attr.st_size
        return node

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Make a directory."""
        node = self._add(stat.S_IFDIR | mode, ctx.uid, ctx.gid)
        self._names[parent_inode][name] = node.st_ino
        return node

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a file and its bytes."""
        self._forget(self._names[parent_inode].pop(name))

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a directory."""
        del self._names[self._names[parent_inode].pop(name)]

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Give a file or a directory another name, in place of whatever has it."""
        number = self._names[parent_inode_old].pop(name_old)
        replaced = self._names[parent_inode_new].pop(name_new, None)
        self._names[parent_inode_new][name_new] = number
        if replaced is not None:
            self._forget(replaced)

    def _forget(self, number: int) -> None:
        if stat.S_ISREG(self._nodes[number].st_mode):
            (self._folder / str(number)).unlink()

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Make a file."""
        node = self._add(stat.S_IFREG | stat.S_IMODE(mode), ctx.uid, ctx.gid)
        self._names[parent_inode][name] = node.st_ino
        place = f"{self._folder}/{node.st_ino}"
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._open[descriptor] = node
        return FileInfo(fh=FileHandleT(descriptor), direct_io=True, keep_cache=False), node

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file."""
        node = self._nodes[inode]
        if flags & os.O_TRUNC:
            node.st_size = 0
        wanted = flags & (os.O_ACCMODE | os.O_TRUNC) | os.O_CLOEXEC
        descriptor = os.open(f"{self._folder}/{inode}", wanted)
        self._open[descriptor] = node
        return FileInfo(fh=FileHandleT(descriptor), direct_io=True, keep_cache=False)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Read."""
        return os.pread(fh, size, off)

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Write."""
        done = os.pwrite(fh, buf, off)
        node = self._open[fh]
        node.st_size = max(node.st_size, off + done)
        return done

    async def flush(self, fh: FileHandleT) -> None:
        """Do nothing."""

    async def release(self, fh: FileHandleT) -> None:
        """Close."""
        del self._open[fh]
        os.close(fh)

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory, which is listed as it is now."""
        handle = next(self._handles)
        self._listed[handle] = list(self._names[inode].items())
        return FileHandleT(handle)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List a directory; cookies are positions."""
        rest = islice(self._listed[fh], start_id, None)
        for position, (name, number) in enumerate(rest, start_id + 1):
            if not pyfuse3.readdir_reply(token, name, self._nodes[number], position):
                return

    async def releasedir(self, fh: FileHandleT) -> None:
        """Forget the list."""
        del self._listed[fh]

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """Say what libfuse says by itself."""
        told = StatvfsData()
        told.f_bsize, told.f_namemax = 512, 255
        return told


def serve(bare: Bare, mountpoint: str) -> None:
    """Mount, and serve until a signal."""
    options = {"fsname=bare", "allow_other", "default_permissions"}
    pyfuse3.init(bare, mountpoint, options)
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close()


if __name__ == "__main__":
    serve(Bare(Path(sys.argv[1])), sys.argv[2])
