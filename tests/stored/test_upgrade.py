"""Databases of released schemas, migrated to today's."""

from collections.abc import Iterator

import pytest

from jobfs.catalog import jobs, migrate
from jobfs.catalog.engine import Catalog
from jobfs.domain.jobs import JobStatus
from tests.stored import fixtures, studio
from tests.stored.studio import NOON
from tests.stored.test_migrations import described


@pytest.fixture(params=fixtures.revisions())
def old(request: pytest.FixtureRequest, database_url: str) -> Iterator[tuple[Catalog, str]]:
    """A database as a schema left it, and which."""
    catalog = Catalog(database_url)
    fixtures.load(catalog, request.param)
    yield catalog, request.param
    catalog.dispose()


def test_there_is_a_database_of_every_schema() -> None:
    assert migrate.head() in fixtures.revisions()


@pytest.fixture
def fresh(
    old: tuple[Catalog, str],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Catalog]:
    """An empty database of the same kind, with the schema of the same revision."""
    catalog, revision = old
    if catalog.is_sqlite:
        fresh = Catalog(f"sqlite:///{tmp_path_factory.mktemp('fresh')}/jobfs.sqlite3")
    else:
        fresh = Catalog(request.getfixturevalue("postgresql").new_database())
    migrate.upgrade(fresh, to=revision)
    yield fresh
    fresh.dispose()


def test_a_stored_database_has_the_schema_of_its_revision(
    old: tuple[Catalog, str], fresh: Catalog
) -> None:
    """If this fails, the migration was changed: `python -m tests.stored.fixtures` if none has it yet."""
    catalog, revision = old

    with catalog.reading() as stored, fresh.reading() as connection:
        assert migrate.revision(stored) == revision
        assert described(stored) == described(connection)
        assert fixtures.triggers(stored) == fixtures.triggers(connection)


def test_all_is_read_after_the_migration_to_todays_schema(old: tuple[Catalog, str]) -> None:
    catalog, revision = old

    migrate.upgrade(catalog)

    migrate.check(catalog)
    with catalog.reading() as connection:
        assert fixtures.facts(connection) == fixtures.expected(revision)


def test_work_goes_on_after_the_migration(old: tuple[Catalog, str]) -> None:
    catalog, revision = old

    migrate.upgrade(catalog)

    with catalog.writing() as connection:
        anna = next(one[0] for one in fixtures.expected(revision)["accounts"] if one[1] == "anna")
        jobs.add(connection, "Next", status=JobStatus.PLANNED, now=NOON)
        made = studio.mkdir(connection, anna, "Wedding/Class 9")
        entries = [row[0] for row in fixtures.expected(revision)["entries"]]
        assert studio.entry_of(made.inode) > max(entries)
        moved = studio.look(connection, anna, "Wedding/Würzburg 2/a.jpg")
        assert studio.entry_of(moved.inode) in entries
