"""The files of `.jobfs` while they are open: no row stands behind them."""

import os
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from jobfs.domain import inodes
from jobfs.domain.accounts import FIRST_UID
from jobfs.domain.inodes import Kind
from jobfs.mount.handles import Opener
from jobfs.mount.refusals import BadHandleError
from jobfs.mount.snapshots import Made, Snapshots, sized
from jobfs.mount.tellings import Tellings
from jobfs.tree import admin
from jobfs.tree.refusals import ForbiddenError
from jobfs.tree.views import Node

#: Handles of files begin at 1; these lie where those never get.
_FIRST_NUMBER = 1 << 62
#: Verdicts remembered. A self-test reads its own two at once; roles that start together make a few more.
_VERDICTS = 64
#: Bytes of a label; what is longer is cut.
_LABEL = 64
_TOLD = {place.row for place in admin.TOLD}


@dataclass(slots=True, eq=False)
class AdminHandle:
    """One open of a file: *content* is read from it, *label* was written to it."""

    number: int
    writable: bool
    opener: Opener
    content: bytes
    label: bytes = b""


class AdminFiles:
    """Answers for the files of `.jobfs`, in the place of OpenFiles and with its methods."""

    def __init__(self, tellings: Tellings) -> None:
        self._tellings = tellings
        self._snapshots = Snapshots(self._text)
        self._numbers = count(_FIRST_NUMBER)
        self._handles: dict[int, AdminHandle] = {}
        self._verdicts: deque[bytes] = deque(maxlen=_VERDICTS)

    def __contains__(self, number: int) -> bool:
        """Whether a handle belongs to one of these files."""
        return number >= _FIRST_NUMBER

    def holds(self, inode: int) -> bool:
        """Whether an inode is one of these files, or of the directories around them."""
        return inodes.unpack(inode).kind is Kind.ADMIN

    async def dressed(self, node: Node) -> Node:
        """Return a node with its size and time, if it is one whose content is told."""
        if inodes.unpack(node.inode).row not in _TOLD:
            return node
        return sized(node, await self._snapshots.told(node.inode))

    async def _text(self, number: int, now: datetime) -> Made:
        return Made(await self._tellings.text(number, now))

    async def open(self, inode: int, flags: int, opener: Opener) -> AdminHandle:
        """Open a file; what is read is what was known at this moment."""
        writable = flags & os.O_ACCMODE != os.O_RDONLY
        if inodes.unpack(inode).row in _TOLD:
            if writable:
                raise ForbiddenError("this file tells what is; nothing is to be told to it")
            content = (await self._snapshots.of(inode)).content
        else:
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
