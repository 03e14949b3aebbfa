"""A studio with a mount role of its own, run as an operator runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import accounts, grants, jobs, migrate
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import BlobRow, RoleRow, TaskRow, UploadRow
from jobfs.config import Config, load
from jobfs.domain.accounts import uid_of
from jobfs.domain.jobs import JobStatus, Right
from jobfs.mount import mountpoint as places
from tests.conftest import PostgreSQL

#: For modules whose claims must hold on either database.
on_both_databases = pytest.mark.parametrize("studio", ["sqlite", "postgresql"], indirect=True)

CHECKOUT = Path(__file__).parents[2]
#: Seconds for what takes milliseconds, on however busy a machine.
PATIENCE = 180

Line = dict[str, Any]


class Log:
    """What a role writes to stderr, one JSON object a line."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._changed = threading.Condition()
        self._ended = False

    def read(self, stream: Iterator[str]) -> None:
        """Take in every line until the role has ended; runs in a thread."""
        for line in stream:
            with self._changed:
                self._lines.append(_parsed(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._lines)

    def since(self, start: int = 0) -> list[Line]:
        """Return the lines from number *start* on."""
        return self._lines[start:]

    def wait_for(self, words: str, start: int = 0) -> Line:
        """Return the first line from *start* on whose event has these words, once it is there."""

        def found() -> Line | None:
            return next((line for line in self.since(start) if words in line["event"]), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, PATIENCE)
            line = found()
        assert line is not None, f"never logged: {words!r}; but {self.since(start)}"
        return line


def _parsed(line: str) -> Line:
    """Return a line of the log; what is no JSON is a traceback, or a library's own words."""
    try:
        parsed: Line = json.loads(line)
    except json.JSONDecodeError:
        return {"event": line.rstrip("\n"), "level": "error"}
    return parsed


class Mount:
    """A running `jobfs mount`; at another *mountpoint* than its settings say, if there is one.

    *within*: words to start it behind, such as those of `unshare`.
    """

    def __init__(
        self, config_file: Path, mountpoint: Path | None = None, *, within: Sequence[str] = ()
    ) -> None:
        elsewhere = [] if mountpoint is None else [f"JOBFS_JOBFS__MOUNTPOINT={mountpoint}"]
        jobfs = [sys.executable, "-m", "jobfs", "--config", str(config_file), "mount"]
        self.log = Log()
        self.process = subprocess.Popen(
            [*within, "env", *elsewhere, *jobfs], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self.log.read, args=(self.process.stderr,))
        self._reader.start()

    def wait_until_ready(self) -> None:
        """Return when it serves."""
        self.log.wait_for("ready")

    def end(self) -> int:
        """Ask it to end, as the supervisor does, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it without a last word."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Return its exit status once it has ended and its log is complete."""
        status = self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the studio and the uid of its processes."""

    id: int
    name: str

    @property
    def uid(self) -> int:
        """The uid of its connections."""
        return uid_of(self.id)


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and the directory in which its account sees it."""

    id: int
    name: str
    path: Path


class Studio:
    """A database, a store and a mountpoint; roles come and go."""

    def __init__(
        self,
        folder: Path,
        *,
        server: PostgreSQL | None = None,
        data: Path | None = None,
        database: str = "",
    ) -> None:
        self._server = server
        if server is not None:
            database = server.new_database()
        self._outside = Path(tempfile.mkdtemp(prefix="jobfs-tests-", dir="/run"))
        self._outside.chmod(0o755)
        self._numbers = count(1)
        self._accounts: dict[str, Account] = {}
        self.mountpoint = self._outside / "mount"
        self.config_file = folder / "jobfs.toml"
        self.data = data or folder / "data"
        self.config_file.write_text(
            'metrics.host = ""\n'
            f'[jobfs]\ndata = "{self.data}"\nmountpoint = "{self.mountpoint}"\n'
            f'database = "{database}"\n',
            encoding="utf-8",
        )
        self.config: Config = load(self.config_file, {})
        self.catalog = Catalog(self.config.database_url, connections=2)
        self._prepare()
        self.mount: Mount | None = None

    def _prepare(self) -> None:
        """Do what `jobfs init` does, but for the host keys: no mount needs them."""
        self.data.mkdir(exist_ok=True)
        migrate.upgrade(self.catalog)
        BlobStore(self.data).prepare()

    # -- the role --------------------------------------------------------------------------------

    def start(self) -> Mount:
        """Start the mount and return when it serves."""
        self.mount = Mount(self.config_file)
        self.mount.wait_until_ready()
        return self.mount

    def stop(self) -> None:
        """End the mount; it must end well and leave nothing behind."""
        assert self.mount is not None
        assert self.mount.end() == 0, self.mount.log.since()
        assert not places.mounted(self.mountpoint)
        assert self._values(select(RoleRow.id).where(RoleRow.pid == self.mount.process.pid)) == []

    def restart(self) -> None:
        """End the mount and start it again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Take everything away, whatever the test has left."""
        if self.mount is not None and self.mount.process.poll() is None:
            self.mount.kill()
        while places.mounted(self.mountpoint):
            places.unmount(self.mountpoint)
        self.catalog.dispose()
        shutil.rmtree(self._outside)

    # -- the administrator -----------------------------------------------------------------------

    def account(self, name: str) -> Account:
        """Return an account, added without password or key if it is not there."""
        if name not in self._accounts:
            with self.catalog.writing() as connection:
                account_id = accounts.add(connection, name, now=datetime.now(UTC))
            self._accounts[name] = Account(account_id, name)
        return self._accounts[name]

    def add_job(self, *granted: Account, name: str = "", right: Right = Right.EDIT) -> Job:
        """Add a planned job that the accounts may enter; its path is that of the first."""
        name = name or f"Job {next(self._numbers)}"
        with self.catalog.writing() as connection:
            job_id = jobs.add(connection, name, status=JobStatus.PLANNED, now=datetime.now(UTC))
            for account in granted:
                grants.grant(connection, account.id, job_id, right)
        return Job(job_id, name, self.mountpoint / granted[0].name / name)

    def jobfs(self, *arguments: str) -> str:
        """Run a command of jobfs, and return what it prints."""
        command = [sys.executable, "-m", "jobfs", "--config", str(self.config_file), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT)
        return done.stdout

    def sql(self, statement: str) -> str:
        """Run plain SQL with the database's own client, as a studio's job system would."""
        if self._server is not None:
            name = self.catalog.url.database
            assert name is not None
            return self._server.psql(name, statement).strip()
        command = ["sqlite3", "-cmd", ".timeout 30000", str(self.catalog.file), statement]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    # -- what the catalog says -------------------------------------------------------------------

    def states(self, path: Path) -> list[str]:
        """Return the states of a file's versions, oldest first, that which it shows last."""
        versions = select(UploadRow.state).where(UploadRow.entry_id == entry_of(path))
        return self._values(versions.order_by(UploadRow.current, UploadRow.id))

    def tasks(self, path: Path) -> int:
        """Return how many tasks wait for the file."""
        tasks = select(TaskRow.id).join(UploadRow, UploadRow.id == TaskRow.upload_id)
        return len(self._values(tasks.where(UploadRow.entry_id == entry_of(path))))

    def blobs(self, path: Path) -> list[Path]:
        """Return the blobs of a file's versions, oldest first."""
        keys = select(BlobRow.key).join(UploadRow, UploadRow.blob_id == BlobRow.id)
        of_file = keys.where(UploadRow.entry_id == entry_of(path)).order_by(UploadRow.id)
        return [self.data / "blobs" / key[:2] / key for key in self._values(of_file)]

    def judged(self, path: Path) -> list[tuple[Path, int]]:
        """Return the blobs of a file's versions and when each was judged, in ns."""
        versions = select(UploadRow.judged_at).where(UploadRow.entry_id == entry_of(path))
        judged = [
            int(at.timestamp() * 10**9) for at in self._values(versions.order_by(UploadRow.id))
        ]
        return list(zip(self.blobs(path), judged, strict=True))

    def _values(self, query: Select[Any]) -> list[Any]:
        with self.catalog.reading() as connection:
            return list(connection.scalars(query))


def entry_of(path: Path) -> int:
    """Return the id of the entry at a path: the low 40 bits of its inode number."""
    return path.stat().st_ino & (2**40 - 1)


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """Give a small disk of its own for the length of a block."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def errno_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> int | None:
    """Return the errno that a call fails with; None if it does not."""
    try:
        call(*arguments, **options)
    except OSError as error:
        return error.errno
    return None


def until(claim: Callable[[], bool]) -> None:
    """Return when a claim is true of what the kernel may remember for a moment."""
    pause = threading.Event()
    for _ in range(PATIENCE * 100):
        if claim():
            return
        pause.wait(0.01)
    raise AssertionError("this never came true")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file's content in one go, as `cp` does: open with truncation, write, close."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(content)
