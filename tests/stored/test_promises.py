"""What the mount does only when the kernel has its answer, and that nobody can tell."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from jobfs.at_once import AtOnce
from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, uploads
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.feed import START
from jobfs.database import Database
from jobfs.domain.events import EventKind
from jobfs.domain.uploads import Change
from jobfs.mount.table import Turn
from jobfs.tree.refusals import NameTakenError
from tests.stored.sending import Sender, now


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A database of SQLite's alone."""
    file = tmp_path / "here.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    catalog = Catalog(f"sqlite:///{file}", durable=False)
    yield catalog
    catalog.dispose()


@asynccontextmanager
async def kept_up(database: Database) -> AsyncIterator[None]:
    """Keep promises during the block, as a mount does."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.keep_up)
        await trio.testing.wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


def _append(connection: Connection, job_id: int) -> None:
    feed.append(connection, EventKind.JOB_ADDED, job_id=job_id)


def _refuse(_: Connection) -> int:
    raise NameTakenError("it is there already")


def _fail(_connection: Connection, _foreseen: int) -> None:
    raise ZeroDivisionError


def _unbroken(_foreseen: int, why: Exception) -> None:
    raise AssertionError from why


def _next(connection: Connection) -> int:
    """Return how many events there are, and one more."""
    return len(feed.after(connection, START)) + 1


def _promise(database: Database) -> int | None:
    """Promise an event that tells how many there are."""
    return database.promise(_next, _append, _unbroken)


def _jobs(catalog: Catalog) -> list[int | None]:
    with catalog.reading() as connection:
        return [event.job_id for event in feed.after(connection, START)]


async def test_what_is_promised_is_not_done_at_once_but_before_anything_else(
    sqlite: Catalog,
) -> None:
    database = Database(sqlite, AtOnce())

    async with kept_up(database):
        assert _promise(database) == 1

        assert _jobs(sqlite) == []
        assert [one.job_id for one in await database.read_briefly(feed.after, START)] == [1]


async def test_what_is_promised_is_done_soon_though_nobody_asks(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())

    async with kept_up(database):
        _promise(database)
        _promise(database)
        await trio.testing.wait_all_tasks_blocked()

        assert _jobs(sqlite) == [1, 2]


async def test_whatever_comes_after_a_promise_finds_it_kept(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())

    async with kept_up(database):
        _promise(database)
        await database.write_briefly(_append, 12)
        _promise(database)
        await database.write(_append, 14)
        _promise(database)
        assert len(await database.read(feed.after, START)) == 5
        _promise(database)
        before = database.mark()
        assert before == database.mark()
        _promise(database)
        assert before != database.mark()

    assert _jobs(sqlite) == [1, 12, 3, 14, 5, 6, 7]


async def test_what_is_promised_when_all_ends_is_kept(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())

    async with kept_up(database):
        _promise(database)

    assert _jobs(sqlite) == [1]


async def test_nobody_else_changes_what_was_foreseen(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())
    other = sqlite3.connect(str(sqlite.file), isolation_level=None, timeout=0)

    async with kept_up(database):
        _promise(database)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        await trio.testing.wait_all_tasks_blocked()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    other.close()


async def test_nothing_is_promised_while_another_process_writes_and_nobody_waits_for_that(
    sqlite: Catalog,
) -> None:
    database = Database(sqlite, AtOnce())
    other = sqlite3.connect(str(sqlite.file), isolation_level=None)

    async with kept_up(database):
        other.execute("BEGIN IMMEDIATE")
        assert _promise(database) is None
        assert await database.read_briefly(feed.after, START) == []
        other.execute("COMMIT")
        assert _promise(database) == 1
    other.close()


async def test_what_is_refused_when_it_is_foreseen_leaves_nothing_to_be_done(
    sqlite: Catalog,
) -> None:
    database = Database(sqlite, AtOnce())

    async with kept_up(database):
        with pytest.raises(NameTakenError):
            database.promise(_refuse, _append, _unbroken)
        await database.write_briefly(_append, 2)

    assert _jobs(sqlite) == [2]


async def test_who_has_promised_hears_why_it_could_not_be_kept_and_that_ends_nothing(
    sqlite: Catalog,
) -> None:
    database = Database(sqlite, AtOnce())
    broken: list[tuple[int, type]] = []

    async with kept_up(database):
        database.promise(_next, _fail, lambda number, why: broken.append((number, type(why))))
        await database.write_briefly(_append, 2)

    assert broken == [(1, ZeroDivisionError)]
    assert _jobs(sqlite) == [2]


async def test_nothing_is_promised_that_nobody_would_keep_or_that_must_wait_for_a_server(
    catalog: Catalog,
) -> None:
    database = Database(catalog, AtOnce())
    assert not database.may_promise

    async with kept_up(database):
        assert database.may_promise == catalog.is_sqlite
    assert not database.may_promise


async def test_what_becomes_of_an_upload_is_told_soon_and_at_the_end_at_once(
    sqlite: Catalog, store: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jobfs.catalog.outcomes")
    sender, database = Sender(sqlite, store), Database(sqlite, AtOnce())
    first, second = sender.begin("IMG_1.JPG", b"1"), sender.begin("IMG_2.JPG", b"2")

    async with kept_up(database):
        await database.write_briefly(_cut_off, first)
        await trio.testing.wait_all_tasks_blocked()
        assert len(caplog.records) == 1
    await database.write_briefly(_cut_off, second)

    assert [record.getMessage() for record in caplog.records] == [
        "upload of 'IMG_1.JPG': interrupted",
        "upload of 'IMG_2.JPG': interrupted",
    ]


def _cut_off(connection: Connection, upload_id: int) -> None:
    upload = uploads.get(connection, upload_id)
    uploads.change(connection, upload, Change.CUT_OFF, now=now())


async def test_a_turn_lets_nobody_else_run_if_it_is_free_and_one_at_a_time_if_not() -> None:
    turn, order = Turn(), list[str]()

    async def take(name: str) -> None:
        async with turn:
            order.append(name)
            await trio.lowlevel.checkpoint()
            order.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, "other")
        async with turn:
            order.append("first")
        nursery.start_soon(take, "another")

    assert order[0] == "first"
    assert order[1] == order[2] != order[3] == order[4]
