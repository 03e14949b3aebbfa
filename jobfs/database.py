"""The one door from async to sync: a transaction per call, in a thread.

Readers and writers queue apart, so that a writer that waits for the database never keeps a reader
from its answer. A bell says "look"; what there is to see stands in the rows.
"""

import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import inotify_simple
import psycopg
import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jobfs.catalog import feed
from jobfs.catalog.engine import Catalog, CatalogUnavailableError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How often one transaction is tried when the database itself asks for another try (a deadlock, a
#: connection that died before the commit).
TRIES = 3


class Database:
    """What the async rooms hold of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        # SQLite has one writer; more threads would only stand before its lock.
        writers = 1 if catalog.is_sqlite else max(1, catalog.connections // 2)
        self._writers = trio.CapacityLimiter(writers)
        self._readers = trio.CapacityLimiter(max(1, catalog.connections - writers))

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return *query*(connection, ...), run against one state of the database."""

        def call() -> T:
            with self.catalog.reading() as connection:
                return query(connection, *args, **kwargs)

        return await trio.to_thread.run_sync(_insist, call, limiter=self._readers)

    async def write(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return *change*(connection, ...) after a durable commit."""
        return await self._write(self.catalog.writing, change, *args, **kwargs)

    async def write_lazily(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like write, but a power cut may undo it until the next durable commit."""
        return await self._write(
            partial(self.catalog.writing, durable=False), change, *args, **kwargs
        )

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
#: Seconds between two looks for a commit after SQLite's log has changed: at first, and at the most.
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
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
                commits = await trio.to_thread.run_sync(count)
                if commits != seen:
                    seen = commits
                    rings.ring()


async def _looks(inotify: inotify_simple.INotify, log_name: str) -> AsyncGenerator[None, None]:
    """Yield when a log may hold a new commit: at a change, and with growing pauses for a while."""
    pause, quiet_at = math.inf, -math.inf
    while True:
        with trio.move_on_after(pause):
            await trio.lowlevel.wait_readable(inotify.fileno())
        yield
        await trio.sleep(FIRST_PAUSE)  # commits come in bursts
        if any(change.name == log_name for change in inotify.read(timeout=0)):
            pause, quiet_at = FIRST_PAUSE, trio.current_time() + LONGEST_COMMIT
        elif trio.current_time() < quiet_at:
            pause = min(pause * 2, LONGEST_PAUSE)
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
    database: Database, rings: Bell, position: feed.Position
) -> AsyncGenerator[tuple[feed.Position, list[feed.Event]], None]:
    """Yield what happens after *position*, for ever: (the position behind a batch, the batch)."""
    while True:
        events, held_back = await _read_patiently(database, position)
        if events:
            position = events[-1].position
            yield position, events
        elif held_back:
            await trio.sleep(LONGEST_PAUSE)
        else:
            await rings.wait()


async def _read_patiently(
    database: Database, position: feed.Position
) -> tuple[list[feed.Event], bool]:
    pause = 0.1  # seconds, doubled up to ten
    while True:
        try:
            return await database.read(feed.look, position)
        except CatalogUnavailableError as error:
            log.warning("cannot read the event feed, trying again: %s", error)
            await trio.sleep(pause)
            pause = min(pause * 2, 10)
