"""What every folder of tests may ask for: real databases, a real store. And how tests are run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from jobfs.blobs.store import BlobStore
from jobfs.catalog import migrate
from jobfs.catalog.engine import Catalog
from tests.served.matrix.recorder import Recorder
from tests.spreading import Spreading

_numbers = count(1)

# No claim of a property is about time, and the machine may be busy with other tests.
settings.register_profile("without time limits", deadline=None)
settings.load_profile("without time limits")


def pytest_configure(config: pytest.Config) -> None:
    """Record the matrix of clients; here, since a process that has others do it collects no tests."""
    config.pluginmanager.register(Recorder())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` means: tests wait for disks and for each other a lot."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spreading:
    """Deal the tests out to processes."""
    return Spreading(config, log)


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server of the test run's own, reached through a socket in *folder*."""

    folder: Path

    def new_database(self, *, template: str = "template1") -> str:
        """Make a database, empty unless a *template* is named, and return its URL."""
        name = f"jobfs_{os.getpid()}_{next(_numbers)}"
        # Copying files is faster than the way of today's servers, which writes them to the WAL.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}&port=5432"

    def drop(self, url: str) -> None:
        """Take a database away, whoever is connected to it."""
        self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        """Run a statement that is not part of a transaction."""
        address = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def psql(self, database: str, statement: str) -> str:
        """Run a statement with the real client, as a studio's own scripts would."""
        command = [
            "psql", "-qAtX", "-v", "ON_ERROR_STOP=1",
            "-h", str(self.folder), "-U", "postgres", "-d", database, "-c", statement,
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL server that Debian has installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    assert found, "PostgreSQL is not installed: run tests/run, which installs it"
    return found[-1].parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for this test run."""
    with running_postgresql() as server:
        yield server


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Start a PostgreSQL server for a block; it refuses to run as root, so `postgres` does."""
    folder = Path(tempfile.mkdtemp(prefix="jobfs-postgresql-"))
    shutil.chown(folder, "postgres", "postgres")
    data, log = folder / "data", folder / "log"
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    programs = _programs()

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_postgres, programs / program, "-D", data, *arguments],
            check=True, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip

    run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
    # Nothing of it outlives the run, so it need neither wait for the disk nor tidy up.
    options = (
        f"-k {folder} -c listen_addresses='' -c fsync=off -c autovacuum=off -c max_wal_size=128MB"
    )
    run("pg_ctl", "-w", "-l", str(log), "-o", options, "start")
    try:
        yield PostgreSQL(folder)
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind: with today's schema for a test that has a catalog, else empty."""
    with_schema = "catalog" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "jobfs.sqlite3"
        if with_schema:
            shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
    else:
        kind = "migrated_postgresql" if with_schema else "new_postgresql"
        yield request.getfixturevalue(kind)


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """A catalog with today's schema and nothing in it."""
    catalog = Catalog(database_url)
    yield catalog
    catalog.dispose()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with today's schema, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "jobfs.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_template(postgresql: PostgreSQL) -> str:
    """The name of a PostgreSQL database with today's schema, to be copied."""
    url = postgresql.new_database()
    _migrate(url)
    return str(make_url(url).database)


@pytest.fixture
def new_postgresql(postgresql: PostgreSQL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    url = postgresql.new_database()
    yield url
    postgresql.drop(url)


@pytest.fixture
def migrated_postgresql(postgresql: PostgreSQL, migrated_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with today's schema and nothing in it."""
    url = postgresql.new_database(template=migrated_template)
    yield url
    postgresql.drop(url)


def _migrate(url: str) -> None:
    catalog = Catalog(url)
    migrate.upgrade(catalog)
    catalog.dispose()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """An empty store."""
    store = BlobStore(tmp_path / "store")
    store.prepare()
    return store
