"""The one door from async to sync: a transaction per call, in a thread.

Readers and writers queue apart, so that a writer that waits for the database never keeps a reader
from its answer.

What takes less time than a thread takes to begin with it, and waits for nobody, is done at once: see
`jobfs/decisions/0014-at-once-while-the-disk-is-quick.md`.
"""

import logging
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jobfs.at_once import AtOnce
from jobfs.bells import Bell
from jobfs.catalog import feed
from jobfs.catalog.engine import Catalog, Mark, was_undone
from jobfs.catalog.measures import READS, WRITES, Measured
from jobfs.catalog.outcomes import Outcome
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.domain.events import EventKind

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How often one transaction is tried when the database itself asks for another try (a deadlock, a
#: connection that died before the commit).
TRIES = 3

#: Transactions after which the log is brought into the database.
_BETWEEN_CHECKPOINTS = 200


class Promise(NamedTuple):
    """The rest of a transaction that was begun; *broken* is told why it could not be made."""

    change: Callable[[Connection], None]
    broken: Callable[[Exception], None]


class Database:
    """What the async rooms hold of the catalog.

    *at_once* is given by roles: they make short transactions without a thread.
    """

    def __init__(self, catalog: Catalog, at_once: AtOnce | None = None) -> None:
        self.catalog = catalog
        self._at_once = at_once
        self._since_checkpoint = 0
        self._written = 0  # transactions that were committed, or may have been
        self._promise: Promise | None = None
        self._untold: deque[Outcome] = deque()
        self._wanted = trio.Event()
        self._is_keeping_up = False
        # SQLite has one writer; more threads would only stand before its lock.
        writers = 1 if catalog.is_sqlite else max(1, catalog.connections // 2)
        self._writers = trio.CapacityLimiter(writers)
        self._readers = trio.CapacityLimiter(max(1, catalog.connections - writers))
        self._peekers = trio.CapacityLimiter(1)

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return *query*(connection, ...), run against one state of the database."""
        self.keep_promise()
        call = partial(self._look, query, *args, **kwargs)
        with Measured(READS):
            return await trio.to_thread.run_sync(_insist, call, limiter=self._readers)

    async def read_briefly(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like read, for a few rows that are found by their numbers or names."""
        self.keep_promise()
        if self._at_once is not None and self._at_once.is_wise and self.catalog.is_sqlite:
            call = partial(_with_arguments, query, args, kwargs)
            with suppress(DBAPIError, sqlite3.Error), Measured(READS):
                return self._at_once.call(partial(self.catalog.at_once, call, writing=False))
        return await self.read(query, *args, **kwargs)

    def mark(self) -> Mark:
        """Return what is another after each commit: whoever made it, or through this door alone.

        What was read later than this is what would be read now, as long as the mark is the same and
        *others* tells of theirs.
        """
        self.keep_promise()
        if self._at_once is not None and self._at_once.is_wise and self.catalog.is_sqlite:
            with suppress(DBAPIError, sqlite3.Error):
                return self.catalog.mark()
        return Mark(None, self._written)

    async def peek(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like read, one at a time, for who can do without: who is cancelled waits for no answer."""
        call = partial(self._look, query, *args, **kwargs)
        return await trio.to_thread.run_sync(
            _insist, call, limiter=self._peekers, abandon_on_cancel=True
        )

    def _look(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self.catalog.reading() as connection:
            return query(connection, *args, **kwargs)

    async def write(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return *change*(connection, ...) after a durable commit."""
        self.keep_promise()
        return await self._write(self.catalog.writing, change, *args, **kwargs)

    async def write_briefly(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write, for a few rows."""
        self.keep_promise()
        if self._may_write_at_once(durable=True):
            with suppress(DBAPIError, sqlite3.Error):
                return self._write_at_once(change, *args, **kwargs)
        return await self.write(change, *args, **kwargs)

    async def write_lazily(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write_briefly, but a power cut may undo it until the next durable commit."""
        self.keep_promise()
        if self._may_write_at_once(durable=False):
            with suppress(DBAPIError, sqlite3.Error):
                return self._write_at_once(change, *args, **kwargs)
        return await self._write(
            partial(self.catalog.writing, durable=False), change, *args, **kwargs
        )

    async def write_quietly(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write_lazily, for what nobody waits for: no other role is told to look."""
        if self.catalog.is_sqlite:
            return await self.write_lazily(change, *args, **kwargs)
        return await self._commit(
            partial(self.catalog.writing, durable=False), change, *args, **kwargs
        )

    @property
    def may_promise(self) -> bool:
        """Whether a change can be put off until nobody waits for an answer."""
        return self._is_keeping_up and self._may_write_at_once(durable=False)

    def promise(
        self,
        foresee: Callable[[Connection], T],
        make: Callable[[Connection, T], None],
        broken: Callable[[T, Exception], None],
    ) -> T | None:
        """Return *foresee*(connection), which changes nothing, and *make* that so very soon.

        Like write_lazily, in one transaction: nobody changes anything between, and whoever comes through
        this door finds it made. None: another writer is at work. *broken* is told what the disk has
        against it.
        """
        assert self._at_once is not None
        self.keep_promise()
        with suppress(DBAPIError, sqlite3.Error):
            foreseen = self._at_once.call(partial(self.catalog.ahead, foresee))
            self._promise = Promise(partial(_make, make, foreseen), partial(broken, foreseen))
            self._wanted.set()
            return foreseen
        return None

    def keep_promise(self) -> None:
        """Do what was put off, if something was."""
        if self._promise is None:
            return
        assert self._at_once is not None
        (change, broken), self._promise = self._promise, None
        try:
            with Measured(WRITES):
                self._at_once.call(partial(self.catalog.finish, change))
            self._count()
        except (DBAPIError, sqlite3.Error) as error:
            broken(error)
        except Exception as bug:
            log.exception("a change that was put off cannot be made")
            broken(bug)

    async def keep_up(self) -> None:
        """Do, for ever, what was put off, as soon as whoever waited for an answer has it."""
        self._is_keeping_up = True
        try:
            while True:
                await self._wanted.wait()
                self._wanted = trio.Event()
                self.keep_promise()
                self._tell_all()
        finally:
            self._is_keeping_up = False
            self.keep_promise()
            self._tell_all()

    def _tell_all(self) -> None:
        while self._untold:
            self._untold.popleft().tell()

    def _tell_soon(self, outcome: Outcome) -> None:
        self._untold.append(outcome)
        if self._is_keeping_up:
            self._wanted.set()
        else:
            self._tell_all()

    def _may_write_at_once(self, *, durable: bool) -> bool:
        wise = self._at_once is not None and self._at_once.is_wise
        return wise and self.catalog.may_write_at_once(durable=durable)

    def _write_at_once(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        assert self._at_once is not None
        call = partial(_with_arguments, change, args, kwargs)
        with Measured(WRITES):
            result = self._at_once.call(
                partial(self.catalog.at_once, call, writing=True, tell=self._tell_soon)
            )
        self._count()
        return result

    def _count(self) -> None:
        self._written += 1
        self._since_checkpoint += 1
        if self._since_checkpoint == _BETWEEN_CHECKPOINTS:
            trio.lowlevel.spawn_system_task(self._checkpoint)

    async def _checkpoint(self) -> None:
        try:
            await trio.to_thread.run_sync(self.catalog.checkpoint)
        except sqlite3.Error as error:
            log.warning("cannot bring SQLite's log into the database: %s", error)
        self._since_checkpoint = 0

    async def _write(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        change: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        result = await self._commit(transaction, change, *args, **kwargs)
        if not self.catalog.is_sqlite:
            await self._ring()
        return result

    async def _commit(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        change: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def call() -> T:
            with transaction() as connection:
                return change(connection, *args, **kwargs)

        try:
            with Measured(WRITES):
                return await trio.to_thread.run_sync(_insist, call, limiter=self._writers)
        finally:
            self._written += 1

    async def _ring(self) -> None:
        """Tell the other roles to look, in a transaction of its own.

        A NOTIFY inside the change's transaction would hold a lock of the whole cluster through its
        commit. SQLite needs no word: its readers watch the WAL file. The change is committed, so a
        ring that is lost is no error.
        """
        try:
            await trio.to_thread.run_sync(_insist, self._notify, limiter=self._writers)
        except CatalogUnavailableError as error:
            log.warning("cannot tell the other roles of a change: %s", error)

    def _notify(self) -> None:
        with self.catalog.writing(durable=False) as connection:
            connection.exec_driver_sql("NOTIFY jobfs")


def _make(make: Callable[[Connection, T], None], foreseen: T, connection: Connection) -> None:
    make(connection, foreseen)


def _with_arguments(
    call: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], connection: Connection
) -> T:
    return call(connection, *args, **kwargs)


def _insist(call: Callable[[], T]) -> T:
    """Call, again if the database says that a transaction was undone for no fault of its own."""
    for attempt in range(1, TRIES + 1):
        try:
            return call()
        except DBAPIError as error:
            if attempt == TRIES or not _worth_another_try(error):
                raise CatalogUnavailableError(f"the database refused: {error.orig}") from error
    raise AssertionError("unreachable")


def _worth_another_try(error: DBAPIError) -> bool:
    return was_undone(error) or error.connection_invalidated


#: Seconds between two looks for what another transaction holds back.
HELD_BACK = 0.05


async def follow(
    database: Database,
    rings: Bell,
    position: feed.Position,
    kinds: frozenset[EventKind] | None = None,
) -> AsyncGenerator[tuple[feed.Position, list[feed.Event]], None]:
    """Yield what happens after *position*, for ever: (the position behind a batch, the batch).

    *kinds*: only events of these; None: all. A batch is empty if nothing but others has happened.
    """
    while True:
        seen = await _read_patiently(database, position, kinds)
        if seen.position != position:
            position = seen.position
            yield position, seen.events
        if seen.held_back:
            await trio.sleep(HELD_BACK)
        elif not seen.events:
            await rings.wait()


async def _read_patiently(
    database: Database, position: feed.Position, kinds: frozenset[EventKind] | None
) -> feed.Seen:
    pause = 0.1  # seconds, doubled up to ten
    while True:
        try:
            return await database.read_briefly(feed.look, position, kinds)
        except CatalogUnavailableError as error:
            log.warning("cannot read the event feed, trying again: %s", error)
            await trio.sleep(pause)
            pause = min(pause * 2, 10)
