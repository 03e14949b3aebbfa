"""Bells: who waits for a change of the database is told to look, whichever process has made it.

A bell says "look"; what there is to see stands in the rows. PostgreSQL rings by NOTIFY; of SQLite each
process watches the write-ahead log.
"""

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import inotify_simple
import trio

from jobfs.catalog.engine import Catalog

if TYPE_CHECKING:
    import psycopg  # which takes 9 MB, and is needed for PostgreSQL only

log = logging.getLogger(__name__)

#: Seconds between two rings that are heard by the mount, since a change must reach its clients within 0.1 s,
#: and may come just after a look and then wait for a ring, and by a worker, which is to begin at once; and by
#: login. A look takes half a millisecond of a processor.
REST, LONG_REST = 0.03, 0.1


class Bell:
    """Rings when somebody, in whatever process, may have changed the database.

    Rings that come while nobody waits are one ring; so are those of *rest* seconds, or an upload of many
    small files would keep every role looking. A ring says nothing of what has changed, and one may be
    lost with a connection: whoever waits looks every *nap* seconds without one, too.
    """

    def __init__(self, *, nap: float, rest: float = REST) -> None:
        self._nap = nap
        self.rest = rest
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
        self._rested = trio.current_time() + self.rest
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
    catalog: Catalog, *, nap: float | None = None, rest: float = REST
) -> AsyncIterator[Bell]:
    """Give a bell that rings while the block runs; *nap* is how long whoever waits does without a ring.

    By default that is NAP, but no end on SQLite: there the log is looked at so often for what was missed.
    *rest*: seconds between two rings.
    """
    if nap is None:
        nap = math.inf if catalog.is_sqlite else NAP
    rings = Bell(nap=nap, rest=rest)
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
        log_name = catalog.file.name + "-wal"
        seen = await trio.to_thread.run_sync(count)
        task_status.started()
        pace = _Pace(rings.rest)
        while True:
            with trio.move_on_after(pace.pause) as quiet:
                await trio.lowlevel.wait_readable(inotify.fileno())
            if quiet.cancelled_caught:
                pace.slow_down()
            elif any(change.name == log_name for change in inotify.read(timeout=0)):
                pace.log_has_changed()
            commits = count()  # of which nobody keeps the number from whoever asks
            if commits != seen:
                seen = commits
                pace.commit_was_seen()
                rings.ring()
            if not quiet.cancelled_caught:
                await trio.sleep(pace.rest)


class _Pace:
    """When to look for a commit: soon after a change of the log, then with growing pauses for a while."""

    def __init__(self, between_rings: float) -> None:
        self._between_rings = between_rings
        self.pause = NAP
        self.rest = FIRST_PAUSE  # before the log is looked at again, however much it changes
        self._growth = _AWAITED
        self._quiet_at = -math.inf

    def log_has_changed(self) -> None:
        """Look often: a commit is on its way."""
        self.pause = self.rest = FIRST_PAUSE
        self._growth = _AWAITED
        self._quiet_at = trio.current_time() + LONGEST_COMMIT

    def commit_was_seen(self) -> None:
        """Look now and then, for another that was on its way as well.

        Commits come in bursts; and while files are sent, no bell is heard more often than that.
        """
        self.pause = self.rest = self._between_rings
        self._growth = _SEEN

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
