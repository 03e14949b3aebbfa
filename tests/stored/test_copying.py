"""Every row of one database into another: the four ways between SQLite and PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import connect

import pytest
from sqlalchemy import delete, func, select, text

from jobfs.blobs.store import BlobStore
from jobfs.catalog import copying, feed, jobs
from jobfs.catalog import studio as studios
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.refusals import CopyDiffersError, NotEmptyError
from jobfs.catalog.schema import AccountRow, Base, EventRow
from jobfs.domain.jobs import JobStatus
from tests.conftest import PostgreSQL
from tests.pure.raws import dng
from tests.stored import studio
from tests.stored.metadata import bring, jpeg, xmp
from tests.stored.studio import NOON, plain_sql
from tests.stored.test_migrations import described
from tests.stored.wedding import BLUE, RED, Wedding


@pytest.fixture
def wedding(catalog: Catalog, store: BlobStore) -> Wedding:
    """A studio with something in every table: photos, trash, an upload under way, a gap in the ids."""
    wedding = Wedding.add(catalog, store)
    wedding.mkdir("Wedding/Class 1")
    wedding.ingest(wedding.send("Wedding/Class 1/a.jpg", RED))
    wedding.ingest(wedding.overwrite("Wedding/Class 1/a.jpg", BLUE))
    wedding.ingest(wedding.send("Wedding/Class 1/a.dng", dng()), format_name="DNG")
    said = xmp(title="The cake", keywords=("cake", "Käte"), rating=-1)
    bring(wedding, "Wedding/Class 1/said.jpg", jpeg(place=True, packet=said))
    bring(wedding, "Wedding/Class 1/said.xmp", said)
    wedding.send("Wedding/b.jpg", RED)
    wedding.unlink("Wedding/b.jpg")
    wedding.mkdir("Wedding/Würzburg 2")
    wedding.move("Wedding/Class 1", "Wedding/Würzburg 2/Class 1")
    wedding.do(studio.open_new, store, wedding.anna, "Wedding/c.jpg", b"half")
    wedding.do(studio.account, "gone")
    wedding.do(lambda connection: connection.execute(delete(AccountRow).where(AccountRow.id > 1)))
    return wedding


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """An empty database of each kind, with a schema."""
    if request.param == "sqlite":
        file = tmp_path / "target.sqlite3"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        catalog = Catalog(f"sqlite:///{file}")
    else:
        server = request.getfixturevalue("postgresql")
        assert isinstance(server, PostgreSQL)
        template = request.getfixturevalue("migrated_template")
        catalog = Catalog(server.new_database(template=template))
    yield catalog
    catalog.dispose()


def spoil(connection: Connection, _rows: int) -> None:
    """Change a row of the copy before it is compared."""
    connection.execute(text("UPDATE entry SET mtime_ns = mtime_ns + 1 WHERE name = 'a.jpg'"))


def copy(source: Catalog, target: Catalog) -> None:
    with copying.snapshot(source) as rows, target.writing() as connection:
        copying.copy(rows, connection, advance=lambda _rows: None)


def dump(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table; an event's transaction is one of its own database."""
    tables = {}
    with catalog.reading() as connection:
        for table in Base.metadata.sorted_tables:
            columns = [column for column in table.columns if column is not EventRow.__table__.c.xid]
            query = select(*columns).order_by(*table.primary_key)
            tables[table.name] = [tuple(row) for row in connection.execute(query)]
    return tables


def test_every_row_is_copied(wedding: Wedding, target: Catalog) -> None:
    assert all(dump(wedding.catalog)[name] for name in ("upload", "photo", "task", "role", "event"))

    copy(wedding.catalog, target)

    assert dump(target) == dump(wedding.catalog)


def test_what_jobfs_init_has_made_is_replaced(wedding: Wedding, target: Catalog) -> None:
    with target.writing() as connection:
        studios.ensure(connection, now=NOON.replace(year=2027))

    copy(wedding.catalog, target)

    assert dump(target)["studio"] == dump(wedding.catalog)["studio"]


def test_the_schema_is_the_same_afterwards_and_its_triggers_at_work(
    wedding: Wedding, target: Catalog
) -> None:
    with target.reading() as connection:
        before = described(connection)

    copy(wedding.catalog, target)

    with target.writing() as connection:
        assert described(connection) == before
        end = feed.end(connection)
        jobs.add(connection, "Cup", status=JobStatus.PLANNED, now=NOON)
    with target.reading() as connection:
        assert [event.kind for event in feed.after(connection, end)] == ["job.added"]


def test_references_are_looked_at_again_afterwards(wedding: Wedding, target: Catalog) -> None:
    copy(wedding.catalog, target)

    with pytest.raises(Exception, match=r"(?i)foreign key"), target.writing() as connection:
        connection.execute(text("UPDATE upload SET blob_id = 999"))


def test_an_id_that_was_ever_given_is_not_given_again(wedding: Wedding, target: Catalog) -> None:
    """The account 2 is gone without a trace; its uid may still be on files of a machine."""
    copy(wedding.catalog, target)

    with target.writing() as connection:
        assert studio.account(connection, "next") == 3


def test_copied_events_are_read_in_order_and_new_ones_behind_them(
    wedding: Wedding, target: Catalog
) -> None:
    plain_sql(wedding.catalog, "UPDATE event SET xid = 1099511627776")  # of an older cluster

    copy(wedding.catalog, target)

    with target.writing() as connection:
        jobs.add(connection, "Cup", status=JobStatus.PLANNED, now=NOON)
    with target.reading() as connection:
        ids = [event.position.id for event in feed.after(connection, feed.START)]
        number = connection.execute(select(func.count()).select_from(EventRow)).scalar_one()
    assert ids == sorted(ids)
    assert len(ids) == number


def test_a_database_with_a_studio_in_it_is_not_copied_over(
    wedding: Wedding, target: Catalog
) -> None:
    with target.writing() as connection:
        studio.account(connection, "ben")
    before = dump(target)

    with pytest.raises(NotEmptyError, match="is not empty: there are rows in its table account"):
        copy(wedding.catalog, target)

    assert dump(target) == before


def test_a_row_that_arrives_differently_is_found_and_nothing_is_kept(
    wedding: Wedding, target: Catalog
) -> None:
    with (
        pytest.raises(CopyDiffersError, match=r"the row id \d+ of the table entry differs"),
        copying.snapshot(wedding.catalog) as rows,
        target.writing() as connection,
    ):
        copying.copy(rows, connection, advance=partial(spoil, connection))

    assert dump(target)["entry"] == []


def test_a_copy_in_a_file_needs_no_other_file(wedding: Wedding, tmp_path: Path) -> None:
    file = tmp_path / "a folder?" / "copy.sqlite3"
    file.parent.mkdir()

    with copying.snapshot(wedding.catalog) as rows:
        copying.portable(rows, file, advance=lambda _rows: None)

    assert [path.name for path in file.parent.iterdir()] == ["copy.sqlite3"]
    file.chmod(0o400)
    with closing(connect(f"file:{str(file).replace('?', '%3f')}?mode=ro", uri=True)) as plain:
        found = plain.execute("SELECT count(*) FROM upload WHERE state = 'receiving'").fetchone()
    assert found == (1,)


def test_a_snapshot_sees_one_moment(wedding: Wedding) -> None:
    with copying.snapshot(wedding.catalog) as rows:
        before = copying.count(rows)
        with wedding.catalog.writing() as connection:
            studio.account(connection, "ben")

        assert copying.count(rows) == before
