"""Who sees what, and when: status and grants, changed by whomever."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobfs.domain.jobs import Right
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases, until
from tests.mounted.syscalls import names, put
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

Actors = Callable[[int], Actor]
_PICTURE = saved(noise(64, 64), "JPEG")
_NOBODY = 65534


@pytest.fixture
def ben(studio: Studio) -> Account:
    """A photographer who has no business in Anna's jobs."""
    return studio.account("ben")


def _set_status(studio: Studio, job: Job, status: str) -> None:
    """Set it by SQL alone, and return when the kernel has forgotten what it was before."""
    studio.sql(f"UPDATE job SET status = '{status}' WHERE id = {job.id}")  # noqa: S608
    until(lambda: job.path.exists() == (status == "planned"))


@dataclass
class Insider:
    """A process of Anna's that stands in a job and holds its directory and a file open."""

    actor: Actor
    directory: int
    writing: int

    def attempt(self, function: str, *arguments: Any, **options: Any) -> int | None:
        """Return the errno of a call in that process; None if it succeeds."""
        return errno_of(self.actor.do, function, *arguments, **options)


@pytest.fixture
def insider(job: Job, anna: Account, actors: Actors) -> Insider:
    actor = actors(anna.uid)
    actor.do("chdir", str(job.path))
    actor.do("mkdir", "folder")
    actor.do("put", "photo.jpg", _PICTURE)
    directory = actor.do("open", ".", os.O_RDONLY | os.O_DIRECTORY)
    writing = actor.do("open", "new.jpg", os.O_WRONLY | os.O_CREAT, 0o644)
    actor.do("write", writing, _PICTURE[:1000])
    return Insider(actor, directory, writing)


def test_a_job_is_found_and_listed_while_it_is_planned_and_granted(job: Job) -> None:
    assert job.path.is_dir()
    assert job.name in names(job.path.parent)


@pytest.mark.parametrize("status", ["prepay", "selling", "archived"])
def test_a_job_of_any_other_status_is_neither_found_nor_listed(
    studio: Studio, job: Job, status: str
) -> None:
    _set_status(studio, job, status)

    assert errno_of(os.stat, job.path) == errno.ENOENT
    assert job.name not in names(job.path.parent)


def test_a_job_that_was_not_granted_is_neither_found_nor_listed(
    studio: Studio, job: Job, ben: Account
) -> None:
    bens = studio.mountpoint / ben.name

    assert errno_of(os.stat, bens / job.name) == errno.ENOENT
    assert job.name not in names(bens)


def test_an_account_of_all_jobs_sees_a_job_without_a_grant(studio: Studio, job: Job) -> None:
    chief = studio.account("chief")
    studio.sql(f"UPDATE account SET all_jobs = true WHERE id = {chief.id}")  # noqa: S608

    assert (studio.mountpoint / chief.name / job.name).is_dir()


def test_an_account_enters_its_own_root(job: Job, anna: Account, actors: Actors) -> None:
    assert job.name in actors(anna.uid).do("listdir", str(job.path.parent))


def test_an_account_cannot_enter_the_root_of_another_even_by_names_the_kernel_knows(
    studio: Studio, job: Job, ben: Account, actors: Actors
) -> None:
    put(f"{job.path}/photo.jpg", _PICTURE)
    stranger = actors(ben.uid)

    for path in (job.path.parent, job.path, job.path / "photo.jpg"):
        assert errno_of(stranger.do, "open", str(path), os.O_RDONLY) == errno.EACCES
    assert errno_of(stranger.do, "listdir", str(studio.mountpoint)) == errno.EACCES


def test_a_process_of_no_account_enters_nothing(studio: Studio, job: Job, actors: Actors) -> None:
    nobody = actors(_NOBODY)

    for path in (studio.mountpoint, job.path.parent, job.path):
        assert errno_of(nobody.do, "listdir", str(path)) == errno.EACCES


def test_the_root_is_not_theirs(job: Job, anna: Account, actors: Actors) -> None:
    actor, root = actors(anna.uid), job.path.parent

    assert errno_of(actor.do, "mkdir", str(root / "new")) == errno.EACCES
    assert errno_of(actor.do, "put", str(root / "new.jpg"), b"") == errno.EACCES
    assert errno_of(actor.do, "rmdir", str(job.path)) == errno.EACCES
    assert errno_of(actor.do, "rename", str(job.path), str(root / "x")) == errno.EACCES


@pytest.mark.parametrize("make", [os.mkdir, os.rmdir])
def test_not_even_an_administrator_changes_the_root(job: Job, make: Callable[[Path], None]) -> None:
    path = job.path if make is os.rmdir else job.path.parent / "new"

    assert errno_of(make, path) == errno.EACCES


_ATTEMPTS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "stat of the working directory": ("stat", (".",), {}),
    "listing of the working directory": ("listdir", (".",), {}),
    "stat": ("stat", ("photo.jpg",), {}),
    "reading": ("open", ("photo.jpg", os.O_RDONLY), {}),
    "writing": ("open", ("photo.jpg", os.O_WRONLY), {}),
    "truncation": ("truncate", ("photo.jpg", 1), {}),
    "setting times": ("utime", ("photo.jpg", (1, 1)), {}),
    "an attribute": ("getxattr", ("photo.jpg", "user.jobfs.state"), {}),
    "listing of an open directory": ("listdir", ("DIRECTORY",), {}),
    "mkdir in an open directory": ("mkdir", ("new",), {"dir_fd": "DIRECTORY"}),
    "create in an open directory": (
        "open", ("x.jpg", os.O_WRONLY | os.O_CREAT, 0o644), {"dir_fd": "DIRECTORY"},
    ),
    "rename in an open directory": (
        "rename", ("photo.jpg", "x.jpg"), {"src_dir_fd": "DIRECTORY", "dst_dir_fd": "DIRECTORY"},
    ),
    "unlink in an open directory": ("unlink", ("photo.jpg",), {"dir_fd": "DIRECTORY"}),
    "rmdir in an open directory": ("rmdir", ("folder",), {"dir_fd": "DIRECTORY"}),
}  # fmt: skip


def _attempts(insider: Insider) -> dict[str, int | None]:
    """Try everything from inside, and return what each came to."""
    found = {}
    for name, (function, arguments, options) in _ATTEMPTS.items():
        filled = [insider.directory if a == "DIRECTORY" else a for a in arguments]
        found[name] = insider.attempt(
            function, *filled, **dict.fromkeys(options, insider.directory)
        )
    return found


def test_a_job_that_left_planned_is_gone_for_the_next_request_of_who_is_inside(
    studio: Studio, job: Job, insider: Insider
) -> None:
    _set_status(studio, job, "selling")

    assert _attempts(insider) == dict.fromkeys(_ATTEMPTS, errno.ENOENT)


def test_a_revoked_job_is_gone_for_the_next_request_of_who_is_inside(
    studio: Studio, job: Job, insider: Insider
) -> None:
    studio.sql(f"DELETE FROM job_grant WHERE job_id = {job.id}")  # noqa: S608

    assert _attempts(insider) == dict.fromkeys(_ATTEMPTS, errno.ENOENT)


def test_the_command_line_closes_a_job_for_who_is_inside(
    studio: Studio, job: Job, insider: Insider
) -> None:
    studio.jobfs("job", "status", job.name, "selling")

    assert insider.attempt("stat", "photo.jpg") == errno.ENOENT


def test_an_open_handle_finishes_after_its_job_has_left_planned(
    studio: Studio, job: Job, insider: Insider
) -> None:
    _set_status(studio, job, "selling")

    insider.actor.do("write", insider.writing, _PICTURE[1000:])
    assert insider.actor.do("fstat", insider.writing).st_size == len(_PICTURE)
    insider.actor.do("fsync", insider.writing)
    insider.actor.do("utime", insider.writing, ns=(5, 7))
    insider.actor.do("close", insider.writing)

    assert studio.sql("SELECT state, late FROM upload ORDER BY id DESC LIMIT 1") in {
        "received|1",
        "received|t",
    }
    _set_status(studio, job, "planned")
    assert (job.path / "new.jpg").read_bytes() == _PICTURE
    assert (job.path / "new.jpg").stat().st_mtime_ns == 7


def test_a_job_that_is_planned_again_has_the_same_content_and_numbers(
    studio: Studio, job: Job, insider: Insider
) -> None:
    insider.actor.do("write", insider.writing, _PICTURE[1000:])
    insider.actor.do("close", insider.writing)
    before = _numbers(job.path)

    _set_status(studio, job, "selling")
    assert not job.path.exists()
    _set_status(studio, job, "planned")

    assert _numbers(job.path) == before
    assert (job.path / "photo.jpg").read_bytes() == _PICTURE
    assert insider.attempt("stat", "photo.jpg") is None
    assert insider.attempt("mkdir", "new", dir_fd=insider.directory) is None


def test_numbers_and_content_survive_a_restart_of_the_mount(studio: Studio, job: Job) -> None:
    (job.path / "folder").mkdir()
    put(f"{job.path}/folder/photo.jpg", _PICTURE)
    before = _numbers(job.path)

    studio.restart()

    assert _numbers(job.path) == before
    assert (job.path / "folder/photo.jpg").read_bytes() == _PICTURE


def test_a_renamed_job_keeps_its_numbers_and_its_old_name_is_gone(
    studio: Studio, job: Job, insider: Insider
) -> None:
    before = _numbers(job.path)
    new = job.path.with_name(f"{job.name} again")

    studio.sql(f"UPDATE job SET name = '{new.name}' WHERE id = {job.id}")  # noqa: S608

    until(lambda: errno_of(os.stat, job.path) == errno.ENOENT)
    assert _numbers(new) == _moved(before, job.path, new)
    insider.actor.do("write", insider.writing, _PICTURE[1000:])
    insider.actor.do("close", insider.writing)
    assert (new / "new.jpg").read_bytes() == _PICTURE


def test_a_revoked_account_can_write_no_more_to_what_it_has_open(
    studio: Studio, job: Job, insider: Insider
) -> None:
    unwritten = insider.actor.do("open", "photo.jpg", os.O_WRONLY)

    with _lost_grant(studio, job):
        assert insider.attempt("write", insider.writing, b"more") == errno.ESTALE
        assert insider.attempt("write", unwritten, b"more") == errno.ESTALE
        assert insider.attempt("close", insider.writing) == errno.ESTALE

    assert studio.states(job.path / "new.jpg") == ["interrupted"]
    assert (job.path / "new.jpg").read_bytes() == _PICTURE[:1000]
    assert (job.path / "photo.jpg").read_bytes() == _PICTURE


def test_losing_a_grant_leaves_the_handles_of_others_alone(
    studio: Studio, job: Job, insider: Insider, ben: Account, actors: Actors
) -> None:
    studio.sql(f"INSERT INTO job_grant VALUES ({ben.id}, {job.id}, 'edit')")  # noqa: S608
    other = actors(ben.uid)
    path = studio.mountpoint / ben.name / job.name / "new.jpg"
    writing = other.do("open", str(path), os.O_WRONLY | os.O_APPEND)
    other.do("write", writing, _PICTURE[1000:1500])

    with _lost_grant(studio, job, but=ben):
        assert insider.attempt("write", insider.writing, b"more") == errno.ESTALE
        other.do("write", writing, _PICTURE[1500:])
        other.do("close", writing)

    assert path.read_bytes() == _PICTURE
    assert studio.states(path) == ["interrupted", "received"]


def test_a_grant_to_read_shows_and_changes_nothing(
    studio: Studio, job: Job, ben: Account, actors: Actors
) -> None:
    put(f"{job.path}/photo.jpg", _PICTURE)
    (job.path / "folder").mkdir()
    studio.sql(f"INSERT INTO job_grant VALUES ({ben.id}, {job.id}, '{Right.READ}')")  # noqa: S608
    there = str(studio.mountpoint / ben.name / job.name)
    guest = actors(ben.uid)

    assert guest.do("get", f"{there}/photo.jpg") == _PICTURE
    for function, *arguments in (
        ("put", f"{there}/photo.jpg", b"x"),
        ("put", f"{there}/new.jpg", b"x"),
        ("mkdir", f"{there}/new"),
        ("unlink", f"{there}/photo.jpg"),
        ("rename", f"{there}/photo.jpg", f"{there}/x.jpg"),
        ("rmdir", f"{there}/folder"),
        ("truncate", f"{there}/photo.jpg", 1),
    ):
        assert errno_of(guest.do, function, *arguments) == errno.EACCES, function
    assert (job.path / "photo.jpg").read_bytes() == _PICTURE


def test_a_grant_to_add_changes_only_what_one_made(
    studio: Studio, job: Job, ben: Account, actors: Actors
) -> None:
    put(f"{job.path}/annas.jpg", _PICTURE)
    studio.sql(f"INSERT INTO job_grant VALUES ({ben.id}, {job.id}, '{Right.ADD}')")  # noqa: S608
    there = str(studio.mountpoint / ben.name / job.name)
    helper = actors(ben.uid)

    helper.do("put", f"{there}/bens.jpg", _PICTURE)
    helper.do("rename", f"{there}/bens.jpg", f"{there}/mine.jpg")
    helper.do("unlink", f"{there}/mine.jpg")
    assert errno_of(helper.do, "put", f"{there}/annas.jpg", b"x") == errno.EACCES
    assert errno_of(helper.do, "unlink", f"{there}/annas.jpg") == errno.EACCES


def test_two_accounts_of_one_job_see_each_others_changes_at_once(
    studio: Studio, job: Job, ben: Account
) -> None:
    studio.sql(f"INSERT INTO job_grant VALUES ({ben.id}, {job.id}, 'edit')")  # noqa: S608
    bens = studio.mountpoint / ben.name / job.name
    put(f"{job.path}/photo.jpg", _PICTURE)

    assert (bens / "photo.jpg").read_bytes() == _PICTURE
    assert (bens / "photo.jpg").stat().st_uid == ben.uid
    (bens / "photo.jpg").unlink()
    assert errno_of(os.stat, job.path / "photo.jpg") == errno.ENOENT


@contextmanager
def _lost_grant(studio: Studio, job: Job, *, but: Account | None = None) -> Iterator[None]:
    """Take the job's grants away for the length of a block, and wait until the mount knows."""
    assert studio.mount is not None
    start = len(studio.mount.log)
    mine = f"job_id = {job.id} AND account_id <> {but.id if but else 0}"
    accounts = studio.sql(f"SELECT account_id FROM job_grant WHERE {mine}").splitlines()  # noqa: S608
    studio.sql(f"DELETE FROM job_grant WHERE {mine}")  # noqa: S608
    studio.mount.log.wait_for("may no longer", start)
    yield
    for account in accounts:
        studio.sql(f"INSERT INTO job_grant VALUES ({account}, {job.id}, 'edit')")  # noqa: S608


def _numbers(folder: Path) -> dict[int, Path]:
    return {path.stat().st_ino: path for path in [folder, *sorted(folder.rglob("*"))]}


def _moved(numbers: dict[int, Path], old: Path, new: Path) -> dict[int, Path]:
    return {number: new / path.relative_to(old) for number, path in numbers.items()}
