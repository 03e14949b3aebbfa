"""Who opens a file for writing looks its name up again if somebody else may have changed that just now."""

import time
from collections.abc import Iterator

import pytest

from jobfs.at_once import AtOnce
from jobfs.catalog.engine import Catalog, Connection
from jobfs.database import Database
from jobfs.domain.refusals import StaleInodeError
from jobfs.mount.looking import Looking
from jobfs.mount.second_looks import SecondLooks
from jobfs.tree.views import Node
from tests.stored import studio
from tests.stored.studio import plain_sql

#: One of a client's.
THREAD = 7


@pytest.fixture
def quick(sqlite: Catalog) -> Iterator[Catalog]:
    """A database whose transactions wait for no disk, so that all are made on one connection."""
    catalog = Catalog(sqlite.url, durable=False)
    yield catalog
    catalog.dispose()


def _file(connection: Connection) -> tuple[Node, Node]:
    """Make a job with a file, and return both."""
    account = studio.account(connection)
    studio.job(connection, "Job", account)
    job = studio.look(connection, account, "Job")
    studio.create(connection, job.inode, b"a.jpg")
    return job, studio.look(connection, account, "Job/a.jpg")


async def _changed_now(database: Database) -> tuple[Node, Node]:
    """Return a job and a file in it that has changed just now."""
    job, file = await database.write_briefly(_file)
    return job, file._replace(ctime_ns=time.time_ns())


def _require_one_look(looks: SecondLooks, file: Node) -> None:
    with pytest.raises(StaleInodeError):
        looks.require(file, THREAD)
    looks.note(THREAD, file.inode)
    looks.require(file, THREAD)


async def test_whoever_changes_names_alone_is_never_sent_back(quick: Catalog) -> None:
    database = Database(quick, AtOnce())
    looks = SecondLooks(Looking(database))
    job, file = await _changed_now(database)

    looks.note_change(job.inode)

    looks.require(file, THREAD)


async def test_a_name_that_another_account_may_have_changed_is_looked_up_once(
    quick: Catalog,
) -> None:
    database = Database(quick, AtOnce())
    looks = SecondLooks(Looking(database))
    job, file = await _changed_now(database)

    looks.note_change(studio.as_seen_by(99, job.inode))

    _require_one_look(looks, file)


async def test_a_name_that_another_process_may_have_changed_is_looked_up_once(
    quick: Catalog,
) -> None:
    database = Database(quick, AtOnce())
    looks = SecondLooks(Looking(database))
    _, file = await _changed_now(database)

    plain_sql(quick, "UPDATE entry SET name = 'b.jpg', name_key = 'b.jpg' WHERE name = 'a.jpg'")

    _require_one_look(looks, file)


async def test_a_name_is_looked_up_once_where_nobody_tells_what_others_do(
    catalog: Catalog,
) -> None:
    database = Database(catalog)
    looks = SecondLooks(Looking(database))
    _, file = await _changed_now(database)

    _require_one_look(looks, file)


async def test_what_a_second_look_finds_may_be_opened_once_by_who_was_sent_back_and_nothing_else(
    catalog: Catalog,
) -> None:
    """Its name may be another's again a moment later."""
    database = Database(catalog)
    looks = SecondLooks(Looking(database))
    job, before = await _changed_now(database)
    file = job._replace(ctime_ns=before.ctime_ns)

    looks.sent_back(THREAD, before.inode)
    looks.note(THREAD, file.inode)

    with pytest.raises(StaleInodeError):
        looks.require(file, THREAD + 1)
    with pytest.raises(StaleInodeError):
        looks.require(before, THREAD)
    looks.note(THREAD, file.inode)
    looks.require(file, THREAD)
    with pytest.raises(StaleInodeError):
        looks.require(file, THREAD)
    looks.note(THREAD, file.inode)
    looks.note(THREAD, None)
    with pytest.raises(StaleInodeError):
        looks.require(file, THREAD)
