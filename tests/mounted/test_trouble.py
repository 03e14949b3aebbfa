"""What goes wrong around a mount: it says so, goes on, and works again when the cause has gone."""

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobfs.mount import mountpoint as places
from jobfs.mount.refusals import BadMountpointError
from tests.mounted.actor import Actor
from tests.mounted.studio import Job, Studio, errno_of, replace_file, tmpfs
from tests.mounted.syscalls import names, put
from tests.pure.pictures import noise, saved

_NOBODY = 65534
_JPEG = saved(noise(400, 300), "JPEG")
_BIG = saved(noise(2000, 1500), "JPEG")


def _requests(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return a request of every kind, about a folder that holds `photo.jpg` and `folder`."""
    photo = folder / "photo.jpg"
    return {
        "lookup": photo.stat,
        "create": lambda: put(f"{folder}/new.jpg", _JPEG),
        "open": lambda: os.close(os.open(photo, os.O_RDONLY)),
        "mkdir": (folder / "new").mkdir,
        "rmdir": (folder / "folder").rmdir,
        "unlink": photo.unlink,
        "rename": lambda: photo.rename(folder / "x.jpg"),
        "setattr": lambda: os.utime(photo),
        "getxattr": lambda: os.getxattr(photo, "user.jobfs.state"),
        "readdir": lambda: names(folder),
    }


@pytest.fixture
def filled(job: Job) -> Path:
    """A job's folder with a file and a folder in it."""
    replace_file(job.path / "photo.jpg", _JPEG)
    (job.path / "folder").mkdir()
    return job.path


@contextmanager
def _without_table(studio: Studio, table: str) -> Iterator[None]:
    """Take a table away for the length of a block."""
    studio.sql(f"ALTER TABLE {table} RENAME TO away")
    try:
        yield
    finally:
        studio.sql(f"ALTER TABLE away RENAME TO {table}")


@contextmanager
def _with_nonsense(studio: Studio, job: Job) -> Iterator[None]:
    """Make the rows that every request reads say what no code of jobfs expects."""
    nonsense = "PRAGMA ignore_check_constraints = 1; UPDATE job_grant SET access = '{}' {}"
    here = f"WHERE job_id = {job.id}"
    studio.sql(nonsense.format("nonsense", here))
    try:
        yield
    finally:
        studio.sql(nonsense.format("edit", here))


@contextmanager
def _without(folder: Path) -> Iterator[None]:
    """Take a folder away for the length of a block."""
    aside = folder.rename(folder.with_name("aside"))
    try:
        yield
    finally:
        aside.rename(folder)


def test_a_database_that_refuses_every_statement_ends_nothing(
    studio: Studio, filled: Path, announced: list[str]
) -> None:
    announced.append("the database refused")

    with _without_table(studio, "entry"):
        outcomes = {name: errno_of(request) for name, request in _requests(filled).items()}

    assert outcomes == dict.fromkeys(outcomes, errno.EIO)
    assert names(filled) == ["folder", "photo.jpg"]
    assert (filled / "photo.jpg").read_bytes() == _JPEG


def test_a_bug_in_any_handler_ends_nothing(
    studio: Studio, job: Job, filled: Path, announced: list[str]
) -> None:
    announced.append("replying EIO")

    with _with_nonsense(studio, job):
        outcomes = {name: errno_of(request) for name, request in _requests(filled).items()}

    assert outcomes == dict.fromkeys(outcomes, errno.EIO)
    assert names(filled) == ["folder", "photo.jpg"]


def test_a_store_that_is_away_ends_nothing(
    studio: Studio, filled: Path, announced: list[str]
) -> None:
    announced.extend(["replying EIO", "the store has no blob"])

    with _without(studio.data / "blobs"):
        assert errno_of(put, f"{filled}/new.jpg", _JPEG) == errno.EIO
        assert errno_of(os.open, filled / "photo.jpg", os.O_RDONLY) == errno.EIO
        assert errno_of(os.open, filled / "photo.jpg", os.O_WRONLY | os.O_TRUNC) == errno.EIO
        assert names(filled) == ["folder", "photo.jpg"]

    assert (filled / "photo.jpg").read_bytes() == _JPEG
    put(f"{filled}/new.jpg", _JPEG)
    assert studio.states(filled / "new.jpg") == ["received"]


@pytest.mark.parametrize("trouble", ["database", "store"])
def test_an_upload_that_could_not_be_settled_is_settled_when_the_trouble_has_gone(
    studio: Studio, job: Job, photographer: Actor, announced: list[str], trouble: str
) -> None:
    assert studio.mount is not None
    announced.extend(["the database refused", "replying EIO"])
    path = job.path / "photo.jpg"
    writing = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT)
    photographer.do("write_all", writing, _JPEG)
    start = len(studio.mount.log)
    away = (
        _without_table(studio, "upload")
        if trouble == "database"
        else _without(studio.data / "blobs")
    )

    with away:
        assert errno_of(photographer.do, "close", writing) == errno.EIO
        studio.mount.log.wait_for("not settled yet", start)
    studio.mount.log.wait_for("interrupted", start)

    assert path.read_bytes() == _JPEG
    assert studio.states(path) == ["interrupted"]
    put(str(path), _JPEG, 0)
    assert studio.states(path) == ["received"]


def test_a_stalled_writer_of_the_database_keeps_nobody_from_looking(
    studio: Studio, filled: Path, photographer: Actor
) -> None:
    """But for who looks into the same directory: the kernel lets nobody while a name is made there."""
    assert studio.catalog.file is not None
    with closing(sqlite3.connect(studio.catalog.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        photographer.begin("mkdir", str(filled / "folder" / "new"))

        assert names(filled) == ["folder", "photo.jpg"]
        assert (filled / "photo.jpg").read_bytes() == _JPEG
        other.execute("ROLLBACK")
        photographer.outcome()

    assert names(filled / "folder") == ["new"]


# -- a full disk -----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["the store alone", "store and database"])
def small_studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio on a disk of eight megabytes."""
    folder = tmp_path_factory.mktemp("small")
    elsewhere = f"sqlite:///{folder}/jobfs.sqlite3" if "alone" in request.param else ""
    with tmpfs(folder / "disk", "8m") as disk, ExitStack() as stack:
        studio = Studio(folder, data=disk / "data", database=elsewhere)
        stack.callback(studio.remove)
        studio.start()
        yield studio
        studio.stop()


def _fill_up(disk: Path, *, but: int) -> Path:
    """Leave *but* bytes of a disk free."""
    ballast = disk / "ballast"
    space = os.statvfs(disk)
    ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - but))
    return ballast


def _send_until_full(path: Path, flags: int) -> tuple[int, set[int | None]]:
    """Return how many bytes were taken, and the errnos of the write that failed and of the close."""
    writing = os.open(path, os.O_WRONLY | flags, 0o644)
    sent, failure = 0, None
    while failure is None:
        failure = errno_of(os.write, writing, _BIG[sent : sent + 65_536])
        sent += 65_536 if failure is None else 0
    return sent, {failure, errno_of(os.close, writing)}


def test_a_full_disk_refuses_the_write_that_crosses_it_and_nothing_after(
    small_studio: Studio,
) -> None:
    assert small_studio.mount is not None
    job = small_studio.add_job(small_studio.account("anna"))
    path = job.path / "photo.jpg"
    ballast = _fill_up(small_studio.data, but=500_000)
    start = len(small_studio.mount.log)

    sent, errnos = _send_until_full(path, os.O_CREAT)
    assert errno.ENOSPC in errnos
    assert os.statvfs(job.path).f_bavail * 4096 < 65_536
    ballast.unlink()

    small_studio.mount.log.wait_for("upload of 'photo.jpg'", start)
    assert small_studio.states(path)[0] in {"incomplete", "interrupted"}
    assert path.stat().st_size == sent
    put(str(path), _BIG[sent:], os.O_APPEND)
    assert small_studio.states(path) == ["received"]
    assert path.read_bytes() == _BIG


def test_a_full_disk_cannot_rewrite_a_received_file_and_keeps_it(small_studio: Studio) -> None:
    job = small_studio.add_job(small_studio.account("anna"))
    path = job.path / "photo.jpg"
    put(str(path), _BIG)
    blobs = sorted((small_studio.data / "blobs").glob("*/*"))
    ballast = _fill_up(small_studio.data, but=200_000)

    writing = os.open(path, os.O_WRONLY)
    assert errno_of(os.write, writing, b"new") == errno.ENOSPC
    os.close(writing)

    assert path.read_bytes() == _BIG
    assert small_studio.states(path) == ["received"]
    assert sorted((small_studio.data / "blobs").glob("*/*")) == blobs
    ballast.unlink()
    put(str(path), _JPEG)
    assert path.read_bytes() == _JPEG


# -- death and restart -----------------------------------------------------------------------------


def _what_clients_compare(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode


def test_a_killed_mount_comes_back_with_what_was_acknowledged(
    own_studio: Studio, actors: Callable[[int], Actor]
) -> None:
    mount, anna = own_studio.start(), own_studio.account("anna")
    job = own_studio.add_job(anna)
    closed, half, rewritten = (job.path / f"{name}.jpg" for name in ("closed", "half", "again"))
    photographer = actors(anna.uid)
    photographer.do("put", str(closed), _JPEG)
    photographer.do("put", str(rewritten), _JPEG)
    before = _what_clients_compare(closed), _what_clients_compare(rewritten)
    open_ = photographer.do("open", str(half), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", open_, _JPEG[:20_000])
    photographer.do("pwrite", open_, b"far away", 1_000_000)
    photographer.do("write", photographer.do("open", str(rewritten), os.O_WRONLY), b"new bytes")

    mount.kill()
    # A file system's own state is never remembered by the kernel, as attributes are for a second.
    assert errno_of(os.statvfs, own_studio.mountpoint) == errno.ENOTCONN
    own_studio.start()

    assert (_what_clients_compare(closed), _what_clients_compare(rewritten)) == before
    assert closed.read_bytes() == rewritten.read_bytes() == _JPEG
    assert own_studio.states(closed) == ["received"]
    assert own_studio.states(rewritten) == ["interrupted", "received"]
    assert own_studio.states(half) == ["interrupted"]
    # Only whole blocks of the disk are known to be holes.
    assert half.read_bytes().rstrip(b"\0") == _JPEG[:20_000].rstrip(b"\0")
    assert half.stat().st_size < 1_000_000
    assert errno_of(photographer.do, "close", open_) == errno.ENOTCONN


def test_sigterm_ends_the_mount_though_it_is_in_use_and_settles_what_is_open(
    own_studio: Studio, actors: Callable[[int], Actor]
) -> None:
    own_studio.start()
    anna = own_studio.account("anna")
    job = own_studio.add_job(anna)
    photographer = actors(anna.uid)
    photographer.do("chdir", str(job.path))
    open_ = photographer.do("open", "photo.jpg", os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write", open_, _JPEG[:5000])

    own_studio.stop()
    assert errno_of(photographer.do, "listdir", ".") in {errno.ENOTCONN, errno.ECONNABORTED}
    own_studio.start()

    assert own_studio.states(job.path / "photo.jpg") == ["interrupted"]
    assert (job.path / "photo.jpg").read_bytes() == _JPEG[:5000]


def test_the_bare_mountpoint_is_roots_and_takes_nothing(
    own_studio: Studio, actors: Callable[[int], Actor]
) -> None:
    own_studio.start()
    anna = own_studio.account("anna")
    own_studio.stop()

    bare = own_studio.mountpoint.stat()
    refused = errno_of(actors(anna.uid).do, "put", str(own_studio.mountpoint / "x.jpg"), _JPEG)

    assert (bare.st_uid, bare.st_mode & 0o7777) == (0, 0o555)
    assert refused == errno.EACCES
    assert names(own_studio.mountpoint) == []


def test_a_second_mount_on_one_mountpoint_is_refused(studio: Studio, filled: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        studio.jobfs("mount")

    assert refusal.value.returncode == 1
    assert f"{studio.mountpoint} is served by another jobfs already" in refusal.value.stderr
    assert "Traceback" not in refusal.value.stderr
    assert (filled / "photo.jpg").read_bytes() == _JPEG


def test_a_mountpoint_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(_JPEG)

    with pytest.raises(BadMountpointError, match="is not empty"):
        places.prepare(tmp_path)


def test_a_mountpoint_that_is_not_roots_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, _NOBODY, _NOBODY)

    with pytest.raises(BadMountpointError, match="must be a directory that belongs to root"):
        places.prepare(tmp_path)


def test_a_mount_that_somebody_has_unmounted_ends_with_a_sentence(own_studio: Studio) -> None:
    mount = own_studio.start()
    subprocess.run(["umount", own_studio.mountpoint], check=True)

    assert mount.wait() == 1
    assert "somebody else has unmounted it" in mount.log.since()[-1]["event"]
    own_studio.mount = None


def test_the_setting_lets_every_close_succeed(
    own_studio: Studio, actors: Callable[[int], Actor]
) -> None:
    with own_studio.config_file.open("a", encoding="utf-8") as settings:
        settings.write("refuse_incomplete = false\n")
    own_studio.start()
    anna = own_studio.account("anna")
    path = own_studio.add_job(anna).path / "photo.jpg"

    actors(anna.uid).do("put", str(path), _JPEG[:9000])

    assert own_studio.states(path) == ["incomplete"]
