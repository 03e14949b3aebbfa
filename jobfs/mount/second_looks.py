"""Whose name is it? Asked again before a file is written that may have got another name just now.

The kernel remembers names for a while, for each account apart. A name that one account has just given to
another file, or taken away, still leads another account's kernel to the file of before: it would send its
upload there. Only the file's number comes with an open, so who opens has to look its name up once more.
What an account has changed through this mount its kernel knows: so nobody is asked while all changes of
names are the account's own. See `jobfs/decisions/0015-brief-kernel-caches.md`.
"""

import time
from collections import OrderedDict

from jobfs.domain import inodes
from jobfs.domain.refusals import StaleInodeError
from jobfs.mount.looking import Looking
from jobfs.tree.views import LISTED, Node

#: Nanoseconds after a file's change for which a kernel may remember an earlier name; its clock is coarser.
_REMEMBERED = int((LISTED + 0.1) * 1_000_000_000)
#: Nanoseconds within which a thread that has looked comes back to open what it has found.
_COMES_BACK = 1_000_000_000
#: Threads that are remembered: some never come back.
_MOST = 1000


class SecondLooks:
    """Who was sent back to look a name up, and who has done so since."""

    def __init__(self, tree: Looking) -> None:
        self._tree = tree
        self._others = tree.mark().others  # what it has told of the commits of others
        self._others_ns = -_REMEMBERED  # when it told of one
        self._changed_ns: dict[int, int] = {}  # when names were changed here, by account
        #: What who was sent back has found since, and when: by thread, the oldest first.
        self._found: OrderedDict[int, tuple[int | None, int]] = OrderedDict()

    def require(self, node: Node, thread: int) -> None:
        """Raise StaleInodeError unless a file's name is known to be right, or a thread has just found it.

        Upon that the kernel asks for the name and opens what it finds, or makes a file if there is none
        now. It does so once: whatever it finds then may be opened, and nothing else.
        """
        if time.time_ns() - node.ctime_ns > _REMEMBERED:
            return
        if self._only_changes_names(inodes.unpack(node.inode).account):
            return
        found, at = self._found.pop(thread, (None, 0))
        if found != node.inode or time.monotonic_ns() - at > _COMES_BACK:
            raise self.sent_back(thread, node.inode)

    def sent_back(self, thread: int, inode: int) -> StaleInodeError:
        """Return the answer upon which a thread looks again, since the name may not be this file's now."""
        self._found.pop(thread, None)
        self._found[thread] = None, 0
        if len(self._found) > _MOST:
            self._found.popitem(last=False)
        return StaleInodeError(inode)

    def note(self, thread: int, inode: int | None) -> None:
        """Note what a thread has found under a name; None: nothing."""
        if thread in self._found:
            self._found[thread] = inode, time.monotonic_ns()

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
