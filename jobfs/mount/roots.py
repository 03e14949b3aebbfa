"""An account's root: root's and read-only to sshd, and one its account may delete names in.

See `jobfs/decisions/0010-read-only-and-overwritten.md`.
"""

import stat

import trio
from pyfuse3 import EntryAttributes, RequestContext

from jobfs.domain import inodes
from jobfs.domain.accounts import uid_of
from jobfs.domain.inodes import Kind

#: Seconds between a look for a name that jobfs keeps and the end of what the look is for, at most.
_ONE_CALL = 2.0


def is_root(inode: int) -> bool:
    """Whether an inode is an account's root."""
    return inodes.unpack(inode).kind is Kind.ACCOUNT


class Roots:
    """Knows who is about to delete a file that jobfs writes.

    The kernel refuses a deletion by the root's mode alone, before anybody could answer it. It looks for the
    name first; and when it is about to refuse, it asks for the mode once more. So the mode that all others
    are told may be remembered, and this one is told to nobody else.
    """

    def __init__(self) -> None:
        self._looked: dict[int, float] = {}  # when (trio's clock), by pid

    def note_look(self, directory: int, pid: int) -> None:
        """Note that a process looks for a name that jobfs keeps in a directory, if that is a root."""
        if not is_root(directory):
            return
        now = trio.current_time()
        self._looked = {one: at for one, at in self._looked.items() if at + _ONE_CALL > now}
        self._looked[pid] = now

    def as_asked(self, reply: EntryAttributes, ctx: RequestContext) -> EntryAttributes:
        """Return attributes as the one who asks is to see them: its own root may be written to."""
        inode = inodes.unpack(reply.st_ino)
        is_own = inode.kind is Kind.ACCOUNT and ctx.uid == uid_of(inode.account)
        if is_own and self._looked.get(ctx.pid, 0.0) + _ONE_CALL > trio.current_time():
            reply.st_mode = stat.S_IWGRP | reply.st_mode
            reply.attr_timeout = 0
        return reply
