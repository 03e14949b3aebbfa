"""Both sides of a comparison of servers: jobfs, and the same sshd over something else.

Every sshd here is configured by `jobfs.login`, with the same host keys, accounts, ciphers and chroot: what
lies in the chroot is the only difference. All data is on one disk.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select

from jobfs.catalog import tasks
from jobfs.catalog.schema import BlobRow, EntryRow, JobRow, UploadRow
from jobfs.domain.uploads import UploadState
from jobfs.login import connections, namespace, sshd
from jobfs.login.sshd import LoginConfig
from tests.bench import cpu
from tests.bench.comparing import Options
from tests.bench.sending import Login
from tests.served.login_studio import free_port
from tests.served.studio import Studio, until

Durability = Literal["power", "process"]
_LOCAL = ("127.0.0.1",)
_ARRIVED = (UploadState.RECEIVED, UploadState.INGESTED)


class JobfsSide:
    """A studio that runs, whose workers pause: what becomes of uploads is another figure."""

    def __init__(self, studio: Studio, group: cpu.Group) -> None:
        self.studio = studio
        self._group = group
        self.login = Login(home=studio.home, port=studio.port)

    def fresh(self) -> str:
        """Make a job and return its name."""
        return self.studio.new_job()

    def folder(self, place: str) -> Path:
        """Return where what anna sees below her root lies."""
        return self.studio.mountpoint / "anna" / place

    def check(self, place: str, number: int, size: int) -> None:
        """Check that so many files of a job were received, with so many bytes in all."""
        query = select(func.count(), func.sum(UploadRow.size)).join(EntryRow).join(JobRow)
        query = query.where(JobRow.name == place, UploadRow.state.in_(_ARRIVED))
        with self.studio.catalog.reading() as connection:
            found = connection.execute(query).all()
        assert found == [(number, size)], found
        assert sum(file.stat().st_size for file in self._files(place)) == size

    def clear(self, place: str) -> None:
        """Delete the bytes of a job behind jobfs's back: nobody will want them."""
        for file in self._files(place):
            file.unlink()

    def cpu(self) -> float | None:
        """Return what `jobfs up` and all that it has started have taken."""
        return self._group.seconds()

    def _files(self, place: str) -> list[Path]:
        query = select(BlobRow.key).join(UploadRow).join(EntryRow).join(JobRow)
        with self.studio.catalog.reading() as connection:
            keys = connection.scalars(query.where(JobRow.name == place)).all()
        return [self.studio.data / "blobs" / key[:2] / key for key in keys]


class WorkingSide(JobfsSide):
    """The same, whose workers work while somebody sends, and not in the other side's turns."""

    def fresh(self) -> str:
        """Let the workers go on, too."""
        with self.studio.catalog.writing() as connection:
            tasks.resume(connection)
        return super().fresh()

    def check(self, place: str, number: int, size: int) -> None:
        """Have the workers pause again, too."""
        with self.studio.catalog.writing() as connection:
            tasks.pause(connection)
        until(self._nobody_works)
        super().check(place, number, size)

    def clear(self, place: str) -> None:
        """Leave the bytes: what was not made into photos yet will be."""

    def _nobody_works(self) -> bool:
        with self.studio.catalog.reading() as connection:
            backlogs = tasks.backlogs(connection, now=datetime.now(UTC))
        return not any(backlog.working for backlog in backlogs)


@contextmanager
def jobfs_side(
    options: Options,
    *,
    durability: Durability = "process",
    hosts: Sequence[str] = _LOCAL,
    kind: type[JobfsSide] = JobfsSide,
) -> Iterator[JobfsSide]:
    """Give a studio as an operator runs it, its data on the disk that is measured."""
    studio = Studio()
    try:
        data = options.folder / studio.folder.name
        data.mkdir()
        studio.data.symlink_to(data)
        _configure(studio, durability, hosts)
        studio.fill()
        with studio.catalog.writing() as connection:
            tasks.pause(connection)
        studio.start()
        with cpu.group([studio.up]) as group:
            yield kind(studio, group)
    finally:
        studio.remove()
        shutil.rmtree(options.folder / studio.folder.name, ignore_errors=True)


def _configure(studio: Studio, durability: Durability, hosts: Sequence[str]) -> None:
    listen = ", ".join(f'"{host}:{studio.port}"' for host in hosts)
    settings = studio.config_file.read_text(encoding="utf-8").replace(
        "[jobfs]\n", f'[jobfs]\ndurability = "{durability}"\n'
    )
    settings = settings.replace(f'"127.0.0.1:{studio.port}"', listen)
    studio.config_file.write_text(settings, encoding="utf-8")


class FolderSide:
    """A server that keeps what it is sent as files below *root*, a folder of the disk that is measured.

    group  its processes
    owner  uid and gid of who writes there
    """

    def __init__(self, root: Path, login: Login, group: cpu.Group, *, owner: int) -> None:
        self.login = login
        self._root = root
        self._group = group
        self._owner = owner
        self._numbers = count(1)

    def fresh(self) -> str:
        """Make a folder that anna may write to."""
        name = self.next_name()
        (self._root / name).mkdir()
        os.chown(self._root / name, self._owner, self._owner)
        return name

    def folder(self, place: str) -> Path:
        """Return where what anna sees below her root lies."""
        return self._root / place

    def next_name(self) -> str:
        """Return a name for a folder that no other has had."""
        return f"Job {next(self._numbers)}"

    def check(self, place: str, number: int, size: int) -> None:
        """Check that so many files lie there, with so many bytes in all."""
        sizes = [file.stat().st_size for file in (self._root / place).glob("*.JPG")]
        assert (len(sizes), sum(sizes)) == (number, size), (len(sizes), sum(sizes))

    def clear(self, place: str) -> None:
        """Delete them."""
        shutil.rmtree(self._root / place)

    def cpu(self) -> float | None:
        """Return what its processes have taken."""
        return self._group.seconds()


@contextmanager
def plain_side(
    options: Options, jobfs: JobfsSide, *, hosts: Sequence[str] = _LOCAL
) -> Iterator[FolderSide]:
    """Give the same sshd, for the same accounts, over a plain directory of the same disk."""
    with (
        on_disk(options) as disk,
        bound(disk) as root,
        serving(disk, root, jobfs, hosts=hosts) as side,
    ):
        yield side


@contextmanager
def on_disk(options: Options) -> Iterator[Path]:
    """Give a folder of the disk that is measured, which servers may also enter in anna's name."""
    options.folder.chmod(0o711)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def bound(disk: Path) -> Iterator[Path]:
    """Give a folder of the disk under a path that sshd takes for a chroot: root's own all the way."""
    with mountpoint() as root:
        subprocess.run(["mount", "--bind", str(disk), str(root)], check=True)
        try:
            yield root
        finally:
            unmount(root)


@contextmanager
def mountpoint() -> Iterator[Path]:
    """Give an empty folder in which sshd accepts chroots."""
    folder = Path(tempfile.mkdtemp(prefix="jobfs-bench-", dir="/run"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.rmdir()


def unmount(root: Path) -> None:
    """Take away what is mounted there, also while a connection that ends is still inside."""
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@contextmanager
def serving(
    disk: Path,
    root: Path,
    jobfs: JobfsSide,
    *,
    hosts: Sequence[str] = _LOCAL,
    beside: Sequence[int] = (),
    home: Path | None = None,
) -> Iterator[FolderSide]:
    """Run the sshd of jobfs's login role over *root*, which shows the folder *disk*.

    beside  pids of what makes *root* show it, if that is a program
    home    anna's root, if it is not the one on the disk
    """
    owner = home_of_anna(disk, jobfs)
    port = free_port()
    config = LoginConfig(
        folder=disk / "login", mountpoint=root, listen=tuple(f"{host}:{port}" for host in hosts)
    )
    _copy_accounts(jobfs, config)
    with _sshd(config) as listener, cpu.group([listener, *beside]) as group:
        login = Login(home=jobfs.login.home, port=port)
        yield FolderSide(home or disk / "anna", login, group, owner=owner)


def home_of_anna(disk: Path, jobfs: JobfsSide) -> int:
    """Make anna's root as the mount shows it; return her uid, which is her group's gid, too."""
    studio = jobfs.studio
    assert (studio.data / "blobs").stat().st_dev == disk.stat().st_dev, "not the same disk"
    seen = (studio.mountpoint / "anna").stat()
    (disk / "anna").mkdir()
    os.chown(disk / "anna", 0, seen.st_gid)
    (disk / "anna").chmod(seen.st_mode & 0o7777)
    return seen.st_gid


def _copy_accounts(jobfs: JobfsSide, config: LoginConfig) -> None:
    """Take over host keys and accounts, since making keys takes seconds; and write the rest."""
    config.folder.mkdir(mode=0o755)
    theirs = jobfs.studio.data / "login"
    shutil.copytree(theirs / config.hostkeys.name, config.hostkeys)
    shutil.copytree(theirs / config.extrausers.name, config.extrausers)
    sshd.write_config(config)
    namespace.prepare(config)


@contextmanager
def _sshd(config: LoginConfig) -> Iterator[int]:
    """Run sshd, and end it with all its connections; gives the listener's pid."""
    command = namespace.command(config)
    with (config.folder / "log").open("wb") as log:
        listener = subprocess.Popen(command, stderr=log, env=namespace.ENVIRONMENT)
    try:
        until(config.pid_file.exists)
        yield listener.pid
    finally:
        connections.end_all(connections.roots(config.sshd_config, config.extrausers))
        listener.wait()
