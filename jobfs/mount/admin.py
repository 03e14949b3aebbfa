"""The files of `.jobfs` while they are open: no row stands behind them, only this mount's memory."""

import os
from collections import deque
from dataclasses import dataclass, replace
from itertools import count

from jobfs.domain import inodes
from jobfs.domain.accounts import FIRST_UID
from jobfs.domain.inodes import Kind
from jobfs.mount.handles import BadHandleError, Opener
from jobfs.tree import admin

#: Handles of files begin at 1; these lie where those never get.
_FIRST_NUMBER = 1 << 62
#: Verdicts remembered. A self-test reads its own two at once; roles that start together make a few more.
_VERDICTS = 64
#: Bytes of a label; what is longer is cut.
_LABEL = 64


@dataclass(slots=True, eq=False)
class AdminHandle:
    """One open of a file: *content* is read from it, *label* was written to it."""

    number: int
    writable: bool
    opener: Opener
    content: bytes
    label: bytes = b""


class AdminFiles:
    """Answers for `.jobfs/closing`, in the place of OpenFiles and with its methods."""

    def __init__(self) -> None:
        self._numbers = count(_FIRST_NUMBER)
        self._handles: dict[int, AdminHandle] = {}
        self._verdicts: deque[bytes] = deque(maxlen=_VERDICTS)

    def __contains__(self, number: int) -> bool:
        """Whether a handle belongs to one of these files."""
        return number >= _FIRST_NUMBER

    def holds(self, inode: int) -> bool:
        """Whether an inode is one of these files."""
        return inodes.unpack(inode).kind is Kind.ADMIN

    async def open(self, inode: int, flags: int, opener: Opener) -> AdminHandle:
        """Open a file; what is read is what was known at this moment."""
        assert inodes.unpack(inode).row == admin.CLOSING.row, "the kernel opens no directory so"
        writable = flags & os.O_ACCMODE != os.O_RDONLY
        content = b"".join(self._verdicts)
        # What counts is what an account's process is taken for; root's own get the benefit of a doubt.
        as_account = replace(opener, uid=FIRST_UID)
        handle = AdminHandle(next(self._numbers), writable, as_account, content)
        self._handles[handle.number] = handle
        return handle

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes."""
        return self._handle(number).content[offset : offset + size]

    async def write(self, number: int, offset: int, data: bytes) -> int:
        """Take *data* as a part of the label, which has no blanks."""
        handle = self._handle(number)
        handle.label = b"".join((handle.label[:offset] + data).split())[:_LABEL]
        return len(data)

    async def fsync(self, number: int) -> None:
        """Nothing of it is ever on a disk."""

    async def flush(self, number: int) -> None:
        """Remember whether this is a close, found out as for every other file."""
        handle = self._handle(number)
        if handle.writable:
            verdict = admin.CLOSED if handle.opener.is_closing() else admin.CUT_OFF
            self._verdicts.append(handle.label + f" {verdict}\n".encode())

    async def release(self, number: int) -> None:
        """Forget a handle."""
        del self._handles[number]

    def _handle(self, number: int) -> AdminHandle:
        try:
            return self._handles[number]
        except KeyError:
            raise BadHandleError(f"no handle {number}") from None
