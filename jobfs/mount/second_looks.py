"""Whose name is it? Asked again before a file is written that may have got another name just now.

The kernel remembers names for a while, for each account apart. A name that one account has just given to
another file, or taken away, still leads another account's kernel to the file of before: it would send its
upload there. Only the file's number comes with an open, so who opens has to look its name up once more.
What an account has changed through this mount its kernel knows: so nobody is asked while all changes of
names are the account's own. See `jobfs/decisions/0015-brief-kernel-caches.md`.
"""

import time
from collections import Counter

from jobfs.domain import inodes
from jobfs.domain.refusals import StaleInodeError
from jobfs.mount.looking import Looking
from jobfs.tree.views import LISTED, Node

#: Nanoseconds after a file's change for which a kernel may remember an earlier name; its clock is coarser.
_REMEMBERED = int((LISTED + 0.1) * 1_000_000_000)
#: Numbers that are remembered here: some are never asked for again.
_MOST = 1000


class SecondLooks:
    """Who was sent back to look a name up, and who has done so since."""

    def __init__(self, tree: Looking) -> None:
        self._tree = tree
        self._others = tree.mark().others  # what it has told of the commits of others
        self._others_ns = -_REMEMBERED  # when it told of one
        self._changed_ns: dict[int, int] = {}  # when names were changed here, by account
        self._awaited: Counter[int] = Counter()  # looks, by inode
        self._made: Counter[int] = Counter()

    def require(self, node: Node) -> None:
        """Raise StaleInodeError, upon which the kernel looks again, unless the name is known to be right.

        Then the kernel asks for that name and opens what it finds, or makes a file if there is none now.
        Source: do_filp_open in fs/namei.c, which tries again with LOOKUP_REVAL.
        """
        if time.time_ns() - node.ctime_ns > _REMEMBERED:
            return
        if self._only_changes_names(inodes.unpack(node.inode).account):
            return
        if _took_one(self._made, node.inode):
            return
        if len(self._awaited) + len(self._made) > _MOST:
            self._awaited.clear()
            self._made.clear()
        self._awaited[node.inode] += 1
        raise StaleInodeError(node.inode)

    def note_change(self, directory: int) -> None:
        """Note that a name in a directory was changed through this mount, in the view of its account."""
        self._changed_ns[inodes.unpack(directory).account] = time.monotonic_ns()

    def _only_changes_names(self, account_id: int) -> bool:
        """Whether an account alone can have changed names of late, all of them through its own kernel."""
        now, others = time.monotonic_ns(), self._tree.mark().others
        if others is None:
            return False
        if others != self._others:
            self._others, self._others_ns = others, now
        by_others = [at for one, at in self._changed_ns.items() if one != account_id]
        return now - max([self._others_ns, *by_others]) >= _REMEMBERED

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
