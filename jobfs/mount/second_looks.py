"""Whose name is it? Asked again before a file is written that may have got another name just now.

The kernel remembers names for a while, for each account apart. A name that one account has just given to
another file, or taken away, still leads another account's kernel to the file of before: it would send its
upload there. Only the file's number comes with an open, so who opens has to look its name up once more.
See `jobfs/decisions/0015-brief-kernel-caches.md`.
"""

import time
from collections import Counter

from jobfs.domain.refusals import StaleInodeError
from jobfs.tree.views import LISTED, Node

#: Nanoseconds after a file's change for which a kernel may remember an earlier name; its clock is coarser.
_REMEMBERED = int((LISTED + 0.1) * 1_000_000_000)
#: Numbers that are remembered here: some are never asked for again.
_MOST = 1000


class SecondLooks:
    """Who was sent back to look a name up, and who has done so since."""

    def __init__(self) -> None:
        self._awaited: Counter[int] = Counter()  # looks, by inode
        self._made: Counter[int] = Counter()

    def require(self, node: Node) -> None:
        """Raise StaleInodeError, upon which the kernel looks again, unless the name is known to be right.

        Then the kernel asks for that name and opens what it finds, or makes a file if there is none now.
        Source: do_filp_open in fs/namei.c, which tries again with LOOKUP_REVAL.
        """
        if time.time_ns() - node.ctime_ns > _REMEMBERED:
            return
        if _took_one(self._made, node.inode):
            return
        if len(self._awaited) + len(self._made) > _MOST:
            self._awaited.clear()
            self._made.clear()
        self._awaited[node.inode] += 1
        raise StaleInodeError(node.inode)

    def note(self, inode: int) -> None:
        """Note that a name was looked up, and is this file's."""
        if self._awaited and _took_one(self._awaited, inode):
            self._made[inode] += 1


def _took_one(numbers: Counter[int], inode: int) -> bool:
    if inode not in numbers:
        return False
    numbers[inode] -= 1
    if numbers[inode] == 0:
        del numbers[inode]
    return True
