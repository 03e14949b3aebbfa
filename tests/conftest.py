"""What every folder of tests may ask for: real databases, a real store."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import migrate
from jobfs.catalog.engine import Catalog

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server of the test run's own, reached through a socket in *folder*."""

    folder: Path

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"jobfs_{os.getpid()}_{next(_numbers)}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}&port=5432"

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
    # Nothing of it outlives the run, so it need not wait for the disk.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-w", "-l", str(log), "-o", options, "start")
    try:
        yield PostgreSQL(folder)
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobfs.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """A catalog with today's schema and nothing in it."""
    catalog = Catalog(database_url)
    migrate.upgrade(catalog)
    yield catalog
    catalog.dispose()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """An empty store."""
    store = BlobStore(tmp_path / "store")
    store.prepare()
    return store
