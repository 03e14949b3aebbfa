"""What the tests share that have something stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from jobfs.blobs.store import BlobStore
from jobfs.catalog import studio
from jobfs.catalog.engine import Catalog
from tests.stored.commands import Run, command
from tests.stored.studio import NOON, account, job
from tests.stored.wedding import Wedding


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A database of SQLite's alone: for what PostgreSQL has not, or does not tell."""
    file = tmp_path / "here.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    catalog = Catalog(f"sqlite:///{file}")
    yield catalog
    catalog.dispose()


@pytest.fixture
def config_file(database_url: str, tmp_path: Path) -> Path:
    """Settings for a studio in Berlin whose data are the store's, in a folder of this test."""
    file = tmp_path / "jobfs.toml"
    file.write_text(
        f"[jobfs]\ndata = 'store'\nmountpoint = 'mount'\ndatabase = '{database_url}'\n"
        "[studio]\nname = 'Plainview <Portraits>'\ntimezone = 'Europe/Berlin'\n"
        "[sshd]\nlisten = ['127.0.0.1:2022']\n"
    )
    return file


@pytest.fixture
def jobfs(catalog: Catalog, store: BlobStore, config_file: Path) -> Run:
    """The command `jobfs` on an initialised studio."""
    assert store
    with catalog.writing() as connection:
        studio.ensure(connection, now=NOON)
    return command(config_file)


@pytest.fixture
def wedding(catalog: Catalog, store: BlobStore) -> Wedding:
    """The job Wedding, and anna who may edit it."""
    return Wedding.add(catalog, store)


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
