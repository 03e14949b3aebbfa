"""Bells: who waits for a change of the database is told to look, whichever process has made it.

A bell says "look"; what there is to see stands in the rows. PostgreSQL rings by NOTIFY; of SQLite each
process watches the write-ahead log.
"""

import logging
import math
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import inotify_simple
import trio
from inotify_simple import flags
from sqlalchemy.exc import DBAPIError

from jobfs.catalog.engine import Catalog, Mark

if TYPE_CHECKING:
    import psycopg  # which takes 9 MB, and is needed for PostgreSQL only

log = logging.getLogger(__name__)

#: Seconds between two rings that are heard by the mount, since a change must reach its clients within 0.1 s,
#: and may come just after a look and then wait for a ring, and by a worker, which is to begin at once; and by
#: login, and by a worker after some rings in a row. A look takes half a millisecond of a processor.
REST, LONG_REST = 0.03, 0.1
#: By what a rest is longer than the one before, as long as the next ring comes within a rest; and after how
#: many rings in a row: a single photo makes four or five, and is to be made at once.
_STRETCH, _IN_A_ROW = 1.5, 8


class Bell:
    """Rings when somebody, in whatever process, may have changed the database.

    Rings that come while nobody waits are one ring. After each, whoever rings it rests for *rest* seconds, or
    for up to *longest* seconds as they go on, or an upload of many small files would keep every role looking.
    A ring says nothing of what has changed, and one may be lost with a connection: whoever waits looks every
    *nap* seconds without one, too.
    """

    def __init__(self, *, nap: float, rest: float = REST, longest: float | None = None) -> None:
        self._nap = nap
        self._shortest, self._longest = rest, longest or rest
        self.between = rest  # seconds from a ring to the next, as they come now
        self._in_a_row = 0
        self._rung = trio.Event()
        self._rested = -math.inf

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def rest(self) -> None:
        """Return when it may ring again: for whoever has rung it."""
        now = trio.current_time()
        self._in_a_row = self._in_a_row + 1 if now < self._rested + self.between else 0
        stretched = min(self.between * _STRETCH, self._longest)
        self.between = stretched if self._in_a_row >= _IN_A_ROW else self._shortest
        self._rested = now + self.between
        await trio.sleep_until(self._rested)

    async def wait(self, *, nap: float = math.inf) -> None:
        """Return at the next ring, or after the nap: this one, if the bell's own is longer."""
        with trio.move_on_after(min(nap, self._nap)):
            await self._rung.wait()
        self._rung = trio.Event()


#: Seconds between two looks of somebody whose bell did not ring: the price of a lost ring.
NAP = 5.0
#: Seconds until one looks for a commit again after SQLite's log has changed.
FIRST_PAUSE = 0.005
#: By what each further pause is longer, and seconds that it is at the most. A commit that is awaited is late
#: by no more than a part of what it took; once one was seen, another writer may be at work still, whose
#: commit is late by the time between rings, or by no more than it took.
LONGEST_PAUSE = 0.25
_AWAITED, _SEEN = (1.5, LONGEST_PAUSE), (2.0, NAP)
#: Seconds a commit may take to become visible after its last write into the log.
LONGEST_COMMIT = 2.0


@asynccontextmanager
async def bell(
    catalog: Catalog,
    *,
    nap: float | None = None,
    rest: float = REST,
    longest: float | None = None,
    ours: bool = True,
) -> AsyncIterator[Bell]:
    """Give a bell that rings while the block runs; *nap* is how long whoever waits does without a ring.

    By default that is NAP, but no end on SQLite: there the log is looked at so often for what was missed.
    *rest*, *longest*: seconds between two rings, at first and when they go on. *ours*: also at what
    `Catalog.at_once` commits in this process; not to hear that takes its thread.
    """
    if nap is None:
        nap = math.inf if catalog.is_sqlite else NAP
    rings = Bell(nap=nap, rest=rest, longest=longest)
    watch = partial(_watch_wal, ours=ours) if catalog.is_sqlite else _listen
    async with trio.open_nursery() as nursery:
        await nursery.start(watch, catalog, rings)
        yield rings
        nursery.cancel_scope.cancel()


async def _watch_wal(
    catalog: Catalog,
    rings: Bell,
    *,
    ours: bool,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Ring at every commit into SQLite's write-ahead log, whoever wrote; not at *ours* unless asked to.

    The log changes before the commit can be seen: in between the writer waits for the disk. So a
    change of the log says when to look, and SQLite's count of commits whether to ring.
    """
    assert catalog.file is not None
    with _watched(catalog.file.parent) as folder, _looking(catalog, ours=ours) as look:
        seen = look()
        task_status.started()
        pace = _Pace()
        has_changed = False
        while True:
            if not folder.watch():
                pace.nobody_tells()
            found = look()
            if found != seen:
                seen = await _hear_out(look, seen, found, rings)
                folder.heed()
                pace.commit_was_seen(rings.between)
                has_changed = False
                continue
            if has_changed:
                await trio.sleep(FIRST_PAUSE)  # however much the log changes
            with trio.move_on_after(pace.pause) as quiet:
                await trio.lowlevel.wait_readable(folder.fileno())
            has_changed = not quiet.cancelled_caught
            if has_changed:
                folder.heed()
                pace.log_has_changed()
            else:
                pace.slow_down()


async def _hear_out(look: Callable[[], Mark], seen: Mark, found: Mark, rings: Bell) -> Mark:
    """Ring for a commit and for those that come within a rest of another; returns the last.

    They come in bursts: while files are sent it is enough to look now and then, whatever the log does.
    """
    while found != seen:
        if found.others != seen.others:
            rings.ring()
        seen = found
        await rings.rest()
        found = look()
    return seen


@contextmanager
def _looking(catalog: Catalog, *, ours: bool) -> Iterator[Callable[[], Mark]]:
    """Give what marks a state of the database; *ours*: with all commits among those of others."""
    if ours:
        with catalog.marking_commits() as mark:
            yield mark
    else:
        yield partial(_mark_of_others, catalog)


def _mark_of_others(catalog: Catalog) -> Mark:
    # It fails while somebody brings the log in order: then whoever waits looks.
    with suppress(DBAPIError, sqlite3.Error):
        return catalog.mark()
    return Mark(None, ours=0)


class _Folder:
    """The folder of SQLite's files: who watches is told of its next change, and of no other until then.

    An upload writes dozens of pages, and the kernel would tell every role of each while the writer waits.
    The log alone cannot be watched: SQLite deletes it when its last connection closes.
    """

    _ONCE = flags.MODIFY | flags.CREATE | flags.ONESHOT

    def __init__(self, inotify: inotify_simple.INotify, path: Path) -> None:
        self._inotify = inotify
        self._path = path
        self._is_watched = False
        self._can_watch = True

    def fileno(self) -> int:
        """Return what becomes readable at the next change."""
        number: int = self._inotify.fileno()
        return number

    def watch(self) -> bool:
        """Be told of the next change, if the kernel can: others of this user may watch too much.

        What happens before is seen by whoever looks after this.
        """
        if not self._is_watched:
            try:
                self._inotify.add_watch(self._path, self._ONCE)
            except OSError as error:
                if self._can_watch:
                    log.warning("cannot watch %s, looking every 0.25 s: %s", self._path, error)
                self._can_watch = False
                return False
            self._can_watch = self._is_watched = True
        return True

    def heed(self) -> None:
        """Hear what was told: that something has changed; and more may have since, whatever it was."""
        # The kernel says when it has taken the watch away: one that is set before would go with it.
        if any(one.mask & flags.IGNORED for one in self._inotify.read(timeout=0)):
            self._is_watched = False


@contextmanager
def _watched(path: Path) -> Iterator[_Folder]:
    with inotify_simple.INotify(nonblocking=True) as inotify:
        yield _Folder(inotify, path)


class _Pace:
    """When to look for a commit: soon after a change of the log, then with growing pauses for a while."""

    def __init__(self) -> None:
        self.pause = NAP
        self._growth = _AWAITED
        self._quiet_at = -math.inf

    def log_has_changed(self) -> None:
        """Look often: a commit is on its way."""
        self.pause = FIRST_PAUSE
        self._growth = _AWAITED
        self._quiet_at = trio.current_time() + LONGEST_COMMIT

    def commit_was_seen(self, between_rings: float) -> None:
        """Look now and then, for another that was on its way as well.

        Commits come in bursts; and while files are sent, no bell is heard more often than that.
        """
        self.pause = between_rings
        self._quiet_at = trio.current_time() + LONGEST_COMMIT
        self._growth = _SEEN

    def nobody_tells(self) -> None:
        """Look now and then, since no change of the log will be heard of."""
        self.pause = min(self.pause, LONGEST_PAUSE)

    def slow_down(self) -> None:
        """Look less often; at last only for what may have been missed."""
        factor, longest = self._growth
        is_quiet = trio.current_time() >= self._quiet_at
        self.pause = NAP if is_quiet else min(self.pause * factor, longest)


async def _listen(
    catalog: Catalog, rings: Bell, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ring at every NOTIFY; connect again for ever when the server goes away."""
    import psycopg  # noqa: PLC0415

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


def _open_listener(parameters: str) -> "psycopg.Connection":
    import psycopg  # noqa: PLC0415

    connection = psycopg.connect(parameters, autocommit=True, application_name="jobfs bell")
    connection.execute("LISTEN jobfs")
    return connection


async def _ring_at_notifications(connection: "psycopg.Connection", rings: Bell) -> None:
    while True:
        await trio.lowlevel.wait_readable(connection.fileno())
        if list(connection.notifies(timeout=0)):
            rings.ring()
            await rings.rest()
