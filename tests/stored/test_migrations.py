import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from jobfs.catalog import feed, migrate
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import MissingSchemaError, NewerSchemaError
from jobfs.catalog.schema import Base
from tests.conftest import PostgreSQL
from tests.stored.studio import account, job, plain_sql

CHECKED = {"compare_type": True, "compare_server_default": True}


@pytest.fixture
def empty(database_url: str) -> Iterator[Catalog]:
    """A database without any schema."""
    catalog = Catalog(database_url)
    yield catalog
    catalog.dispose()


@pytest.fixture
def as_declared(
    catalog: Catalog, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Catalog]:
    """A database whose tables were made from the declarations, without a migration."""
    if catalog.is_sqlite:
        declared = Catalog(f"sqlite:///{tmp_path}/declared.sqlite3")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        declared = Catalog(server.new_database())
    with declared.writing() as connection:
        Base.metadata.create_all(connection)
    yield declared
    declared.dispose()


def test_the_migrations_lead_to_the_declared_schema(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        context = MigrationContext.configure(connection, opts=CHECKED)

        assert compare_metadata(context, Base.metadata) == []


def test_constraints_and_partial_indexes_are_the_declared_ones(
    catalog: Catalog, as_declared: Catalog
) -> None:
    """Alembic's comparison sees neither check constraints nor the conditions of indexes."""
    with catalog.reading() as migrated, as_declared.reading() as declared:
        assert described(migrated) == described(declared)


def test_every_constraint_has_a_name(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        found = described(connection)

    for table, parts in found.items():
        for constraint in [*parts["checks"], *parts["uniques"], *parts["references"]]:
            assert constraint["name"], table


def test_upgrading_again_changes_nothing(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        job(connection, "Wedding", account(connection))
        before = described(connection), feed.last_of_transaction(connection)

    migrate.upgrade(catalog)

    migrate.check(catalog)
    with catalog.reading() as connection:
        assert (described(connection), feed.last_of_transaction(connection)) == before


def test_the_schema_of_a_newer_jobfs_is_refused(catalog: Catalog) -> None:
    plain_sql(catalog, "UPDATE alembic_version SET version_num = '9999'")

    for ask in (migrate.check, migrate.upgrade):
        with pytest.raises(NewerSchemaError, match=r"revision 9999.* newer version") as refusal:
            ask(catalog)
        assert refusal.value.errno == errno.EIO
    with catalog.reading() as connection:
        assert migrate.revision(connection) == "9999"


def test_an_empty_database_is_refused_with_the_remedy(empty: Catalog) -> None:
    with pytest.raises(MissingSchemaError, match=r"revision none.*run `jobfs init`") as refusal:
        migrate.check(empty)

    assert refusal.value.errno == errno.EIO
    with empty.reading() as connection:
        assert inspect(connection).get_table_names() == []


def test_a_refusal_keeps_the_password_to_itself(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database().replace("postgres@", "postgres:hunter2@")
    catalog = Catalog(url)

    with pytest.raises(MissingSchemaError) as refusal:
        migrate.check(catalog)

    assert "hunter2" not in str(refusal.value)
    catalog.dispose()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(empty: Catalog) -> None:
    plain_sql(empty, "CREATE TABLE upload (something_else text)")

    with pytest.raises(Exception, match="already exists"):
        migrate.upgrade(empty)

    with empty.reading() as connection:
        assert inspect(connection).get_table_names() == ["upload"]
        assert migrate.revision(connection) is None


def test_the_files_of_migrations_are_named_as_their_revisions() -> None:
    """By their names a role knows at its start, without Alembic, which schema it needs."""
    folder = Path(migrate.__file__).parent / "migrations"
    scripts = list(ScriptDirectory(str(folder)).walk_revisions())

    assert {Path(script.path).name.partition("_")[0] for script in scripts} == {
        script.revision for script in scripts
    }
    assert migrate.head() == scripts[0].revision


def test_an_id_is_never_used_again(catalog: Catalog) -> None:
    """The kernel may hold an inode number long after its row is gone."""
    with catalog.writing() as connection:
        first = account(connection)
        connection.execute(text("DELETE FROM account"))

        assert account(connection) > first


def described(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return what the database itself says of its tables."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [printed(column) for column in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table),
            "checks": by_name(inspector.get_check_constraints(table)),
            "uniques": by_name(inspector.get_unique_constraints(table)),
            "references": by_name(inspector.get_foreign_keys(table)),
            "indexes": [printed(index) for index in by_name(inspector.get_indexes(table))],
            "numbered": never_reuses_ids(connection, table),
        }
        for table in sorted(inspector.get_table_names())
        if table != "alembic_version"
    }


def printed(part: Any) -> dict[str, Any]:
    """Return a part of a table with its SQL as text."""
    return {
        key: printed(value) if isinstance(value, dict) else str(value)
        for key, value in part.items()
    }


def never_reuses_ids(connection: Connection, table: str) -> bool:
    """Whether SQLite was told so; PostgreSQL's sequences never go back."""
    if connection.dialect.name != "sqlite":
        return True
    query = text("SELECT sql FROM sqlite_master WHERE name = :table")
    return "AUTOINCREMENT" in connection.execute(query, {"table": table}).scalar_one()


def by_name(parts: list[Any]) -> list[Any]:
    return sorted(parts, key=lambda part: str(part["name"]))


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds the hashes of passwords, whatever the umask of whoever ran `jobfs init`."""
    before = os.umask(0o022)
    try:
        catalog = Catalog(f"sqlite:///{tmp_path}/jobfs.sqlite3")
        migrate.upgrade(catalog)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        catalog.dispose()
    finally:
        os.umask(before)

    assert set(modes.values()) == {0o600}
