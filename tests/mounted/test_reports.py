"""The files that jobfs writes for photographers, as the kernel serves them."""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from jobfs.catalog import accounts
from tests.mounted import syscalls
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

NAMES = ("_STATUS.txt", "_PROBLEMS.csv", "_RECEIPT.sha256")
every_file = pytest.mark.parametrize("name", NAMES)

_JPEG = saved(noise(300, 200), "JPEG")
_numbers = count(1)


def until(claim: Callable[[], bool]) -> None:
    """Return when a claim is true; a text is at most a second old."""
    pause = threading.Event()
    for _ in range(600):
        if claim():
            return
        pause.wait(0.1)
    raise AssertionError("this never came true")


def _assert_is_jobfs_s(actor: Actor, path: Path) -> None:
    """Check that a file is what jobfs writes, whole, and of the size it says."""
    content = actor.do("get", str(path))
    seen = actor.do("stat", str(path))
    assert seen.st_size == len(content)
    assert stat.S_IMODE(seen.st_mode) == 0o444
    begins = {"_STATUS.txt": path.parent.name.encode(), "_PROBLEMS.csv": b"\xef\xbb\xbf"}
    assert content.startswith(begins.get(path.name, b"# " + path.parent.name.encode()))


def _await_name(actor: Actor, path: Path) -> None:
    """Return when a name is jobfs's again: the kernel knows for a moment what was renamed to it."""
    until(lambda: errno_of(actor.do, "stat", str(path)) is None)


# --- reading ---


@every_file
def test_it_has_the_size_that_is_read_and_the_mode_0444(
    job: Job, photographer: Actor, name: str
) -> None:
    seen = photographer.do("stat", str(job.path / name))

    assert seen.st_size == len(photographer.do("get", str(job.path / name)))
    assert seen.st_mode == stat.S_IFREG | 0o444
    assert seen.st_nlink == 1


def test_a_listing_shows_the_sizes_that_are_read(job: Job, photographer: Actor) -> None:
    photographer.do("put", str(job.path / "a.jpg"), _JPEG)

    listed = {entry.name: entry.stat().st_size for entry in os.scandir(job.path)}

    assert {*listed} == {*NAMES, "a.jpg"}
    for name in NAMES:
        assert listed[name] == len((job.path / name).read_bytes())


@every_file
def test_its_time_is_of_this_moment(job: Job, name: str) -> None:
    before = time.time_ns() - 10**9
    seen = (job.path / name).stat()

    assert before <= seen.st_mtime_ns <= time.time_ns()
    assert seen.st_mtime_ns == seen.st_ctime_ns


def test_two_texts_have_times_of_different_seconds(job: Job) -> None:
    """Clients and kernels compare times in whole seconds."""
    path = job.path / "_STATUS.txt"
    times = {path.stat().st_mtime_ns}

    until(lambda: not times.add(path.stat().st_mtime_ns) and len(times) > 2)  # type: ignore[func-returns-value]

    assert len({ns // 10**9 for ns in times}) == len(times)


def test_what_has_arrived_is_told_within_a_second(job: Job, photographer: Actor) -> None:
    path = job.path / "_STATUS.txt"
    assert b"a.jpg" not in path.read_bytes()
    photographer.do("put", str(job.path / "a.jpg"), _JPEG)
    sent_at = time.monotonic()

    until(lambda: b"a.jpg: received" in path.read_bytes())

    made_at = path.stat().st_mtime
    assert time.time() - made_at <= 1.5 + (time.monotonic() - sent_at)


def test_a_handle_reads_the_text_of_its_opening(job: Job, photographer: Actor) -> None:
    path = job.path / "_STATUS.txt"
    early = photographer.do("open", str(path), os.O_RDONLY)
    first = photographer.do("pread", early, 10, 0)
    photographer.do("put", str(job.path / "a.jpg"), _JPEG)
    until(lambda: b"a.jpg" in path.read_bytes())

    rest = photographer.do("pread", early, 100_000, 10)

    assert b"a.jpg" not in first + rest
    assert (first + rest).endswith(b"Ask the studio.\r\n\r\n")


def test_the_status_gets_no_shorter_than_was_just_told_of_it(job: Job, photographer: Actor) -> None:
    """Or a mirroring client fails whose listing is older; in the studio each check shortens it."""
    path, photo = job.path / "_STATUS.txt", job.path / "a photo with a long name.jpg"
    photographer.do("put", str(photo), _JPEG)
    until(lambda: photo.name.encode() in path.read_bytes())
    told = path.stat().st_size

    photographer.do("unlink", str(photo))

    until(lambda: photo.name.encode() not in path.read_bytes())
    assert path.stat().st_size == told
    assert len(path.read_bytes()) == told


def test_a_handle_outlives_its_job(studio: Studio, job: Job, photographer: Actor) -> None:
    handle = photographer.do("open", str(job.path / "_STATUS.txt"), os.O_RDONLY)
    studio.sql(f"UPDATE job SET status = 'selling' WHERE id = {job.id}")  # noqa: S608

    assert photographer.do("pread", handle, len(job.name), 0) == job.name.encode()
    assert photographer.do("fstat", handle).st_size > 0
    assert errno_of(photographer.do, "stat", str(job.path / "_STATUS.txt")) == errno.ENOENT
    assert errno_of(photographer.do, "get", str(job.path / "_STATUS.txt")) == errno.ENOENT


def test_what_is_refused_by_its_name_is_told(job: Job, photographer: Actor) -> None:
    (job.path / "Class 1").mkdir()
    latin = os.fsencode(job.path / "Class 1") + b"/f\xfcr.jpg"
    assert errno_of(photographer.do, "put", latin, b"x") == errno.EINVAL

    until(lambda: "f\ufffdr.jpg" in (job.path / "_STATUS.txt").read_text(encoding="utf-8"))

    text = (job.path / "_STATUS.txt").read_text(encoding="utf-8")
    assert "REFUSED NAMES" in text
    assert "UTF-8" in text


# --- changing them, which does nothing ---


@every_file
def test_deleting_it_succeeds_and_changes_nothing(job: Job, photographer: Actor, name: str) -> None:
    photographer.do("unlink", str(job.path / name))

    _assert_is_jobfs_s(photographer, job.path / name)


@every_file
@pytest.mark.parametrize("flags", [os.O_TRUNC, os.O_CREAT | os.O_TRUNC, 0, os.O_APPEND])
def test_writing_over_it_succeeds_and_changes_nothing(
    job: Job, photographer: Actor, name: str, flags: int
) -> None:
    photographer.do("put", str(job.path / name), b"mine", flags)

    _assert_is_jobfs_s(photographer, job.path / name)


@every_file
def test_setting_its_size_mode_owner_and_times_succeeds_and_changes_nothing(
    job: Job, anna: Account, photographer: Actor, name: str
) -> None:
    path = str(job.path / name)

    photographer.do("truncate", path, 0)
    photographer.do("chmod", path, 0o600)
    photographer.do("chown", path, anna.uid, anna.uid)
    photographer.do("utime", path, (1, 1))

    _assert_is_jobfs_s(photographer, Path(path))
    assert (job.path / name).stat().st_mtime > 1
    assert errno_of(photographer.do, "chown", path, 0, 0) == errno.EPERM


@every_file
def test_a_handle_that_writes_it_can_be_synced(job: Job, photographer: Actor, name: str) -> None:
    handle = photographer.do("open", str(job.path / name), os.O_RDWR)

    assert photographer.do("write", handle, b"x" * 10_000) == 10_000
    photographer.do("ftruncate", handle, 5)
    photographer.do("fsync", handle)
    photographer.do("close", handle)

    _assert_is_jobfs_s(photographer, job.path / name)


@every_file
def test_a_file_that_is_renamed_onto_it_goes_to_the_trash(
    studio: Studio, job: Job, photographer: Actor, name: str
) -> None:
    photographer.do("put", str(job.path / "mine.jpg"), _JPEG)

    photographer.do("rename", str(job.path / "mine.jpg"), str(job.path / name))

    _await_name(photographer, job.path / name)
    _assert_is_jobfs_s(photographer, job.path / name)
    assert syscalls.names(job.path) == []
    assert "mine.jpg" in studio.jobfs("trash", "list", job.name)


@pytest.mark.parametrize(
    "temporary",
    [
        "_STATUS.txt.filepart",
        "_STATUS.txt.1234abcd.partial",
        ".in._STATUS.txt.",
        "._STATUS.txt.Ab3dEf",
    ],
)
def test_a_file_that_is_sent_under_a_temporary_name_vanishes_without_a_trace(
    studio: Studio, job: Job, photographer: Actor, temporary: str
) -> None:
    sent, path = job.path / temporary, job.path / "_STATUS.txt"

    photographer.do("put", str(sent), b"mine", os.O_CREAT | os.O_EXCL)
    photographer.do("utime", str(sent), (7, 7))
    seen = photographer.do("stat", str(sent))
    photographer.do("rename", str(sent), str(path))

    assert (seen.st_size, seen.st_mtime) == (4, 7)
    assert errno_of(os.stat, sent) == errno.ENOENT
    _assert_is_jobfs_s(photographer, path)
    assert "_STATUS" not in studio.jobfs("trash", "list", job.name)


def test_a_client_that_deletes_before_it_renames_finds_the_name_free(
    job: Job, photographer: Actor
) -> None:
    """SFTP's own rename refuses a name that is there; some clients delete it first."""
    sent, path = job.path / "_STATUS.txt.filepart", job.path / "_STATUS.txt"
    photographer.do("put", str(sent), b"mine")

    photographer.do("unlink", str(path))
    assert errno_of(photographer.do, "stat", str(path)) == errno.ENOENT
    photographer.do("renameat2", str(sent), str(path), syscalls.RENAME_NOREPLACE)

    _assert_is_jobfs_s(photographer, path)


def test_a_client_with_random_temporary_names_can_replace_it(job: Job, photographer: Actor) -> None:
    """So does gvfs: it sends, deletes what is to be replaced, and renames; then its name is jobfs's again."""
    sent, path = job.path / ".giosaveAb3dEf", job.path / "_STATUS.txt"
    photographer.do("put", str(sent), b"mine", os.O_CREAT | os.O_EXCL)

    photographer.do("unlink", str(path))
    assert errno_of(photographer.do, "stat", str(path)) == errno.ENOENT
    photographer.do("renameat2", str(sent), str(path), syscalls.RENAME_NOREPLACE)

    _await_name(photographer, path)
    _assert_is_jobfs_s(photographer, path)


def test_a_connection_sees_what_it_has_sent_and_others_what_jobfs_writes(
    job: Job, anna: Account, photographer: Actor, actors: Callable[[int], Actor]
) -> None:
    """A program like paramiko looks at the size right after the close."""
    path = str(job.path / "_STATUS.txt")
    photographer.do("put", path, b"mine")

    assert photographer.do("stat", path).st_size == len(b"mine")
    assert actors(anna.uid).do("stat", path).st_size > len(b"mine")
    _assert_is_jobfs_s(photographer, Path(path))


def test_a_client_that_compares_sees_what_it_has_sent_until_somebody_reads(
    job: Job, photographer: Actor
) -> None:
    """A program like rclone sets the time of what it has sent, and then looks at its size."""
    path = str(job.path / "_STATUS.txt")
    photographer.do("put", path, b"mine")
    photographer.do("utime", path, (7, 7))

    seen = photographer.do("stat", path)

    assert (seen.st_size, seen.st_mtime) == (4, 7)
    _assert_is_jobfs_s(photographer, Path(path))


@every_file
def test_it_cannot_be_moved_away_nor_be_a_directory(
    job: Job, photographer: Actor, name: str
) -> None:
    path = str(job.path / name)

    assert errno_of(photographer.do, "rename", path, str(job.path / "b")) == errno.EACCES
    assert errno_of(photographer.do, "mkdir", path) == errno.EEXIST
    assert errno_of(photographer.do, "rmdir", path) == errno.ENOTDIR
    assert errno_of(photographer.do, "link", path, str(job.path / "b")) == errno.EPERM
    renameat2 = ("renameat2", path, str(job.path / "_STATUS.old"), syscalls.RENAME_EXCHANGE)
    assert errno_of(photographer.do, *renameat2) in {errno.EINVAL, errno.ENOENT}


def test_nothing_of_it_counts_for_the_quota(
    studio: Studio, job: Job, actors: Callable[[int], Actor]
) -> None:
    del job
    cleo = studio.account(f"poor{next(_numbers)}")
    with studio.catalog.writing() as connection:
        accounts.set_quota(connection, cleo.id, 1000)
    path = studio.add_job(cleo).path / "_STATUS.txt"
    sender = actors(cleo.uid)

    sender.do("put", str(path), b"x" * 100_000)

    _assert_is_jobfs_s(sender, path)
    assert (
        sender.do("statvfs", str(path.parent)).f_bavail == 0
    )  # less than a block, before and after


# --- beside the jobs, and none at all ---


@pytest.fixture
def jobless(studio: Studio, job: Job, actors: Callable[[int], Actor]) -> tuple[Path, Actor]:
    """The root of an account without jobs, and a connection of its."""
    del job  # for its watch on the log
    account = studio.account(f"dora{next(_numbers)}")
    return studio.mountpoint / account.name, actors(account.uid)


def test_who_has_no_job_reads_whom_to_ask(jobless: tuple[Path, Actor]) -> None:
    root, actor = jobless

    assert actor.do("listdir", str(root)) == ["_NO_JOBS.txt"]
    text = actor.do("get", str(root / "_NO_JOBS.txt"))
    assert text.startswith(b"No job is open for you.")
    assert actor.do("stat", str(root / "_NO_JOBS.txt")).st_size == len(text)


def test_a_job_that_is_closed_is_named_as_long_as_it_is(
    studio: Studio, actors: Callable[[int], Actor], job: Job
) -> None:
    del job
    account = studio.account(f"dora{next(_numbers)}")
    hers, actor = studio.add_job(account), actors(account.uid)
    root = studio.mountpoint / account.name
    assert actor.do("listdir", str(root)) == [hers.name]

    studio.sql(f"UPDATE job SET status = 'selling' WHERE id = {hers.id}")  # noqa: S608
    assert actor.do("listdir", str(root)) == ["_NO_JOBS.txt", "_CLOSED_JOBS.txt"]
    assert hers.name.encode() in actor.do("get", str(root / "_CLOSED_JOBS.txt"))

    studio.sql(f"UPDATE job SET status = 'planned' WHERE id = {hers.id}")  # noqa: S608
    assert actor.do("listdir", str(root)) == [hers.name]
    assert errno_of(actor.do, "get", str(root / "_CLOSED_JOBS.txt")) == errno.ENOENT


def test_deleting_or_overwriting_one_beside_the_jobs_succeeds_and_changes_nothing(
    jobless: tuple[Path, Actor],
) -> None:
    root, actor = jobless
    path = root / "_NO_JOBS.txt"

    actor.do("unlink", str(path))
    assert actor.do("get", str(path)).startswith(b"No job is open")
    actor.do("put", str(path), b"mine", os.O_TRUNC)
    assert actor.do("get", str(path)).startswith(b"No job is open")
    actor.do("put", str(root / "_NO_JOBS.txt.filepart"), b"mine")
    actor.do("rename", str(root / "_NO_JOBS.txt.filepart"), str(path))
    actor.do("put", str(root / "_CLOSED_JOBS.txt"), b"one that is not there")

    assert actor.do("get", str(path)).startswith(b"No job is open")
    assert actor.do("listdir", str(root)) == ["_NO_JOBS.txt"]


def test_nothing_else_can_be_changed_beside_the_jobs(
    studio: Studio, actors: Callable[[int], Actor], job: Job
) -> None:
    del job
    account = studio.account(f"dora{next(_numbers)}")
    hers, actor = studio.add_job(account), actors(account.uid)
    root = hers.path.parent

    for request in (
        ("put", str(root / "a.jpg"), _JPEG), ("mkdir", str(root / "a")), ("rmdir", str(hers.path)),
        ("rename", str(hers.path), str(root / "b")), ("rename", str(hers.path), str(root / "_NO_JOBS.b")),
        ("rename", str(hers.path / "_STATUS.txt"), str(root / "c")), ("mkdir", str(root / "_NO_JOBS.d")),
    ):  # fmt: skip
        assert errno_of(actor.do, *request) == errno.EACCES, request
    assert actor.do("listdir", str(root)) == [hers.name]


def test_sshd_finds_a_root_that_nobody_else_may_write_to(
    jobless: tuple[Path, Actor], actors: Callable[[int], Actor]
) -> None:
    """It asks as root, and refuses the login otherwise; also while the account looks itself."""
    root, actor = jobless
    del actors

    for _ in range(100):
        actor.do("stat", str(root))
        actor.do("unlink", str(root / "_NO_JOBS.txt"))
        seen = root.stat()
        assert (seen.st_uid, stat.S_IMODE(seen.st_mode)) == (0, 0o750)


def test_what_was_sent_under_its_name_does_not_hide_one_that_comes_later(
    studio: Studio, actors: Callable[[int], Actor], job: Job
) -> None:
    del job
    account = studio.account(f"dora{next(_numbers)}")
    hers, actor = studio.add_job(account), actors(account.uid)
    path = str(hers.path.parent / "_NO_JOBS.txt")
    assert errno_of(actor.do, "stat", path) == errno.ENOENT  # as sshfs and others look first
    actor.do("put", path, b"an old one")

    studio.sql(f"UPDATE job SET status = 'selling' WHERE id = {hers.id}")  # noqa: S608

    assert actor.do("get", path).startswith(b"No job is open")


def test_an_account_can_have_them_switched_off(
    studio: Studio, actors: Callable[[int], Actor], job: Job
) -> None:
    del job
    account = studio.account(f"dora{next(_numbers)}")
    hers, actor = studio.add_job(account), actors(account.uid)

    studio.jobfs("account", "status-files", account.name, "off")

    assert actor.do("listdir", str(hers.path)) == []
    assert errno_of(actor.do, "stat", str(hers.path / "_STATUS.txt")) == errno.ENOENT
    actor.do("put", str(hers.path / "_STATUS.txt"), b"still jobfs's name")
    assert actor.do("listdir", str(hers.path)) == []
    studio.jobfs("account", "status-files", account.name, "on")
    assert sorted(actor.do("listdir", str(hers.path))) == sorted(NAMES)
