"""What is listed in pieces is never older than what the same mount has answered meanwhile."""

from trio.testing import MockClock

from jobfs.at_once import AtOnce
from jobfs.blobs.store import new_key
from jobfs.catalog.engine import Catalog, Connection
from jobfs.database import Database
from jobfs.mount.directories import OpenDirectories, Page
from jobfs.mount.looking import Looking
from jobfs.tree import changes
from tests.stored import studio
from tests.stored.studio import NOW


def _three_files(connection: Connection) -> int:
    """Make a job that holds three files, and return its number."""
    account = studio.account(connection)
    studio.job(connection, "Job", account)
    role, job = studio.mount(connection), studio.look(connection, account, "Job").inode
    for name in (b"a.jpg", b"b.jpg", b"c.jpg"):
        changes.create(connection, job, name, role_id=role, blob_key=new_key(), now=NOW)
    return job


def _names(page: Page) -> set[bytes]:
    return {one.name for one in page.children if one.name.endswith(b".jpg")}


async def test_what_was_removed_during_a_listing_is_not_listed_any_more(
    catalog: Catalog, mock_clock: MockClock
) -> None:
    assert mock_clock.rate == 0  # nothing is forgotten because time has passed
    database = Database(catalog, AtOnce())
    directories = OpenDirectories(Looking(database))
    job = await database.write(_three_files)
    directory = directories.of(await directories.open(job))

    first, *others = (await directory.children(after=0)).children
    assert {one.name for one in others} >= {b"b.jpg", b"c.jpg"}
    assert _names(await directory.children(after=first.cookie)) == {b"b.jpg", b"c.jpg"}
    for name, change in ((b"c.jpg", database.write_briefly), (b"b.jpg", database.write)):
        await change(changes.unlink, job, name, now=NOW)
        assert name not in _names(await directory.children(after=first.cookie))
