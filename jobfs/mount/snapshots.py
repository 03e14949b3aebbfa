"""Texts of files that jobfs makes, each as of one moment, shared by who looks in the next second.

Most who look want size and time alone. As long as a text would be the same but for its date, they are told
those, and none is made until somebody reads.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from weakref import WeakValueDictionary

import trio

from jobfs.tree.views import Node

#: Seconds for which a text is served. Not less: SFTP tells times in whole seconds, and clients take two
#: texts of one time and size for the same.
LIFETIME = 1.0
#: Seconds for which no text is shorter than was told of one that is served no more. A mirroring client that
#: gets fewer bytes than its listing promised fails: lftp with "file size decreased during transfer".
HELD = 600.0
#: Texts made at the same time. That of a large job takes a few tenths of a second, and the database's other
#: readers are for those who list and open files.
_AT_ONCE = 2
#: Sizes that are remembered; each takes about 600 bytes.
_REMEMBERED = 4096


class Made(NamedTuple):
    """A text that was made, from a *state*, whose size it has until *lasts*; None: nobody knows."""

    content: bytes
    state: object | None = None
    lasts: datetime | None = None


class Snapshot(NamedTuple):
    """A text, and its time in ns."""

    content: bytes
    at_ns: int


class Told(NamedTuple):
    """The size of a text, and its time in ns."""

    size: int
    at_ns: int


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of a text.

    content  None: nobody has read it yet, and it is only known how long it is
    until    when it is served no more (trio's clock)
    state    what it was made from, and *lasts* until when its size is that of this state; None: nobody knows
    """

    content: bytes | None
    size: int
    at_ns: int
    until: float
    state: object | None
    lasts: datetime | None

    @property
    def is_served(self) -> bool:
        return trio.current_time() < self.until

    @property
    def is_held(self) -> bool:
        return trio.current_time() < self.until + HELD

    @property
    def is_read(self) -> bool:
        return self.is_served and self.content is not None


async def _unknown(_number: int) -> None:
    """Return nothing: there may always be something new to tell."""


def _as_it_is(_number: int, content: bytes, _size: int) -> bytes:
    """Return a text that would say something else if it were longer."""
    return content


class Snapshots:
    """Makes texts when somebody looks; while nobody does, this costs nothing.

    *make* returns the text of the file with an inode number, as of an instant. *state* returns what is equal
    as long as the file would have the same size; None: nobody knows. *lengthen* returns a text that is as
    long as was told of it before, if the file's kind has room for that.
    """

    def __init__(
        self,
        make: Callable[[int, datetime], Awaitable[Made]],
        state: Callable[[int], Awaitable[object | None]] = _unknown,
        lengthen: Callable[[int, bytes, int], bytes] = _as_it_is,
    ) -> None:
        self._make_text = make
        self._state = state
        self._lengthen = lengthen
        self._known: dict[int, _Known] = {}  # by inode number, the oldest text first
        self._locks: WeakValueDictionary[int, trio.Lock] = WeakValueDictionary()
        self._turns = trio.Semaphore(_AT_ONCE)

    async def of(self, number: int) -> Snapshot:
        """Return the text of a file, at most LIFETIME old; raises NoSuchEntryError.

        The caller has seen that the file may be looked at.
        """
        async with self._lock(number):
            known = self._known.get(number)
            if known is None or not known.is_served:
                known = await self._make(number, time.time_ns(), _soon())
            elif known.content is None:
                known = await self._written(number, known)
            assert known.content is not None
            return Snapshot(known.content, known.at_ns)

    async def told(self, number: int) -> Told:
        """Return what is told of the text that `of` would return, and raise what it would raise."""
        async with self._lock(number):
            known = self._known.get(number)
            if known is None or not (known.is_read or await self._goes_on(number, known)):
                known = await self._make(number, time.time_ns(), _soon())
            return Told(known.size, known.at_ns)

    def _lock(self, number: int) -> trio.Lock:
        return self._locks.setdefault(number, trio.Lock())

    async def _goes_on(self, number: int, known: _Known) -> bool:
        """Whether a text would be as long if it were made now; from now on it is told as of now then."""
        at_ns = time.time_ns()
        if known.state is None or known.lasts is None or _instant(at_ns) >= known.lasts:
            return False
        if await self._state(number) != known.state:
            return False
        if not known.is_served:
            known.content, known.at_ns, known.until = None, at_ns, _soon()
        return True

    async def _written(self, number: int, known: _Known) -> _Known:
        """Return the text of what was told; as of now, if it is another by this time."""
        made = await self._make(number, known.at_ns, known.until)
        if made.size != known.size:
            made.at_ns, made.until = time.time_ns(), _soon()
        return made

    async def _make(self, number: int, at_ns: int, until: float) -> _Known:
        async with self._turns:
            content, state, lasts = await self._make_text(number, _instant(at_ns))
        before = self._known.pop(number, None)
        if before is not None and before.size > len(content) and before.is_held:
            content = self._lengthen(number, content, before.size)
        self._forget_old()
        self._known[number] = made = _Known(content, len(content), at_ns, until, state, lasts)
        return made

    def _forget_old(self) -> None:
        for number, known in list(self._known.items()):
            if known.is_served:
                continue
            goes_on = known.state is not None and known.lasts is not None
            if not (goes_on or known.is_held) or len(self._known) >= _REMEMBERED:
                del self._known[number]
            known.content = None


def _soon() -> float:
    return trio.current_time() + LIFETIME


def _instant(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 10**9, UTC)


def sized(node: Node, told: Told) -> Node:
    """Return a node with its size, and its time for all of its times."""
    at_ns = told.at_ns
    return node._replace(size=told.size, mtime_ns=at_ns, ctime_ns=at_ns, atime_ns=at_ns)
