"""A file that is told of before its rows are there is what it was told to be, or its client hears."""

import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import text

from jobfs.at_once import AtOnce
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import uploads
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain.uploads import UploadState
from jobfs.mount.files import OpenFiles
from jobfs.mount.handles import Opener
from jobfs.mount.looking import Looking
from jobfs.tree import beginnings, changes, versions, views
from jobfs.tree.beginnings import Beginning
from jobfs.tree.changes import Place
from jobfs.tree.refusals import DetachedError, ForbiddenError, NameTakenError
from jobfs.tree.views import Node
from tests.stored import studio
from tests.stored.studio import NOW


class Small:
    """A studio on SQLite with one account that may do everything in one job."""

    def __init__(self, catalog: Catalog, store: BlobStore) -> None:
        self.catalog, self.store = catalog, store
        with catalog.writing() as connection:
            self.account = studio.account(connection)
            studio.job(connection, "Job", self.account)
            self.role = studio.mount(connection)
            self.job = studio.look(connection, self.account, "Job").inode

    def begin(self, connection: Connection, name: bytes) -> Beginning:
        """Return what a file in the job will be."""
        return beginnings.foresee(connection, Place(self.job, name), blob_key=new_key(), now=NOW)

    def create(self, connection: Connection, name: bytes) -> tuple[Node, Upload]:
        """Make a file in the job at once."""
        return changes.create(
            connection, self.job, name, role_id=self.role, blob_key=new_key(), now=NOW
        )


@pytest.fixture
def small(migrated_file: Path, tmp_path: Path, store: BlobStore) -> Iterator[Small]:
    file = tmp_path / "here.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    catalog = Catalog(f"sqlite:///{file}", durable=False)
    yield Small(catalog, store)
    catalog.dispose()


def test_a_file_is_what_was_told_of_it(small: Small) -> None:
    with small.catalog.writing() as connection:
        told = small.begin(connection, "Straße.jpg".encode())
        beginnings.make(connection, told, role_id=small.role)

        assert views.child(connection, small.job, "Straße.jpg".encode()) == told.node
        assert uploads.get(connection, told.upload.id) == told.upload
        assert uploads.receiver(connection, told.upload.id) == small.role


def test_it_is_what_a_file_is_that_was_made_at_once(small: Small) -> None:
    with small.catalog.writing() as connection:
        told = small.begin(connection, b"a.jpg")
        beginnings.make(connection, told, role_id=small.role)
        small.create(connection, b"b.jpg")

        for table in ("entry", "upload", "blob", "event"):
            one, other = _rows(connection, table)
            assert one == other


def _rows(connection: Connection, table: str) -> list[object]:
    """Return what tells the rows of a.jpg and of b.jpg apart in no way but by name and number."""
    own = {
        "id",
        "name",
        "name_key",
        "stem_key",
        "key",
        "entry_id",
        "upload_id",
        "blob_id",
        "at",
        "data",
    }
    where = {"entry": "NOT directory", "event": "kind LIKE 'entry.%' OR kind LIKE 'upload.%'"}
    found = connection.execute(
        text(f"SELECT * FROM {table} WHERE {where.get(table, 'true')} ORDER BY id")  # noqa: S608
    )
    rows = [{name: row[name] for name in row if name not in own} for row in found.mappings()]
    half = len(rows) // 2
    return [rows[:half], rows[half:]]


def test_to_foresee_it_changes_nothing_and_is_refused_as_the_making_is(small: Small) -> None:
    with small.catalog.writing() as connection:
        small.create(connection, b"there.jpg")
        before = _counts(connection)

        small.begin(connection, b"new.jpg")
        with pytest.raises(NameTakenError):
            small.begin(connection, b"there.jpg")
        with pytest.raises(ForbiddenError):
            small.begin(connection, b"_STATUS.txt")

        assert _counts(connection) == before


def _counts(connection: Connection) -> list[int]:
    tables = ("entry", "upload", "blob", "event")
    return [
        connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
        for table in tables
    ]


def test_the_first_file_that_a_studio_ever_has_gets_the_first_ids(small: Small) -> None:
    with small.catalog.writing() as connection:
        told = small.begin(connection, b"a.jpg")
        beginnings.make(connection, told, role_id=small.role)

        assert (told.upload.id, told.upload.blob_id) == (1, 1)


# -- the same from a mount's files -----------------------------------------------------------------


def _sent(small: Small, act: Callable[[Database, OpenFiles], Awaitable[None]]) -> None:
    """Run an act with the files of a mount that keeps what it promises."""

    async def run() -> None:
        database = Database(small.catalog, AtOnce())
        tree = Looking(database)
        files = OpenFiles(database, tree, small.store, small.role, refuse_incomplete=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(database.keep_up)
            await trio.testing.wait_all_tasks_blocked()
            await act(database, files)
            nursery.cancel_scope.cancel()

    trio.run(run)


def test_a_file_that_the_database_does_not_take_is_none_and_its_client_hears(
    small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    _refuse_uploads(small)

    async def send(_database: Database, files: OpenFiles) -> None:
        handle, _ = await files.create(small.job, b"a.jpg", os.O_WRONLY, Opener.of(os.getpid(), 1))
        with pytest.raises(DetachedError):
            await files.fsync(handle.number)
        with pytest.raises(DetachedError) as refusal:
            await files.write(handle.number, 0, b"ours")
        assert refusal.value.errno == errno.ESTALE
        with pytest.raises(DetachedError):
            await files.closing.flush(handle.number)
        await files.closing.release(handle.number)
        assert list(files.table) == []

    _sent(small, send)

    with small.catalog.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM upload")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM entry")).scalar_one() == 1
    assert _blobs(small) == []
    assert "'a.jpg' could not be made" in caplog.text


def _refuse_uploads(small: Small) -> None:
    """Let the database take no upload any more, as on a full disk."""
    refuse = "CREATE TRIGGER full BEFORE INSERT ON upload BEGIN SELECT RAISE(ABORT, 'full'); END"
    with small.catalog.writing() as connection:
        connection.execute(text(refuse))


def test_who_closes_it_before_that_is_known_hears_the_same(small: Small) -> None:
    _refuse_uploads(small)

    async def send(_database: Database, files: OpenFiles) -> None:
        handle, _ = await files.create(small.job, b"a.jpg", os.O_WRONLY, Opener.of(os.getpid(), 1))
        with pytest.raises(DetachedError):
            await files.closing.flush(handle.number)
        await files.closing.release(handle.number)
        assert list(files.table) == []

    _sent(small, send)


def _blobs(small: Small) -> list[str]:
    return [one.key for number in range(256) for one in small.store.stored("blobs", number)]


def test_files_made_and_overwritten_in_turn_have_versions_in_the_order_in_which_they_were_sent(
    small: Small,
) -> None:
    opener = Opener.of(os.getpid(), 1)

    async def send(_database: Database, files: OpenFiles) -> None:
        for name in (b"a.jpg", b"b.jpg"):
            handle, node = await files.create(small.job, name, os.O_WRONLY, opener)
            await files.closing.flush(handle.number)
            again = await files.open(node.inode, os.O_WRONLY | os.O_TRUNC, opener, looked_up=True)
            for one in (handle, again):
                with suppress(DetachedError):
                    await files.closing.flush(one.number)
                await files.closing.release(one.number)

    _sent(small, send)

    with small.catalog.reading() as connection:
        query = text(
            "SELECT entry.name FROM upload JOIN entry ON entry.id = entry_id ORDER BY upload.id"
        )
        assert list(connection.execute(query).scalars()) == ["a.jpg", "a.jpg", "b.jpg", "b.jpg"]


def test_a_file_can_be_looked_at_and_is_received_though_nobody_paused_after_its_creation(
    small: Small,
) -> None:
    async def send(database: Database, files: OpenFiles) -> None:
        handle, node = await files.create(
            small.job, b"a.xmp", os.O_WRONLY, Opener.of(os.getpid(), 1)
        )
        assert await database.read_briefly(views.node, node.inode) == node
        await files.write(handle.number, 0, b"<x:xmpmeta/>")
        await files.closing.flush(handle.number)
        shown = await database.read_briefly(versions.latest, handle.shown)
        assert shown.state is UploadState.RECEIVED
        await files.closing.release(handle.number)

    _sent(small, send)
