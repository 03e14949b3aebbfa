"""What the tree says of names and numbers, through the door; of `.jobfs` itself, without it.

What was found is remembered for as long as nobody else commits anything, and this mount changes nothing
that it depends on: see `jobfs/decisions/0024-what-a-mount-changes-it-knows.md`.
"""

from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from typing import Any, TypeVar

import trio

from jobfs.catalog import touches
from jobfs.catalog.engine import Mark
from jobfs.catalog.touches import EVERYTHING, Touched
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.names import entry_key, entry_name
from jobfs.tree import reports, versions, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import NoSuchEntryError
from jobfs.tree.views import Listed, Node

T = TypeVar("T")

#: Answers that are remembered; each takes about 600 bytes.
_REMEMBERED = 4096
#: Seconds for which they are at most: what jobfs writes comes and goes with time, too.
_FRESH = 1.0
#: Touched by every change: what an answer depends on that depends on more than entries and names.
_ANY_CHANGE = "any change"
_FOR_READING = partial(versions.open_file, writing=False)
_FOR_WRITING = partial(versions.open_file, writing=True)
#: Questions about the entry that a number names.
_OF_ENTRIES = (views.node, views.directory, views.open_node, _FOR_READING, _FOR_WRITING)
#: Where names are those of entries, or of jobs.
_HOLD_ENTRIES = (Kind.ENTRY, Kind.ACCOUNT)

Question = tuple[Any, ...]  # a function of the tree, and what it asks about


class Looking:
    """Asks the tree: as `jobfs.tree.views`, whose functions these are, but for the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._touches = database.catalog.touches()
        self._answers: dict[Question, Any] = {}
        self._about: dict[Touched, set[Question]] = {}  # those that depend on it
        self._mark = Mark(None, 0)  # of the state of the database in which all of them are true
        self._until = 0.0
        self._forgotten = 0  # how often something was

    def mark(self) -> Mark:
        """Return what is another when anything may have changed, at least through this mount."""
        return self._database.mark()

    async def node(self, number: int) -> Node:
        """Return what an inode number names."""
        fixed = views.fixed_node(number)
        return await self._ask(views.node, number) if fixed is None else fixed

    async def shows(self, number: int) -> bool:
        """Whether a number names something, be it a file that its client may name and not open."""
        try:
            await self.node(number)
        except NoSuchEntryError:
            return False
        return True

    async def was_file(self, number: int) -> bool:
        """Whether a number names a file, or did before it was removed or hidden."""
        return await self._database.read_briefly(views.was_file, number)

    async def open_node(self, number: int) -> Node:
        """Return a file that somebody has open, whatever has become of its name."""
        return await self._ask(views.open_node, number)

    async def open_file(self, number: int, *, writing: bool) -> tuple[Node, Upload]:
        """Return a file and the version it shows; raises ForbiddenError if it may not be written."""
        return await self._ask(_FOR_WRITING if writing else _FOR_READING, number)

    async def directory(self, number: int) -> Node:
        """Return a directory that may be listed."""
        fixed = views.fixed_node(number)
        return await self._ask(views.directory, number) if fixed is None else fixed

    async def child(self, parent: int, name: bytes) -> Node:
        """Return what a directory holds under a name."""
        fixed = views.fixed_child(parent, name)
        return await self._ask(views.child, parent, name) if fixed is None else fixed

    async def children(self, directory: int, *, after: int, limit: int) -> list[Listed]:
        """Return children of a directory, those behind the cookie *after*: all, or at least *limit*."""
        fixed = views.fixed_children(directory, after=after)
        if fixed is not None:
            return fixed
        return await self._database.read_briefly(
            views.children, directory, after=after, limit=limit
        )

    async def keeps(self, place: Place) -> bool:
        """Whether a name is jobfs's own; raises NoSuchEntryError if its directory may not be seen."""
        if not reports.may_be_kept(*place):
            return False
        return await self._ask(reports.is_kept, *place)

    async def _ask(self, question: Callable[..., T], *about: int | bytes) -> T:
        """Return what a question to the database finds, or has found and would find again."""
        asked = (question, *about)
        self._database.keep_promise()
        self._forget_touched()
        if asked in self._answers or not self._answers:
            self._forget_what_others_changed()
        answer: T | NoSuchEntryError | None = self._answers.get(asked)
        if answer is None:
            return await self._learn(question, *about)
        if isinstance(answer, NoSuchEntryError):
            raise copy(answer)
        return answer

    async def _learn(self, question: Callable[..., T], *about: int | bytes) -> T:
        """Ask the database, and remember what it finds, or that it finds nothing."""
        asked, forgotten = (question, *about), self._forgotten
        try:
            answer = await self._database.read_briefly(question, *about)
        except NoSuchEntryError as refusal:
            # Without the frames that it has come through.
            self._remember(asked, copy(refusal), forgotten)
            raise
        self._remember(asked, answer, forgotten)
        return answer

    def _remember(self, asked: Question, answer: object, forgotten: int) -> None:
        """Remember an answer, unless something was forgotten since it was asked for: it might be, too.

        If others commit meanwhile, it is forgotten with the rest before it is given to anybody.
        """
        if self._forgotten != forgotten or self._mark.others is None:
            return
        if len(self._answers) == _REMEMBERED:
            self._forget_all()
        self._answers[asked] = answer
        for one in _dependencies(asked, answer):
            self._about.setdefault(one, set()).add(asked)

    def _forget_touched(self) -> None:
        """Forget what depends on what this mount has changed."""
        touched = self._touches.take()
        if EVERYTHING in touched:
            self._forget_all()
        elif touched:
            self._forget(touched)

    def _forget_what_others_changed(self) -> None:
        """Forget everything if others have changed anything, or time has."""
        mark, now = self._database.mark(), trio.current_time()
        if mark.others != self._mark.others or now >= self._until:
            self._forget_all()
            self._until = now + _FRESH
        elif mark != self._mark:
            self._forget([_ANY_CHANGE])
        self._mark = mark

    def _forget_all(self) -> None:
        self._answers.clear()
        self._about.clear()
        self._forgotten += 1

    def _forget(self, touched: Iterable[Touched]) -> None:
        for one in touched:
            for asked in self._about.pop(one, ()):
                self._answers.pop(asked, None)
        self._forgotten += 1


def _dependencies(asked: Question, answer: object) -> list[Touched]:
    """Return what an answer depends on: names and entries, or else any change.

    Who may see them is not among it: where that changes, everything is touched.
    """
    question, number, *more = asked
    place = inodes.unpack(number)
    found = inodes.unpack(answer.inode) if isinstance(answer, Node) else None
    if question is not views.child:
        is_entry = question in _OF_ENTRIES and place.kind is Kind.ENTRY
        return [place.row if is_entry else _ANY_CHANGE]
    (raw_name,) = more
    if found is not None and found.kind is Kind.ENTRY and place.kind in _HOLD_ENTRIES:
        return [found.row, _name(place, raw_name)]
    is_plain = found is None and place.kind is Kind.ENTRY
    if is_plain and not reports.may_be_kept(number, raw_name):
        return [_name(place, raw_name)]
    return [_ANY_CHANGE]


def _name(place: Inode, raw_name: bytes) -> str:
    return touches.name(place.row, entry_key(entry_name(raw_name)))
