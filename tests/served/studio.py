"""A whole studio as it really runs: `jobfs init`, `up` and `wait`, and its photographers' logins."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import paramiko
import trio
from sqlalchemy import Select, func, select

from jobfs import mounts, processes
from jobfs.bells import bell
from jobfs.catalog import jobs, photo_listing, roles
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.schema import BlobRow, EntryRow, JobRow, UploadRow
from jobfs.config import load
from jobfs.database import Database
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import UploadState
from jobfs.login import connections
from jobfs.login.files import EXTRAUSERS
from jobfs.login.namespace import NSSWITCH
from jobfs.mount import mountpoint as places
from tests.mounted.studio import Log
from tests.mounted.syscalls import STATUS_FILES
from tests.served.login_studio import free_port

_CHECKOUT = Path(__file__).parents[2]
#: Seconds for what takes a few of them at most, on however busy a machine.
PATIENCE = 180
#: Of the account `anna`.
PASSWORD = "grün & 12"


class Studio:
    """One installation, with a photographer's side: the folder *home* holds keys and known hosts.

    anna  has all jobs, a password and a key
    ben   has a key, and the jobs that a test grants him
    """

    def __init__(self, *, database: str = "") -> None:
        # sshd wants every folder above a chroot to be root's alone: /tmp is not.
        self.folder = Path(tempfile.mkdtemp(prefix="jobfs-tests-", dir="/run"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        self.port = free_port()
        self.metrics = {kind: free_port() for kind in ("mount", "login", "worker")}
        self.data = self.folder / "data"
        self.mountpoint = self.folder / "mnt"
        self.config_file = self.folder / "jobfs.toml"
        self.config_file.write_text(
            "".join(f"metrics.{kind} = {port}\n" for kind, port in self.metrics.items())
            + f'[jobfs]\ndata = "{self.data}"\nmountpoint = "{self.mountpoint}"\n'
            f'database = "{database}"\n[sshd]\nlisten = ["127.0.0.1:{self.port}"]\n',
            encoding="utf-8",
        )
        self.catalog = Catalog(load(self.config_file, {}).database_url, connections=2)
        self._machine = _machine()
        self._up: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._numbers = count(1)
        self.log = Log()
        self.expected: list[str] = []

    # -- the operator ----------------------------------------------------------------------------

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of jobfs to its end."""
        return subprocess.run(
            self._command(*arguments), cwd=_CHECKOUT, input=typed, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def jobfs(self, *arguments: str, typed: str = "") -> str:
        """Run a command of jobfs that must succeed without a complaint; return what it prints."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def listing(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what a command of jobfs lists."""
        lines: list[dict[str, Any]] = json.loads(self.jobfs(*arguments, "--json"))
        return lines

    def fill(self) -> None:
        """Make the accounts, and two jobs, one of them on sale already."""
        self.jobfs("init")
        for name in ("anna", "ben"):
            make_key(self.home / name)
        key = str(self.home / "anna.pub")
        self.jobfs(
            "account", "add", "anna", "--all-jobs", "--password-stdin", "--key", key,
            typed=f"{PASSWORD}\n",
        )  # fmt: skip
        self.jobfs("account", "add", "ben", "--key", str(self.home / "ben.pub"))
        self.jobfs("job", "add", "PlainviewHSFall2026")
        self.jobfs("job", "add", "Cup2026", "--status", "selling")

    def start(self) -> None:
        """Run `jobfs up`, and return when photographers can log in."""
        self.begin()
        waited = self.run("wait", "--timeout", str(PATIENCE))
        assert waited.returncode == 0, (waited.stderr, self.log.since())

    def begin(self, *options: str) -> None:
        """Run `jobfs up`."""
        self.log = Log()
        self.expected = []
        self._up = subprocess.Popen(
            self._command("up", *options), cwd=_CHECKOUT, stderr=subprocess.PIPE, text=True
        )
        assert self._up.stderr is not None
        self._reader = threading.Thread(target=self.log.read, args=(self._up.stderr,))
        self._reader.start()

    @property
    def is_running(self) -> bool:
        """Whether `jobfs up` was started, and its end was not waited for."""
        return self._up is not None

    @property
    def up(self) -> int:
        """The pid of `jobfs up`."""
        assert self._up is not None
        return self._up.pid

    def kill(self, *kinds: str) -> None:
        """Send SIGKILL to the running roles of these kinds, and to `jobfs up` itself if named."""
        pids = {kind: self.up if kind == "up" else self.role(kind) for kind in kinds}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)

    def ask_to_end(self) -> None:
        """Send SIGTERM, as a service manager does."""
        os.kill(self.up, signal.SIGTERM)

    def ended(self) -> int:
        """Return the exit status of `jobfs up` once it, and all that shares its log, has ended."""
        assert self._up is not None
        assert self._reader is not None
        status = self._up.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "a process of jobfs goes on"
        assert self._up.stderr is not None
        self._up.stderr.close()
        self._up = None
        return status

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self.ask_to_end()
        return self.ended()

    def expect(self, *words: str) -> None:
        """Announce that lines with these words will be logged as errors."""
        self.expected += words

    def unexpected(self, start: int = 0) -> list[str]:
        """Return the errors that were logged and not announced."""
        return [
            str(line)
            for line in self.log.since(start)
            if (line["level"] in {"error", "critical"} or "exception" in line)
            and not any(words in line["event"] for words in self.expected)
        ]

    def new_job(self) -> str:
        """Add a planned job and return its name."""
        name = f"Job {next(self._numbers)}"
        with self.catalog.writing() as connection:
            jobs.add(connection, name, status=JobStatus.PLANNED, now=datetime.now(UTC))
        return name

    def metrics_of(self, kind: str, *, port: int | None = None) -> str:
        """Return what a role tells Prometheus; *port* is that of a further worker."""
        url = f"http://127.0.0.1:{port or self.metrics[kind]}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
        return text

    # -- what the catalog says -------------------------------------------------------------------

    def wait_until(self, claim: Callable[[Connection], bool]) -> None:
        """Return when *claim* is true of the database."""
        trio.run(_wait_until, self.catalog, claim)

    def role(self, kind: str, *, other_than: int = 0) -> int:
        """Return the pid of a role that is ready, once there is one."""
        host, found = processes.host(), [0]

        def is_there(connection: Connection) -> bool:
            for role in roles.known(connection, kind=kind):
                if role.ready and role.host == host and role.process.is_running():
                    found[0] = role.process.pid
            return found[0] not in {0, other_than}

        self.wait_until(is_there)
        return found[0]

    def listener(self) -> int:
        """Return the pid of sshd."""
        return int((self.data / "login/sshd.pid").read_text())

    def wait_for_photos(self, job: str, number: int) -> None:
        """Return when a job has so many photos, or more."""
        self.wait_until(lambda connection: _photos(connection, job) >= number)

    def wait_until_closed(self, job: str, number: int) -> None:
        """Return when so many files of a job were sent whole."""
        done = [UploadState.RECEIVED, UploadState.INGESTED]
        query = select(func.count()).select_from(UploadRow).join(EntryRow).join(JobRow)
        query = query.where(JobRow.name == job, UploadRow.state.in_(done))
        self.wait_until(lambda connection: connection.execute(query).scalar_one() >= number)

    def wait_for_state(self, name: str, state: str) -> None:
        """Return when the upload that a file of this name shows is in a state."""
        self.wait_until(lambda connection: state in _states(connection, name))

    def states(self, name: str) -> list[str]:
        """Return the states of the uploads that files of this name show."""
        with self.catalog.reading() as connection:
            return _states(connection, name)

    def wait_for_bytes(self, name: str, number: int) -> None:
        """Return when so many bytes of an upload have arrived; nobody tells of them."""

        def have_arrived() -> bool:
            with self.catalog.reading() as connection:
                key = connection.scalar(_shown(BlobRow.key, name).join(BlobRow))
            blob = self.data / "blobs" / str(key)[:2] / str(key)
            return key is not None and blob.stat().st_size >= number

        until(have_arrived)

    # -- a photographer --------------------------------------------------------------------------

    @contextmanager
    def connected(
        self, name: str, *, key: Path | None = None, password: str | None = None
    ) -> Iterator[paramiko.SFTPClient]:
        """Give a connection of an account; with its key, unless told otherwise."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.get_host_keys().add(f"[127.0.0.1]:{self.port}", *self._host_key())
        identity = None if password else str(key or self.home / name)
        client.connect(
            "127.0.0.1", self.port, name, password=password, key_filename=identity,
            allow_agent=False, look_for_keys=False, timeout=PATIENCE, banner_timeout=PATIENCE,
            auth_timeout=PATIENCE,
        )  # fmt: skip
        try:
            sftp = client.open_sftp()
            channel = sftp.get_channel()
            assert channel is not None
            channel.settimeout(PATIENCE)
            yield sftp
        finally:
            client.close()

    def _host_key(self) -> tuple[str, paramiko.PKey]:
        public = (self.data / "login/hostkeys/ssh_host_ed25519_key.pub").read_text().split()
        return public[0], paramiko.Ed25519Key(data=base64.b64decode(public[1]))

    def seen_as_root(self, name: str, job: str) -> dict[str, tuple[int, int, int]]:
        """Return inode number, size and mtime of everything that was sent to a job, as an account sees it."""
        top = self.mountpoint / name / job
        return {
            str(path.relative_to(top)): (status.st_ino, status.st_size, status.st_mtime_ns)
            for path in [top, *top.rglob("*")]
            if path.name not in STATUS_FILES
            for status in [path.stat()]
        }

    # -- the end ---------------------------------------------------------------------------------

    def assert_nothing_is_left(self) -> None:
        """Check that nothing of a studio that has ended runs, is mounted, or has changed the machine."""
        assert self.processes() == []
        assert [mount for mount in mounts.table() if mount.at.is_relative_to(self.folder)] == []
        assert _machine() == self._machine

    def processes(self) -> list[str]:
        """Return the command lines of this studio's processes."""
        folder = os.fsencode(self.folder)
        lines = [_command_line(place) for place in Path("/proc").iterdir() if place.name.isdigit()]
        ours = [line.decode() for line in lines if folder in line]
        login = self.data / "login"
        left = connections.roots(login / "sshd_config", login / "extrausers")
        return ours + [str(one) for one in left if one.is_running()]

    def remove(self) -> None:
        """Take everything away, whatever a test has left."""
        if self.is_running:
            self.stop()
        while places.mounted(self.mountpoint):
            places.unmount(self.mountpoint)
        mounts.unshare_parent(self.mountpoint)
        self.catalog.dispose()
        shutil.rmtree(self.folder)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "jobfs", "--config", str(self.config_file), *arguments]


@contextmanager
def running_studio(*, database: str = "") -> Iterator[Studio]:
    """Give a studio with accounts that runs; it must end well and leave nothing behind."""
    studio = Studio(database=database)
    try:
        studio.fill()
        studio.start()
        yield studio
        if studio.is_running:
            assert studio.stop() == 0
        studio.assert_nothing_is_left()
    finally:
        studio.remove()


def make_key(file: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
    subprocess.run(command, check=True)


def until(claim: Callable[[], bool]) -> None:
    """Return when a claim about something that tells nobody of its changes is true."""
    never = threading.Event()
    for _ in range(PATIENCE * 20):
        if claim():
            return
        never.wait(0.05)
    raise AssertionError("this never came true")


async def _wait_until(catalog: Catalog, claim: Callable[[Connection], bool]) -> None:
    database = Database(catalog)
    with trio.fail_after(PATIENCE):
        # A process that dies rings no bell.
        async with bell(catalog, nap=0.2) as rings:
            while not await database.read(claim):
                await rings.wait()


def _photos(connection: Connection, job: str) -> int:
    return len(photo_listing.listing(connection, jobs.by_name(connection, job).id))


def _states(connection: Connection, name: str) -> list[str]:
    return list(connection.scalars(_shown(UploadRow.state, name)))


def _shown(column: Any, name: str) -> Select[Any]:
    """Return the query for a column of the uploads that files of a name show."""
    shown = select(column).select_from(UploadRow).join(EntryRow, EntryRow.id == UploadRow.entry_id)
    return shown.where(UploadRow.current, EntryRow.name == name)


def _machine() -> dict[Path, str]:
    """Return a digest of each file of the machine that says who its accounts are."""
    known = [Path("/etc") / name for name in ("passwd", "shadow", "group", "gshadow")]
    known += [NSSWITCH, *(file for file in EXTRAUSERS.rglob("*") if file.is_file())]
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in known}


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
