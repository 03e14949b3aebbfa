"""What the mount does on its own thread, without handing it to another: what is short."""

import os
import sqlite3
import threading
from functools import partial

import pytest
import trio
from sqlalchemy import text

from jobfs.at_once import AtOnce
from jobfs.catalog import feed
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.feed import START
from jobfs.database import Database
from jobfs.domain.events import EventKind


def _append(connection: Connection, job_id: int) -> int:
    """Append an event, partly through SQLAlchemy; returns the thread it was done by."""
    connection.execute(text("SELECT 1"))
    feed.append(connection, EventKind.JOB_ADDED, job_id=job_id)
    return threading.get_ident()


def _append_and_fail(connection: Connection, job_id: int) -> None:
    _append(connection, job_id)
    raise LookupError


def _jobs(catalog: Catalog) -> list[int | None]:
    with catalog.reading() as connection:
        return [event.job_id for event in feed.after(connection, START)]


@pytest.fixture
def database(catalog: Catalog) -> Database:
    return Database(catalog, AtOnce())


async def test_what_is_written_briefly_is_there_for_all(
    catalog: Catalog, database: Database
) -> None:
    await database.write_briefly(_append, 1)
    await database.write_lazily(_append, 2)

    assert _jobs(catalog) == [1, 2]
    assert [event.job_id for event in await database.read_briefly(feed.after, START)] == [1, 2]


async def test_of_what_fails_nothing_is_left(catalog: Catalog, database: Database) -> None:
    with pytest.raises(LookupError):
        await database.write_lazily(_append_and_fail, 1)
    await database.write_lazily(_append, 2)

    assert _jobs(catalog) == [2]


async def test_sqlite_is_asked_on_the_thread_that_asks_unless_the_disk_is_waited_for(
    sqlite: Catalog,
) -> None:
    durable, here = Database(sqlite, AtOnce()), threading.get_ident()
    process = Database(Catalog(sqlite.url, durable=False), AtOnce())

    assert await durable.write_lazily(_append, 1) == here
    assert await durable.write_briefly(_append, 2) != here
    assert await process.write_briefly(_append, 3) == here
    process.catalog.dispose()


async def test_who_finds_another_writer_at_work_waits_for_it_in_a_thread(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())
    other = sqlite3.connect(str(sqlite.file), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.write_lazily, _append, 1)
        assert await database.read_briefly(feed.after, START) == []
        other.execute("COMMIT")
    other.close()

    assert _jobs(sqlite) == [1]


async def test_the_log_is_brought_into_the_database_without_a_commit_that_waits(
    sqlite: Catalog,
) -> None:
    sqlite.at_once(partial(_append, job_id=1), writing=True)

    sqlite.checkpoint()

    assert sqlite.file is not None
    alone = sqlite.file.with_name("copy")
    alone.write_bytes(sqlite.file.read_bytes())
    with sqlite3.connect(alone) as copy:
        assert copy.execute("SELECT job_id FROM event").fetchall() == [(1,)]
    copy.close()


async def test_after_a_call_that_waited_long_threads_take_over() -> None:
    """A pipe that nobody writes to for a while stands for a disk that stalls."""
    at_once, here = AtOnce(), threading.get_ident()
    reading, writing = os.pipe()
    timer = threading.Timer(0.2, os.write, (writing, b"x"))
    timer.start()

    assert await at_once.run(threading.get_ident) == here
    await at_once.run(partial(os.read, reading, 1))

    assert await at_once.run(threading.get_ident) != here
    timer.join()
    os.close(reading)
    os.close(writing)
