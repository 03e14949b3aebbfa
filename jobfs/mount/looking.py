"""What the tree says of names and numbers, through the door; of `.jobfs` itself, without it.

What was found is remembered for as long as nothing is committed, as listings are: see
`jobfs/decisions/0016-listed-from-memory.md`.
"""

from collections.abc import Callable
from copy import copy
from typing import Any, TypeVar

import trio

from jobfs.catalog.engine import Mark
from jobfs.database import Database
from jobfs.tree import reports, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import NoSuchEntryError
from jobfs.tree.views import Listed, Node

T = TypeVar("T")

#: Answers that are remembered; each takes about 600 bytes.
_REMEMBERED = 4096
#: Seconds for which they are at most: what jobfs writes comes and goes with time, too.
_FRESH = 1.0
#: Seconds for which nothing is remembered after a change: mostly more follow, and to notice them takes time.
_BUSY = 0.02


class Looking:
    """Asks the tree: as `jobfs.tree.views`, whose functions these are, but for the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers: dict[tuple[object, ...], Any] = {}
        self._mark = Mark(None, 0)  # of the state of the database that they are about
        self._until = self._busy_until = 0.0

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
        """Return what a question to the database finds, or has found while all was as it is now."""
        now = trio.current_time()
        if now < self._busy_until:
            return await self._database.read_briefly(question, *about)
        mark = self._database.mark()
        if mark != self._mark or now >= self._until:
            self._begin(mark, now)
        asked = (question, *about)
        answer: T | NoSuchEntryError | None = self._answers.get(asked)
        if answer is None:
            answer = await self._answer(question, *about)
            if mark.others is not None and mark == self._mark and len(self._answers) < _REMEMBERED:
                self._answers[asked] = answer
        if isinstance(answer, NoSuchEntryError):
            raise copy(answer)
        return answer

    async def _answer(
        self, question: Callable[..., T], *about: int | bytes
    ) -> T | NoSuchEntryError:
        try:
            return await self._database.read_briefly(question, *about)
        except NoSuchEntryError as refusal:
            return copy(refusal)  # without the frames that it has come through

    def _begin(self, mark: Mark, now: float) -> None:
        """Remember what is found from now on, and nothing else; where something changes, soon."""
        self._answers.clear()
        self._mark, self._until = mark, now + _FRESH
        self._busy_until = now + _BUSY
