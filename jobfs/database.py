"""The one door from async to sync: a transaction per call, in a thread.

Readers and writers queue apart, so that a writer that waits for the database never keeps a reader
from its answer. A bell says "look"; what there is to see stands in the rows.

What takes less time than a thread takes to begin with it, and waits for nobody, is done at once: see
`jobfs/decisions/0014-at-once-while-the-disk-is-quick.md`.
"""

import logging
import math
import resource
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import (
    AbstractContextManager,
    aclosing,
    asynccontextmanager,
    suppress,
)
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import inotify_simple
import psycopg
import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jobfs.catalog import feed
from jobfs.catalog.engine import Catalog
from jobfs.catalog.measures import READS, WRITES, Measured
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.domain.events import EventKind

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How often one transaction is tried when the database itself asks for another try (a deadlock, a
#: connection that died before the commit).
TRIES = 3

#: Seconds that a call may take on the event loop's thread, and for which threads take all of them when one
#: has waited for longer.
_LONGEST_CALL, _IN_THREADS = 0.05, 1.0


def _waits() -> int:
    """Return how often this thread has waited for something: having to wait for a processor is none."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class AtOnce:
    """Makes short calls on the event loop's thread: to SQLite, and to a disk that writes into memory.

    A disk that stalls is noticed by the first call that it keeps: then threads take over for a while, so that
    whoever wants nothing of that disk does not wait for it.
    """

    def __init__(self) -> None:
        self._threads_until = -math.inf

    @property
    def is_wise(self) -> bool:
        """Whether a call may be made on this thread now."""
        return time.monotonic() >= self._threads_until

    def call(self, call: Callable[[], T]) -> T:
        """Make a call here."""
        waits, began = _waits(), time.monotonic()
        try:
            return call()
        finally:
            now = time.monotonic()
            if now - began > _LONGEST_CALL and _waits() > waits:
                self._threads_until = now + _IN_THREADS

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call here if that is wise, else in a thread."""
        if not self.is_wise:
            return await trio.to_thread.run_sync(call)
        return self.call(call)


#: Transactions after which the log is brought into the database.
_BETWEEN_CHECKPOINTS = 200


class Database:
    """What the async rooms hold of the catalog.

    *at_once* is given by a role that answers the kernel: it makes short transactions without a thread.
    """

    def __init__(self, catalog: Catalog, at_once: AtOnce | None = None) -> None:
        self.catalog = catalog
        self._at_once = at_once
        self._since_checkpoint = 0
        # SQLite has one writer; more threads would only stand before its lock.
        writers = 1 if catalog.is_sqlite else max(1, catalog.connections // 2)
        self._writers = trio.CapacityLimiter(writers)
        self._readers = trio.CapacityLimiter(max(1, catalog.connections - writers))
        self._peekers = trio.CapacityLimiter(1)

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return *query*(connection, ...), run against one state of the database."""
        call = partial(self._look, query, *args, **kwargs)
        with Measured(READS):
            return await trio.to_thread.run_sync(_insist, call, limiter=self._readers)

    async def read_briefly(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like read, for a few rows that are found by their numbers or names."""
        if self._at_once is not None and self._at_once.is_wise and self.catalog.is_sqlite:
            call = partial(_with_arguments, query, args, kwargs)
            with suppress(DBAPIError, sqlite3.Error), Measured(READS):
                return self._at_once.call(partial(self.catalog.at_once, call, writing=False))
        return await self.read(query, *args, **kwargs)

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
        return await self._write(self.catalog.writing, change, *args, **kwargs)

    async def write_briefly(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write, for a few rows."""
        if self._may_write_at_once(durable=True):
            with suppress(DBAPIError, sqlite3.Error):
                return self._write_at_once(change, *args, **kwargs)
        return await self.write(change, *args, **kwargs)

    async def write_lazily(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write_briefly, but a power cut may undo it until the next durable commit."""
        if self._may_write_at_once(durable=False):
            with suppress(DBAPIError, sqlite3.Error):
                return self._write_at_once(change, *args, **kwargs)
        return await self._write(
            partial(self.catalog.writing, durable=False), change, *args, **kwargs
        )

    def _may_write_at_once(self, *, durable: bool) -> bool:
        wise = self._at_once is not None and self._at_once.is_wise
        return wise and self.catalog.may_write_at_once(durable=durable)

    def _write_at_once(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        assert self._at_once is not None
        call = partial(_with_arguments, change, args, kwargs)
        with Measured(WRITES):
            result = self._at_once.call(partial(self.catalog.at_once, call, writing=True))
        self._since_checkpoint += 1
        if self._since_checkpoint == _BETWEEN_CHECKPOINTS:
            trio.lowlevel.spawn_system_task(self._checkpoint)
        return result

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
        def call() -> T:
            with transaction() as connection:
                return change(connection, *args, **kwargs)

        with Measured(WRITES):
            result = await trio.to_thread.run_sync(_insist, call, limiter=self._writers)
        if not self.catalog.is_sqlite:
            await self._ring()
        return result

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
    undone = isinstance(
        error.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure
    )
    return undone or error.connection_invalidated


#: Seconds between two rings that are heard. What a change must reach within is 0.1 s.
REST = 0.03


class Bell:
    """Rings when somebody, in whatever process, may have changed the database.

    Rings that come while nobody waits are one ring; so are those of REST seconds, or an upload of many
    small files would keep every role looking. A ring says nothing of what has changed, and one may be
    lost with a connection: whoever waits looks every *nap* seconds without one, too.
    """

    def __init__(self, *, nap: float) -> None:
        self._nap = nap
        self._rung = trio.Event()
        self._rested = -math.inf

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def wait(self) -> None:
        """Return at the next ring, or after the nap."""
        with trio.move_on_after(self._nap):
            await self._rung.wait()
        await trio.sleep_until(self._rested)
        self._rested = trio.current_time() + REST
        self._rung = trio.Event()


#: Seconds between two looks of somebody whose bell did not ring: the price of a lost ring.
NAP = 5.0
#: Seconds between two looks for a commit after SQLite's log has changed: at first, and at the most. Each is
#: longer than the one before by a factor, so that a commit is late by no more than a part of what it took.
FIRST_PAUSE, LONGEST_PAUSE, _GROWTH = 0.005, 0.25, 1.5
#: Seconds between two looks for what another transaction holds back.
HELD_BACK = 0.05
#: Looks in a row, each after a change, that are no burst any more.
_BURST = 4
#: Seconds a commit may take to become visible after its last write into the log.
LONGEST_COMMIT = 2.0


@asynccontextmanager
async def bell(catalog: Catalog, *, nap: float = NAP) -> AsyncIterator[Bell]:
    """Give a bell that rings while the block runs."""
    rings = Bell(nap=nap)
    watch = _watch_wal if catalog.is_sqlite else _listen
    async with trio.open_nursery() as nursery:
        await nursery.start(watch, catalog, rings)
        yield rings
        nursery.cancel_scope.cancel()


async def _watch_wal(
    catalog: Catalog, rings: Bell, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ring at every commit into SQLite's write-ahead log, whoever wrote.

    The log changes before the commit can be seen: in between the writer waits for the disk. So a
    change of the log says when to look, and SQLite's count of commits whether to ring.
    The folder is watched, not the file: SQLite deletes the log when its last connection closes.
    """
    assert catalog.file is not None
    with (
        inotify_simple.INotify(nonblocking=True) as inotify,
        catalog.counting_commits() as count,
    ):
        changes = inotify_simple.flags.MODIFY | inotify_simple.flags.CREATE
        inotify.add_watch(catalog.file.parent, changes)
        seen = await trio.to_thread.run_sync(count)
        task_status.started()
        async with aclosing(_looks(inotify, catalog.file.name + "-wal")) as looks:
            async for _ in looks:
                commits = count()  # of which nobody keeps the number from whoever asks
                if commits != seen:
                    seen = commits
                    rings.ring()


async def _looks(inotify: inotify_simple.INotify, log_name: str) -> AsyncGenerator[None, None]:
    """Yield when a log may hold a new commit: at a change, and with growing pauses for a while."""
    pause, quiet_at, busy = math.inf, -math.inf, 0
    while True:
        with trio.move_on_after(pause):
            await trio.lowlevel.wait_readable(inotify.fileno())
        yield
        # Commits come in bursts; and while files are sent, no bell is heard more often than this.
        await trio.sleep(FIRST_PAUSE if busy <= _BURST else REST)
        if any(change.name == log_name for change in inotify.read(timeout=0)):
            pause, quiet_at = FIRST_PAUSE, trio.current_time() + LONGEST_COMMIT
            busy += 1
        elif trio.current_time() < quiet_at:
            pause, busy = min(pause * _GROWTH, LONGEST_PAUSE), 0
        else:
            pause = math.inf


async def _listen(
    catalog: Catalog, rings: Bell, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ring at every NOTIFY; connect again for ever when the server goes away."""
    parameters = catalog.url.set(drivername="postgresql").render_as_string(hide_password=False)
    started = False
    pause = 0.1
    while True:
        try:
            connection = await trio.to_thread.run_sync(_open_listener, parameters)
        except psycopg.OperationalError as error:
            log.warning("cannot listen to %s, trying again: %s", catalog.name, error)
            await trio.sleep(pause)
            pause = min(pause * 2, 10)
            continue
        pause = 0.1
        if not started:
            task_status.started()
            started = True
        rings.ring()  # whatever was missed while nobody listened
        try:
            await _ring_at_notifications(connection, rings)
        except psycopg.OperationalError as error:
            log.warning("lost the connection to %s: %s", catalog.name, error)
        finally:
            connection.close()


def _open_listener(parameters: str) -> psycopg.Connection:
    connection = psycopg.connect(parameters, autocommit=True, application_name="jobfs bell")
    connection.execute("LISTEN jobfs")
    return connection


async def _ring_at_notifications(connection: psycopg.Connection, rings: Bell) -> None:
    while True:
        await trio.lowlevel.wait_readable(connection.fileno())
        if list(connection.notifies(timeout=0)):
            rings.ring()


async def follow(
    database: Database,
    rings: Bell,
    position: feed.Position,
    kinds: frozenset[EventKind] | None = None,
) -> AsyncGenerator[tuple[feed.Position, list[feed.Event]], None]:
    """Yield what happens after *position*, for ever: (the position behind a batch, the batch).

    *kinds*: only events of these; None: all.
    """
    while True:
        seen = await _read_patiently(database, position, kinds)
        position = seen.position
        if seen.events:
            yield position, seen.events
        elif seen.held_back:
            await trio.sleep(HELD_BACK)
        else:
            await rings.wait()


async def _read_patiently(
    database: Database, position: feed.Position, kinds: frozenset[EventKind] | None
) -> feed.Seen:
    pause = 0.1  # seconds, doubled up to ten
    while True:
        try:
            return await database.read(feed.look, position, kinds)
        except CatalogUnavailableError as error:
            log.warning("cannot read the event feed, trying again: %s", error)
            await trio.sleep(pause)
            pause = min(pause * 2, 10)
