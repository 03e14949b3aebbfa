"""What a mount has found under names and numbers, it need not look for again until something changes."""

import pytest
from trio.testing import MockClock

from jobfs.at_once import AtOnce
from jobfs.blobs.store import new_key
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.measures import READS
from jobfs.database import Database
from jobfs.mount.looking import Looking
from jobfs.tree import changes, rehearsal
from jobfs.tree.refusals import NoSuchEntryError
from tests.stored import studio
from tests.stored.studio import NOW, plain_sql

#: Seconds after which nothing more is expected to change.
_QUIET = 0.1


def _job(connection: Connection) -> int:
    """Make a job that holds a.jpg, and return its number."""
    account = studio.account(connection)
    studio.job(connection, "Job", account)
    job = studio.look(connection, account, "Job").inode
    _add(connection, job, b"a.jpg")
    return job


def _add(connection: Connection, job: int, name: bytes) -> None:
    role = studio.mount(connection)
    changes.create(connection, job, name, role_id=role, blob_key=new_key(), now=NOW)


def _reads() -> int:
    """Return how many transactions have only read so far."""
    counts, _ = READS.durations.read()
    return sum(counts)


async def test_what_was_found_is_found_again_without_the_database(
    sqlite: Catalog, mock_clock: MockClock
) -> None:
    database = Database(sqlite, AtOnce())
    tree = Looking(database)
    job = await database.write(_job)
    found = []

    for _ in range(3):
        mock_clock.jump(_QUIET)
        before = _reads()
        with pytest.raises(NoSuchEntryError, match=r"b\.jpg"):
            await tree.child(job, b"b.jpg")
        found.append((await tree.node(job), await tree.child(job, b"a.jpg"), _reads() - before))

    assert found[1][:2] == found[2][:2] == found[0][:2]
    assert found[2][2] == 0, "nothing was read again"


async def test_a_file_is_opened_again_without_the_database(sqlite: Catalog) -> None:
    database = Database(sqlite, AtOnce())
    tree = Looking(database)
    file = (await tree.child(await database.write(_job), b"a.jpg")).inode
    first = await tree.open_file(file, writing=True), await tree.open_node(file)

    before = _reads()

    assert (await tree.open_file(file, writing=True), await tree.open_node(file)) == first
    assert _reads() == before


async def test_a_name_that_was_not_there_is_found_once_somebody_makes_it(
    catalog: Catalog, mock_clock: MockClock
) -> None:
    database, other = Database(catalog, AtOnce()), Database(Catalog(catalog.url), AtOnce())
    tree = Looking(database)
    job = await database.write(_job)

    for made_by, name in ((other, b"b.jpg"), (database, b"c.jpg")):
        for _ in range(2):
            mock_clock.jump(_QUIET)
            with pytest.raises(NoSuchEntryError):
                await tree.child(job, name)
        await made_by.write(_add, job, name)
        assert (await tree.child(job, name)).name == name.decode()
    other.catalog.dispose()


async def test_a_job_that_was_found_is_gone_as_soon_as_plain_sql_has_closed_it(
    catalog: Catalog, mock_clock: MockClock
) -> None:
    database = Database(catalog, AtOnce())
    tree = Looking(database)
    job = await database.write(_job)
    file = await tree.child(job, b"a.jpg")
    for _ in range(2):
        mock_clock.jump(_QUIET)
        assert await tree.directory(job) == await tree.node(job)
        assert await tree.node(file.inode) == file

    plain_sql(catalog, "UPDATE job SET status = 'selling'")

    with pytest.raises(NoSuchEntryError):
        await tree.directory(job)
    with pytest.raises(NoSuchEntryError):
        await tree.child(job, b"a.jpg")


async def test_a_rehearsal_finds_nothing_and_needs_nothing(catalog: Catalog) -> None:
    database = Database(catalog, AtOnce())

    await database.read_briefly(rehearsal.look)
    await database.read(rehearsal.write_reports)
