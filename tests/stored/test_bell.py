"""The async door, and the bell that says when somebody else has come through theirs.

No bell here naps: a ring that is lost makes a test fail, not slow.
"""

import math
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from itertools import pairwise

import pytest
import trio
from sqlalchemy import URL, Connection, text
from trio.testing import MockClock, wait_all_tasks_blocked

from jobfs.at_once import AtOnce
from jobfs.bells import FIRST_PAUSE, LONGEST_COMMIT, REST, Bell, bell
from jobfs.catalog import feed, jobs, migrate
from jobfs.catalog.engine import Catalog, Mark
from jobfs.catalog.feed import Event, Position
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.database import HELD_BACK, Database, follow
from jobfs.domain.jobs import JobStatus
from tests.conftest import PostgreSQL
from tests.stored.studio import NOON, job, plain_sql

PATIENCE = 180  # seconds after which a ring counts as lost

#: A stranger's program: says when it may be told to, and writes with plain SQLite.
STRANGER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("PRAGMA synchronous = FULL")
print("ready", flush=True)
for number, _ in enumerate(sys.stdin):
    status = "selling" if number % 2 else "archived"
    database.execute("UPDATE job SET status = ?", (status,))
    print("done", flush=True)
"""


@pytest.fixture
def database(catalog: Catalog) -> Database:
    """The door of a catalog that holds one job."""
    with catalog.writing() as connection:
        job(connection, "Wedding")
    return Database(catalog)


@pytest.fixture
def on_postgresql(migrated_postgresql: str) -> Iterator[Database]:
    """The door of a catalog on PostgreSQL that holds two jobs."""
    catalog = Catalog(migrated_postgresql)
    with catalog.writing() as connection:
        job(connection, "One")
        job(connection, "Two")
    yield Database(catalog)
    catalog.dispose()


@pytest.fixture
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The door of a catalog on SQLite that holds one job."""
    catalog = Catalog(f"sqlite:///{tmp_path_factory.mktemp('bell')}/jobfs.sqlite3")
    migrate.upgrade(catalog)
    with catalog.writing() as connection:
        job(connection, "Wedding")
    yield Database(catalog)
    catalog.dispose()


async def test_the_bell_rings_for_plain_sql(database: Database) -> None:
    async with listening(database) as feed_reader:
        await trio.to_thread.run_sync(
            plain_sql, database.catalog, "UPDATE job SET status = 'selling'"
        )

        assert await feed_reader.next_kind() == "job.status"


async def test_the_bell_rings_for_this_process(database: Database) -> None:
    async with listening(database) as feed_reader:
        await database.write(jobs.set_status, 1, JobStatus.SELLING)

        assert await feed_reader.next_kind() == "job.status"


async def test_the_bell_rings_for_what_need_not_survive_a_power_cut(database: Database) -> None:
    async with listening(database) as feed_reader:
        await database.write_lazily(jobs.set_status, 1, JobStatus.SELLING)

        assert await feed_reader.next_kind() == "job.status"


async def test_the_bell_rings_for_each_of_many_changes(database: Database) -> None:
    async with listening(database) as feed_reader:
        for number in range(30):
            status = JobStatus.SELLING if number % 2 else JobStatus.ARCHIVED
            await database.write(jobs.set_status, 1, status)

            assert await feed_reader.next_kind() == "job.status"


async def test_two_bells_ring_for_one_change(database: Database) -> None:
    async with listening(database) as one, listening(database) as other:
        await database.write(jobs.set_status, 1, JobStatus.SELLING)

        assert await one.next_kind() == "job.status"
        assert await other.next_kind() == "job.status"


@pytest.mark.parametrize("delay", [0, 50, 400], ids="a disk of {} ms".format)
async def test_a_commit_that_waits_for_a_slow_disk_is_seen_when_it_can_be(
    on_sqlite: Database, delay: int
) -> None:
    """SQLite writes its log, waits for the disk, and only then lets readers see the commit."""
    assert shutil.which("strace"), "strace is not installed: run tests/run, which installs it"
    async with listening(on_sqlite) as feed_reader:
        with stranger(on_sqlite.catalog, fsync_delay=delay) as tell:
            for _ in range(5):
                await trio.to_thread.run_sync(tell)

                assert await feed_reader.next_kind() == "job.status"


async def test_few_looks_follow_a_commit_that_was_seen(
    on_sqlite: Database, autojump_clock: MockClock
) -> None:
    looks = CountedLooks(on_sqlite.catalog.url)
    async with bell(looks) as rings:
        plain_sql(on_sqlite.catalog, "UPDATE job SET status = 'selling'")  # while time stands still
        await rings.wait()
        looks.made.clear()

        with trio.move_on_after(LONGEST_COMMIT):
            await rings.wait()
            pytest.fail("nothing has changed")

    assert len(looks.made) <= 10
    assert autojump_clock.current_time() >= LONGEST_COMMIT
    looks.dispose()


async def test_a_commit_on_its_way_while_another_is_seen_is_late_by_a_rest_or_by_what_it_took(
    on_sqlite: Database, autojump_clock: MockClock
) -> None:
    """Their changes of the log may be heard of as one; then nothing tells of the second commit."""
    looks = CountedLooks(on_sqlite.catalog.url)
    async with bell(looks) as rings:
        plain_sql(on_sqlite.catalog, "UPDATE job SET status = 'selling'")
        committed = trio.current_time()
        await rings.wait()
        with trio.move_on_after(LONGEST_COMMIT):
            await rings.wait()

    after = [look - committed for look in looks.made if look > committed]
    assert autojump_clock.current_time() >= committed + LONGEST_COMMIT
    assert len(after) > 1
    assert all(later <= 2 * earlier + REST + FIRST_PAUSE for earlier, later in pairwise(after))
    looks.dispose()


async def test_a_commit_on_its_way_at_the_end_of_a_burst_is_late_by_no_more(
    on_sqlite: Database, autojump_clock: MockClock
) -> None:
    """Its change of the log was heard with theirs, however long they have been at it."""
    looks = CountedLooks(on_sqlite.catalog.url)
    began = ended = autojump_clock.current_time()
    async with bell(looks):
        while ended < began + 2 * LONGEST_COMMIT:
            plain_sql(on_sqlite.catalog, "UPDATE job SET title = title || '.'")
            ended += REST / 3
            await trio.sleep_until(ended)
        await trio.sleep_until(ended + LONGEST_COMMIT)

    after = [look - ended for look in looks.made if look > ended]
    assert len(after) > 4
    assert all(later <= 2 * earlier + REST + FIRST_PAUSE for earlier, later in pairwise(after))
    looks.dispose()


@pytest.mark.parametrize("between", [REST / 7, REST / 3])
async def test_a_burst_of_commits_is_looked_at_once_in_a_rest(
    on_sqlite: Database, autojump_clock: MockClock, between: float
) -> None:
    """While files are sent, every role would be kept looking."""
    looks = CountedLooks(on_sqlite.catalog.url)
    began = autojump_clock.current_time()
    async with bell(looks):
        while autojump_clock.current_time() < began + 1:
            plain_sql(on_sqlite.catalog, "UPDATE job SET title = title || '.'")
            await trio.sleep_until(autojump_clock.current_time() + between)

    assert len(looks.made) <= 1 / REST + 5
    looks.dispose()


@pytest.mark.usefixtures("autojump_clock")
async def test_who_does_not_hear_itself_hears_others(on_sqlite: Database) -> None:
    """A mount commits with every file, and follows what others do."""
    mount = Database(on_sqlite.catalog, AtOnce())
    async with bell(on_sqlite.catalog, ours=False) as rings:
        await mount.write_lazily(jobs.set_status, 1, JobStatus.SELLING)
        with trio.move_on_after(2 * LONGEST_COMMIT):
            await rings.wait()
            pytest.fail("that was its own")

        plain_sql(on_sqlite.catalog, "UPDATE job SET status = 'archived'")
        with trio.fail_after(PATIENCE):
            await rings.wait()


@pytest.mark.usefixtures("autojump_clock")
async def test_changes_of_another_file_in_its_folder_deafen_no_bell(on_sqlite: Database) -> None:
    """The kernel tells of the next change only, whichever file's it is."""
    assert on_sqlite.catalog.file is not None
    async with bell(on_sqlite.catalog) as rings:
        for number in range(5):
            on_sqlite.catalog.file.with_name(f"other-{number}").write_bytes(b"")
            await trio.testing.wait_all_tasks_blocked()
            plain_sql(on_sqlite.catalog, "UPDATE job SET title = title || '.'")
            with trio.fail_after(PATIENCE):
                await rings.wait()


@pytest.mark.usefixtures("autojump_clock")
async def test_who_cannot_watch_any_more_looks_now_and_then(
    on_sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Of watches there are only so many for all processes of a user."""
    assert on_sqlite.catalog.file is not None
    file = on_sqlite.catalog.file
    async with bell(on_sqlite.catalog) as rings:
        folder = file.parent.rename(
            file.parent.with_name("moved")
        )  # there is nothing to watch here now
        moved = Catalog(f"sqlite:///{folder / file.name}")
        for _ in range(5):
            plain_sql(moved, "UPDATE job SET title = title || '.'")
            with trio.fail_after(PATIENCE):
                await rings.wait()
        moved.dispose()

    assert [line.getMessage().startswith("cannot watch") for line in caplog.records] == [True]


async def test_rings_that_go_on_are_heard_less_often_and_the_next_one_soon(
    autojump_clock: MockClock,
) -> None:
    rings = Bell(nap=math.inf, rest=1, longest=3)
    heard = []
    for _ in range(13):
        rings.ring()
        heard.append(autojump_clock.current_time())
        await rings.rest()
    rests = [later - earlier for earlier, later in pairwise(heard)]
    assert rests == [*[1] * 8, 1.5, 2.25, 3, 3]

    await trio.sleep_until(heard[-1] + 3 + 3)
    rings.ring()
    await rings.rest()
    assert autojump_clock.current_time() == heard[-1] + 3 + 3 + 1


class CountedLooks(Catalog):
    """A catalog that knows when its count of commits was asked for."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self.made: list[float] = []

    @contextmanager
    def marking_commits(self) -> Iterator[Callable[[], Mark]]:
        """Count the questions, too."""
        with super().marking_commits() as mark:

            def counted() -> Mark:
                self.made.append(trio.current_time())
                return mark()

            yield counted


async def test_rings_that_nobody_waited_for_are_one_ring() -> None:
    rings = Bell(nap=math.inf)
    rings.ring()
    rings.ring()

    await rings.wait()

    with trio.move_on_after(0) as waiting:
        await rings.wait()
    assert waiting.cancelled_caught


async def test_a_ring_is_kept_for_one_who_was_interrupted() -> None:
    rings = Bell(nap=math.inf)
    with trio.move_on_after(0):
        await rings.wait()
    rings.ring()

    with trio.fail_after(PATIENCE):
        await rings.wait()


async def test_without_a_ring_one_looks_after_the_nap(autojump_clock: MockClock) -> None:
    rings = Bell(nap=5)

    await rings.wait()

    assert autojump_clock.current_time() == pytest.approx(5)


async def test_writers_that_wait_do_not_hold_up_a_reader(database: Database) -> None:
    """clients.md R25: a stall of the database in one connection does not delay another's stat."""
    async with trio.open_nursery() as nursery:
        with stalled(database.catalog):
            for status in [JobStatus.PREPAY, JobStatus.SELLING] * 6:
                nursery.start_soon(database.write, jobs.set_status, 1, status)
            await wait_all_tasks_blocked(0.1)

            with trio.fail_after(PATIENCE):
                found = await database.read(jobs.by_name, "Wedding")

            assert found.status is JobStatus.PLANNED
    found = await database.read(jobs.by_name, "Wedding")
    assert found.status in {JobStatus.PREPAY, JobStatus.SELLING}


async def test_a_refused_change_is_undone_and_its_error_comes_through(database: Database) -> None:
    def change(connection: Connection) -> None:
        jobs.set_status(connection, 1, JobStatus.SELLING)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(change)

    found = await database.read(jobs.by_name, "Wedding")
    assert found.status is JobStatus.PLANNED


async def test_what_is_written_is_read(database: Database) -> None:
    await database.write(jobs.add, "Prom", status=JobStatus.PLANNED, now=NOON)

    assert (await database.read(jobs.by_name, "Prom")).created_at == NOON


async def test_a_deadlock_is_tried_again(on_postgresql: Database) -> None:
    both_hold_one = threading.Barrier(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(on_postgresql.write, Crossing(both_hold_one, 1, 2).cross)
        nursery.start_soon(on_postgresql.write, Crossing(both_hold_one, 2, 1).cross)

    titles = await on_postgresql.read(titles_of_jobs)
    assert titles in {("1 then 2", "1 then 2"), ("2 then 1", "2 then 1")}


class Crossing:
    """Changes two jobs, and waits between them until somebody else has changed the other."""

    def __init__(self, both_hold_one: threading.Barrier, first: int, second: int) -> None:
        self._both_hold_one = both_hold_one
        self._jobs = first, second
        self._tries = 0

    def cross(self, connection: Connection) -> None:
        """Be the change of one transaction, tried as often as need be."""
        first, second = self._jobs
        self._set_title(connection, first)
        self._tries += 1
        if self._tries == 1:
            self._both_hold_one.wait(PATIENCE)
        self._set_title(connection, second)

    def _set_title(self, connection: Connection, job_id: int) -> None:
        title = "{} then {}".format(*self._jobs)
        connection.execute(
            text("UPDATE job SET title = :title WHERE id = :id"), {"title": title, "id": job_id}
        )


async def test_what_a_transaction_held_back_is_seen_though_it_ends_without_a_change(
    on_postgresql: Database,
) -> None:
    """Nobody rings for a transaction that is rolled back, or that is another database's."""
    async with listening(on_postgresql) as feed_reader, trio.open_nursery() as nursery:
        with on_postgresql.catalog.reading() as connection:
            connection.execute(text("SELECT pg_current_xact_id()"))
            await on_postgresql.write(jobs.set_status, 1, JobStatus.SELLING)
            nursery.start_soon(feed_reader.next_kind)
            await wait_all_tasks_blocked(HELD_BACK / 2)

            assert feed_reader.seen == []

    assert feed_reader.seen == ["job.status"]


async def test_a_listener_that_loses_its_connection_listens_again(
    on_postgresql: Database, postgresql: PostgreSQL
) -> None:
    async with listening(on_postgresql) as feed_reader:
        for change in ("SET status = 'selling'", "SET status = 'archived'"):
            await trio.to_thread.run_sync(end_connections, postgresql, on_postgresql.catalog)
            await trio.to_thread.run_sync(
                plain_sql, on_postgresql.catalog, f"UPDATE job {change} WHERE id = 1"
            )

            assert await feed_reader.next_kind() == "job.status"


async def test_a_change_goes_on_over_connections_that_have_died(
    on_postgresql: Database, postgresql: PostgreSQL
) -> None:
    await on_postgresql.read(jobs.by_name, "One")
    await trio.to_thread.run_sync(end_connections, postgresql, on_postgresql.catalog)

    await on_postgresql.write(jobs.set_status, 1, JobStatus.SELLING)

    found = await on_postgresql.read(jobs.by_name, "One")
    assert found.status is JobStatus.SELLING


async def test_a_server_that_goes_away_is_unavailable_and_comes_back(
    on_postgresql: Database, postgresql: PostgreSQL
) -> None:
    async with listening(on_postgresql) as feed_reader:
        await trio.to_thread.run_sync(go_away, postgresql, on_postgresql.catalog)

        for ask in (on_postgresql.read, on_postgresql.write):
            with pytest.raises(CatalogUnavailableError, match="not currently accepting"):
                await ask(jobs.by_name, "One")

        await trio.to_thread.run_sync(come_back, postgresql, on_postgresql.catalog)
        await on_postgresql.write(jobs.set_status, 1, JobStatus.SELLING)
        assert await feed_reader.next_kind() == "job.status"


class FeedReader:
    """Reads events one by one, from where it was made."""

    def __init__(self, database: Database, rings: Bell, position: Position) -> None:
        self._database = database
        self._rings = rings
        self._position = position
        self.seen: list[str] = []

    async def next_kind(self) -> str:
        """Return the kind of the next event."""
        with trio.fail_after(PATIENCE):
            async with aclosing(self._follow()) as events:
                async for event in events:
                    self.seen.append(event.kind)
                    return event.kind
        raise AssertionError("unreachable")

    async def _follow(self) -> AsyncGenerator[Event, None]:
        async with aclosing(follow(self._database, self._rings, self._position)) as pages:
            async for position, events in pages:
                (event,) = events
                self._position = position
                yield event


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[FeedReader]:
    """Follow the feed from its end, with a bell that never naps."""
    async with bell(database.catalog, nap=math.inf) as rings:
        yield FeedReader(database, rings, await database.read(feed.end))


@contextmanager
def stranger(catalog: Catalog, *, fsync_delay: int) -> Iterator[Callable[[], None]]:
    """Give a function that makes another program change the job's status, on a disk that is slow.

    *fsync_delay* is in milliseconds.
    """
    slowly = [
        "strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
        "-e", f"inject=fsync,fdatasync:delay_enter={fsync_delay * 1000}",
    ]  # fmt: skip
    with subprocess.Popen(
        [*slowly, sys.executable, "-c", STRANGER, str(catalog.file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        said, heard = program.stdin, program.stdout
        assert heard.readline() == "ready\n"

        def tell() -> None:
            said.write("go\n")
            said.flush()
            assert heard.readline() == "done\n"

        yield tell
        said.close()


@contextmanager
def stalled(catalog: Catalog) -> Iterator[None]:
    """Let a stranger's transaction keep every writer waiting."""
    if catalog.file is None:
        with catalog.writing() as connection:
            connection.execute(text("SELECT id FROM job FOR UPDATE"))
            yield
        return
    with closing(sqlite3.connect(catalog.file, isolation_level=None)) as plain:
        plain.execute("BEGIN IMMEDIATE")
        yield
        plain.execute("ROLLBACK")


def titles_of_jobs(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.execute(text("SELECT title FROM job ORDER BY id")).scalars())


def end_connections(server: PostgreSQL, catalog: Catalog) -> None:
    """End every connection of the database, as a restart of the server does."""
    these = f"datname = '{catalog.url.database}'"
    end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
    server.psql("postgres", end + these)


def go_away(server: PostgreSQL, catalog: Catalog) -> None:
    server.psql("postgres", f"ALTER DATABASE {catalog.url.database} ALLOW_CONNECTIONS false")
    end_connections(server, catalog)


def come_back(server: PostgreSQL, catalog: Catalog) -> None:
    server.psql("postgres", f"ALTER DATABASE {catalog.url.database} ALLOW_CONNECTIONS true")
