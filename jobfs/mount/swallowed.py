"""What clients send under names that are jobfs's own: the bytes vanish, and success is answered.

Some clients look at what they have sent, so its size and time stay for a while, in this mount's memory
alone. paramiko and rclone compare the size of what they sent over `_STATUS.txt`: the one after the close,
on the same connection; the other after it has set the time, on any. Others send to
`_STATUS.txt.filepart` first, and then delete, rename, and look.
"""

import os
import time
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import trio

from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.reports.files import Report, named
from jobfs.tree.changes import Place
from jobfs.tree.refusals import NoSuchEntryError

K = TypeVar("K")
V = TypeVar("V")

#: Seconds for which a client may look at what it has sent over a file that jobfs writes.
_LOOK = 5.0
#: Seconds for which a file stays under a temporary name after the last thing that was done to it.
_UNFINISHED = 600.0
#: Files remembered; the oldest go first. Nobody but somebody up to no good comes near it.
_MOST = 1000


@dataclass(slots=True, eq=False)
class Swallowed:
    """A file that was sent: its size in bytes, and its time in ns, as the client may see them.

    visible  until then (trio's clock) it is seen in the place of what jobfs writes
    sender   the process that has sent it, if it alone is to see it
    """

    number: int
    size: int = 0
    mtime_ns: int = 0
    visible: float = 0.0
    sender: int | None = None

    @property
    def is_visible(self) -> bool:
        """Whether its client may still see it."""
        return trio.current_time() < self.visible

    def note_write(self, end: int) -> None:
        """Note that bytes were sent up to *end*."""
        self.size = max(self.size, end)


class SwallowedFiles:
    """The swallowed files of one mount. The event loop's thread owns it."""

    def __init__(self) -> None:
        self._rows = count(1)
        self._over: dict[int, Swallowed] = {}  # by the number of the file that jobfs writes
        self._named: dict[Place, Swallowed] = {}  # those under other names
        self._hidden: dict[Place, float] = {}  # until when
        self._renaming: dict[int, float] = {}  # until when, by the number of a directory

    # -- over files that jobfs writes ------------------------------------------------------------

    def over(self, number: int) -> Swallowed:
        """Return what is being sent over a file that jobfs writes, from now on."""
        self._over[number] = sent = Swallowed(number, mtime_ns=time.time_ns())
        _limit(self._over)
        return sent

    def show_to_sender(self, sent: Swallowed, sender: int) -> None:
        """Let the process that has sent it, and no other, look at it now: it has closed it."""
        sent.sender, sent.visible = sender, trio.current_time() + _LOOK

    def seen_over(self, number: int, asker: int) -> Swallowed | None:
        """Return what was sent over such a file, as long as the process that asks may look at it."""
        sent = self._over.get(number)
        if sent is None or not sent.is_visible or sent.sender not in {None, asker}:
            return None
        return sent

    def set_time_over(self, number: int, mtime_ns: int) -> None:
        """Note the time a client gives to what it has sent; it is going to look at it now."""
        sent = self._over.get(number)
        if sent is not None:
            sent.mtime_ns, sent.visible = mtime_ns, trio.current_time() + _LOOK
            sent.sender = None

    def forget_over(self, number: int) -> None:
        """Show what jobfs writes: somebody wants to read it."""
        self._over.pop(number, None)

    # -- under temporary and other names ---------------------------------------------------------

    def make(self, place: Place) -> Swallowed:
        """Make a file under a name that nothing of jobfs's bears."""
        account = inodes.unpack(place.parent).account
        number = inodes.pack(Kind.SWALLOWED, account, next(self._rows))
        self._named[place] = sent = Swallowed(number)
        _limit(self._named)
        return self._keep(sent)

    def named(self, place: Place) -> Swallowed | None:
        """Return the file under a name, if there is one."""
        sent = self._named.get(place)
        return sent if sent is not None and sent.is_visible else None

    def get(self, number: int) -> Swallowed:
        """Return a file that was made; raises NoSuchEntryError."""
        for sent in self._named.values():
            if sent.number == number and sent.is_visible:
                return self._keep(sent)
        raise NoSuchEntryError("what was sent under this name is gone")

    def remove(self, place: Place) -> bool:
        """Forget the file under a name; false if there was none."""
        return self._named.pop(place, None) is not None

    def move(self, old: Place, new: Place, over: int | None) -> None:
        """Give a file another name, or let it go *over* a file that jobfs writes."""
        sent = self._named.pop(old)
        self._hidden.pop(new, None)
        if over is None:
            self._named[new] = sent
            return
        self._over[over] = Swallowed(over, sent.size, sent.mtime_ns, trio.current_time() + _LOOK)
        _limit(self._over)

    def _keep(self, sent: Swallowed) -> Swallowed:
        sent.visible = trio.current_time() + _UNFINISHED
        return sent

    # -- deleted by a client that is about to rename ---------------------------------------------

    def hide(self, place: Place) -> None:
        """Let a client that has a file to rename find nothing under the name that it has deleted."""
        now = trio.current_time()
        if now < self._renaming.get(place.parent, 0.0) or self._has_temporary(place.parent):
            self._hidden[place] = now + _LOOK
            _limit(self._hidden)

    def show(self, place: Place) -> None:
        """Let a name be found again: the client has renamed its file to it."""
        self._hidden.pop(place, None)
        self._renaming.pop(place.parent, None)

    def expect_rename(self, parent: int) -> None:
        """Note that a client has begun a file whose name does not tell what it is to become."""
        self._renaming[parent] = trio.current_time() + _UNFINISHED
        _limit(self._renaming)

    def _has_temporary(self, parent: int) -> bool:
        return any(
            place.parent == parent
            and sent.is_visible
            and named(os.fsdecode(place.name), Report) is None
            for place, sent in self._named.items()
        )

    def is_hidden(self, place: Place) -> bool:
        """Whether nothing is to be found under a name at this moment."""
        return trio.current_time() < self._hidden.get(place, 0.0)


def _limit(table: dict[K, V]) -> None:
    while len(table) > _MOST:
        del table[next(iter(table))]
