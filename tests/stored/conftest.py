"""What the tests of the tree share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from jobfs.catalog.engine import Catalog
from tests.stored.studio import account, job


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A database of SQLite's alone: for what PostgreSQL has not, or does not tell."""
    file = tmp_path / "here.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    catalog = Catalog(f"sqlite:///{file}")
    yield catalog
    catalog.dispose()


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[Connection]:
    """One transaction for a whole test."""
    with catalog.writing() as connection:
        yield connection


@pytest.fixture
def anna(connection: Connection) -> int:
    """An account that may edit the job Wedding."""
    anna = account(connection)
    job(connection, "Wedding", anna)
    return anna
