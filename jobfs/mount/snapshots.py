"""Texts of files that jobfs makes, each as of one moment, shared by who looks in the next second."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import trio

from jobfs.tree.views import Node

#: Seconds for which a text is served. Not less: SFTP tells times in whole seconds, and clients take two
#: texts of one time and size for the same.
LIFETIME = 1.0
#: Texts made at the same time. That of a large job takes a few tenths of a second, and the database's other
#: readers are for those who list and open files.
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A text, when it was made (in ns), and until when it is served (trio's clock)."""

    content: bytes
    at_ns: int
    until: float


class Snapshots:
    """Makes texts when somebody looks; while nobody does, this costs nothing.

    *make* returns the text of the file with an inode number, as of an instant.
    """

    def __init__(self, make: Callable[[int, datetime], Awaitable[bytes]]) -> None:
        self._make_text = make
        self._known: dict[int, Snapshot] = {}  # by inode number
        self._locks: WeakValueDictionary[int, trio.Lock] = WeakValueDictionary()
        self._turns = trio.Semaphore(_AT_ONCE)

    async def of(self, number: int) -> Snapshot:
        """Return the text of a file, at most LIFETIME old; raises NoSuchEntryError.

        The caller has seen that the file may be looked at.
        """
        async with self._locks.setdefault(number, trio.Lock()):
            known = self._known.get(number)
            if known is None or known.until <= trio.current_time():
                async with self._turns:
                    known = await self._make(number)
            return known

    async def _make(self, number: int) -> Snapshot:
        until, at_ns = trio.current_time() + LIFETIME, time.time_ns()
        content = await self._make_text(number, datetime.fromtimestamp(at_ns / 10**9, UTC))
        self._forget_old()
        self._known[number] = made = Snapshot(content, at_ns, until)
        return made

    def _forget_old(self) -> None:
        now = trio.current_time()
        self._known = {number: one for number, one in self._known.items() if now < one.until}


def sized(node: Node, size: int, at_ns: int) -> Node:
    """Return a node with its size, and its time for all of its times."""
    return node._replace(size=size, mtime_ns=at_ns, ctime_ns=at_ns, atime_ns=at_ns)
