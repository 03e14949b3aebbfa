"""`.jobfs`: what the mount tells root, and every job once."""

import errno
import json
import os
import stat
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.mounted.actor import Actor
from tests.mounted.studio import (
    Account,
    Job,
    Studio,
    entry_of,
    errno_of,
    on_both_databases,
    replace_file,
)
from tests.mounted.syscalls import names
from tests.mounted.test_reports import until
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

TOLD = ("health", "queue", "problems", "connections", "jobs")
every_file = pytest.mark.parametrize("name", TOLD)

_JPEG = saved(noise(300, 200), "JPEG")


@pytest.fixture
def folder(studio: Studio) -> Path:
    """The folder."""
    return studio.mountpoint / ".jobfs"


@pytest.fixture
def overview(folder: Path, job: Job) -> Path:
    """The job as root sees it there."""
    return folder / "all" / job.name


def lines(path: Path) -> list[dict[str, Any]]:
    """Return what a file tells."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _tells(path: Path, field: str, value: str) -> bool:
    return any(line[field] == value for line in lines(path))


# --- files that tell ------------------------------------------------------------------------------


@every_file
def test_a_file_that_tells_has_the_size_that_is_read(folder: Path, job: Job, name: str) -> None:
    replace_file(job.path / "note.txt", b"no picture")
    path = folder / name

    def is_of_its_size() -> bool:
        return path.stat().st_size == len(path.read_bytes())  # both may lie around a new second

    until(is_of_its_size)
    assert path.stat().st_mode == stat.S_IFREG | 0o400
    assert path.stat().st_uid == 0


@every_file
def test_a_handle_reads_the_text_of_its_opening(folder: Path, job: Job, name: str) -> None:
    with (folder / name).open("rb", buffering=0) as early:
        first = early.read(5) or b""
        replace_file(job.path / "photo.jpg", _JPEG)
        until(lambda: f"{job.name}/photo.jpg".encode() in (folder / "queue").read_bytes())

        rest = early.read() or b""

    told = [json.loads(line) for line in (first + rest).splitlines()]
    assert not any(one.get("path") == f"{job.name}/photo.jpg" for one in told)
    assert not any(one.get("name") == job.name and one["files"] for one in told)


@every_file
def test_nobody_writes_into_a_file_that_tells(folder: Path, name: str) -> None:
    path = folder / name

    assert errno_of(os.open, path, os.O_WRONLY) == errno.EACCES
    assert errno_of(os.truncate, path, 0) == errno.EACCES
    assert errno_of(os.utime, path) == errno.EACCES
    assert errno_of(os.unlink, path) == errno.EACCES
    assert errno_of(os.rename, path, folder / "new") == errno.EACCES


def test_the_queue_and_the_problems_and_the_jobs_are_told(
    studio: Studio, folder: Path, job: Job
) -> None:
    studio.jobfs("queue", "pause")
    replace_file(job.path / "note.txt", b"no picture")
    replace_file(job.path / "photo.jpg", _JPEG)

    until(partial(_tells, folder / "problems", "path", "note.txt"))
    until(partial(_tells, folder / "queue", "path", f"{job.name}/photo.jpg"))
    until(partial(_tells, folder / "jobs", "name", job.name))
    studio.jobfs("queue", "resume")


def test_health_tells_who_is_at_work_and_who_is_missing(studio: Studio, folder: Path) -> None:
    assert studio.mount is not None

    told = {one["name"]: one for one in lines(folder / "health")}

    assert told["database"]["healthy"]
    assert (told["mount"]["healthy"], told["mount"]["pid"]) == (True, studio.mount.process.pid)
    assert (told["login"]["healthy"], told["login"]["text"]) == (False, "no login is at work")
    assert told["queue"]["text"] == "is worked on"
    assert told["store"]["free"] > 0


def test_health_tells_of_a_database_that_does_not_answer(
    studio: Studio, folder: Path, job: Job, announced: list[str]
) -> None:
    announced.append("the database refused")
    assert job.path.exists()

    studio.sql("ALTER TABLE task RENAME TO away")
    try:
        until(lambda: not lines(folder / "health")[0]["healthy"])
        told = {one["name"]: one for one in lines(folder / "health")}
        refused = errno_of((folder / "queue").read_bytes)
        listed = names(folder)
    finally:
        studio.sql("ALTER TABLE away RENAME TO task")

    assert set(told) == {"database", "store"}
    assert told["database"]["text"].startswith("the database refused: ")
    assert refused == errno.EIO
    assert listed == sorted(["all", "closing", *TOLD])
    until(lambda: lines(folder / "health")[0]["healthy"])


def test_connections_tell_what_each_account_does(
    folder: Path, job: Job, anna: Account, actors: Callable[[int], Actor]
) -> None:
    photographer = actors(anna.uid)
    photographer.do("put", str(job.path / "a.jpg"), _JPEG)
    open_file = photographer.do("open", str(job.path / "b.jpg"), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write", open_file, b"12345")
    pid = photographer.do("getpid")

    def told() -> dict[str, Any] | None:
        return next((one for one in lines(folder / "connections") if one["pid"] == pid), None)

    until(lambda: (told() or {}).get("bytes") == len(_JPEG) + 5)

    found = told()
    assert found is not None
    assert (found["account"], found["open_files"], found["address"]) == ("anna", 1, None)
    assert found["since"].endswith("Z")
    photographer.kill()
    until(lambda: told() is None)


def test_a_listing_names_everything_and_makes_nothing(studio: Studio, folder: Path) -> None:
    assert names(folder) == sorted(["all", "closing", *TOLD])
    found = {entry.name: entry.is_dir() for entry in os.scandir(folder)}
    assert [name for name, is_directory in found.items() if is_directory] == ["all"]
    assert (folder / "all" / "..").stat().st_ino == folder.stat().st_ino
    assert (folder / "..").stat().st_ino == studio.mountpoint.stat().st_ino


# --- every job once -------------------------------------------------------------------------------


def test_a_file_is_there_once_however_many_accounts_see_it(
    studio: Studio, folder: Path, anna: Account
) -> None:
    shared = studio.add_job(anna, studio.account("ben"))
    (shared.path / "Class 1").mkdir()
    replace_file(shared.path / "Class 1" / "photo.jpg", _JPEG)

    found = [path for path in (folder / "all").rglob("photo.jpg") if shared.name in path.parts]

    assert found == [folder / "all" / shared.name / "Class 1" / "photo.jpg"]
    assert found[0].read_bytes() == _JPEG
    assert found[0].stat().st_size == len(_JPEG)
    assert found[0].stat().st_mtime_ns == (shared.path / "Class 1/photo.jpg").stat().st_mtime_ns


def test_numbers_differ_from_those_in_views_and_name_the_same_entries(
    job: Job, overview: Path
) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)

    seen, told = job.path / "photo.jpg", overview / "photo.jpg"

    assert seen.stat().st_ino != told.stat().st_ino
    assert entry_of(seen) == entry_of(told)
    assert overview.stat().st_ino != job.path.stat().st_ino


@pytest.mark.parametrize("status", ["prepay", "selling", "archived"])
def test_a_job_is_there_whatever_its_status(
    studio: Studio, job: Job, overview: Path, status: str
) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)
    studio.sql(f"UPDATE job SET status = '{status}' WHERE id = {job.id}")  # noqa: S608

    assert not job.path.exists()
    assert (overview / "photo.jpg").read_bytes() == _JPEG
    assert names(overview) == ["photo.jpg"]
    assert os.getxattr(overview, "user.jobfs.status") == status.encode()


def test_what_is_being_sent_has_the_size_it_has(
    job: Job, overview: Path, photographer: Actor
) -> None:
    handle = photographer.do("open", str(job.path / "a.jpg"), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write", handle, b"12345")

    assert (overview / "a.jpg").stat().st_size == 5
    assert (overview / "a.jpg").read_bytes() == b"12345"


def test_what_was_deleted_is_gone_but_for_who_reads_it(
    job: Job, overview: Path, photographer: Actor
) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)
    with (overview / "photo.jpg").open("rb") as reading:
        photographer.do("unlink", str(job.path / "photo.jpg"))

        assert not (overview / "photo.jpg").exists()
        assert os.fstat(reading.fileno()).st_size == len(_JPEG)
        assert reading.read() == _JPEG


def test_nothing_below_it_can_be_changed(studio: Studio, job: Job, overview: Path) -> None:
    (job.path / "Class 1").mkdir()
    replace_file(job.path / "photo.jpg", _JPEG)
    photo = overview / "photo.jpg"

    assert errno_of(replace_file, photo, b"") == errno.EROFS
    assert errno_of(replace_file, overview / "new.jpg", b"") == errno.EROFS
    assert errno_of(os.open, photo, os.O_RDWR) == errno.EROFS
    assert errno_of(os.truncate, photo, 0) == errno.EROFS
    assert errno_of(os.utime, photo) == errno.EROFS
    assert errno_of(os.unlink, photo) == errno.EROFS
    assert errno_of(os.mkdir, overview / "new") == errno.EROFS
    assert errno_of(os.rmdir, overview / "Class 1") == errno.EROFS
    assert errno_of(os.rename, photo, overview / "new.jpg") == errno.EROFS
    assert errno_of(os.rename, photo, job.path / "new.jpg") == errno.EROFS
    assert errno_of(os.rename, job.path / "photo.jpg", overview / "new.jpg") == errno.EROFS
    assert errno_of(os.mkdir, studio.mountpoint / ".jobfs/all/New Job") == errno.EACCES
    assert photo.read_bytes() == _JPEG


def test_dot_and_dot_dot_lead_back(folder: Path, job: Job, overview: Path) -> None:
    (job.path / "Class 1").mkdir()

    assert (overview / "Class 1" / "..").stat().st_ino == overview.stat().st_ino
    assert (overview / "..").stat().st_ino == (folder / "all").stat().st_ino
    assert overview.stat().st_nlink == 3


def test_accounts_do_not_get_there(studio: Studio, overview: Path, photographer: Actor) -> None:
    assert errno_of(photographer.do, "listdir", str(overview)) == errno.EACCES
    assert errno_of(photographer.do, "stat", str(studio.mountpoint / ".jobfs/jobs")) == errno.EACCES


def test_find_and_du_count_each_file_once(job: Job, overview: Path) -> None:
    (job.path / "Class 1").mkdir()
    for number in range(100):  # more than one page
        replace_file(job.path / "Class 1" / f"{number}.jpg", b"x" * 1000)

    def run(*words: str) -> str:
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    assert len(run("find", str(overview), "-type", "f").splitlines()) == 100
    assert run("du", "--apparent-size", "--bytes", "--summarize", str(overview)).split()[0] == (
        "100000"
    )
