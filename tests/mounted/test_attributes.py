"""Attributes, links and names: what clients set after an upload, and what they may be told."""

import errno
import os
import subprocess
import unicodedata
from pathlib import Path

import pytest

from tests.mounted import syscalls
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, replace_file
from tests.mounted.syscalls import names
from tests.pure.pictures import noise, saved

_PICTURE = saved(noise(64, 64), "JPEG")


@pytest.fixture
def photo(job: Job) -> Path:
    path = job.path / "photo.jpg"
    replace_file(path, _PICTURE)
    return path


@pytest.mark.parametrize("make", ["link", "symlink"])
def test_links_are_refused_with_eperm(
    job: Job, photo: Path, photographer: Actor, make: str
) -> None:
    """OpenSSH's RENAME tries link(2) and goes on with rename(2) upon EPERM, and few others."""
    assert errno_of(photographer.do, make, str(photo), str(job.path / "x.jpg")) == errno.EPERM


def test_pipes_are_refused_with_eperm(job: Job, photographer: Actor) -> None:
    assert errno_of(photographer.do, "mkfifo", str(job.path / "pipe")) == errno.EPERM


def test_everything_belongs_to_the_account_that_looks(job: Job, anna: Account, photo: Path) -> None:
    (job.path / "folder").mkdir(mode=0o700)

    file, folder = photo.stat(), (job.path / "folder").stat()

    assert (file.st_uid, file.st_gid, file.st_mode) == (anna.uid, anna.uid, 0o100644)
    assert (folder.st_uid, folder.st_gid, folder.st_mode) == (anna.uid, anna.uid, 0o40755)


def test_chmod_succeeds_and_changes_nothing(job: Job, photo: Path, photographer: Actor) -> None:
    photographer.do("chmod", str(photo), 0o600)
    photographer.do("chmod", str(job.path), 0o700)

    assert photo.stat().st_mode == 0o100644
    assert job.path.stat().st_mode == 0o40755


def test_chown_to_oneself_succeeds(anna: Account, photo: Path, photographer: Actor) -> None:
    photographer.do("chown", str(photo), anna.uid, anna.uid)
    photographer.do("chown", str(photo), -1, -1)
    photographer.do("chown", str(photo), anna.uid, -1)


def test_chown_to_others_is_refused(anna: Account, photo: Path, photographer: Actor) -> None:
    assert errno_of(photographer.do, "chown", str(photo), anna.uid + 1, -1) == errno.EPERM
    assert errno_of(photographer.do, "chown", str(photo), -1, anna.uid + 1) == errno.EPERM
    assert errno_of(os.chown, photo, anna.uid + 1, -1) == errno.EPERM


_TIMES = (1_600_000_000_123_456_789, 1_700_000_000_987_654_321)


def _times(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_atime_ns, found.st_mtime_ns


def test_times_set_after_close_are_kept_to_the_nanosecond(photo: Path, photographer: Actor) -> None:
    photographer.do("utime", str(photo), ns=_TIMES)

    assert _times(photo) == _TIMES


def test_times_set_before_close_survive_it(job: Job, photographer: Actor) -> None:
    """`sftp put -p` and `cp -p` do so."""
    path = job.path / "photo.jpg"
    writing = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write", writing, _PICTURE)
    photographer.do("utime", writing, ns=_TIMES)
    photographer.do("close", writing)

    assert _times(path) == _TIMES


def test_a_write_after_the_times_were_set_counts_as_a_change(job: Job, photographer: Actor) -> None:
    path = job.path / "photo.jpg"
    writing = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("utime", writing, ns=_TIMES)
    photographer.do("write", writing, _PICTURE)
    during = _times(path)[1]
    photographer.do("close", writing)

    assert _times(path)[1] == during > _TIMES[1]


def test_times_from_before_1970_and_of_directories_are_kept(job: Job) -> None:
    (job.path / "folder").mkdir()
    os.utime(job.path / "folder", ns=(-5, -1_000_000_007))

    assert _times(job.path / "folder") == (-5, -1_000_000_007)


def test_setting_one_time_leaves_the_other(photo: Path, photographer: Actor) -> None:
    photographer.do("utime", str(photo), ns=_TIMES)
    photographer.do("set_mtime", str(photo), 7)

    assert _times(photo) == (_TIMES[0], 7)


def test_extended_attributes_say_what_jobfs_knows(job: Job, photographer: Actor) -> None:
    (job.path / "Class 1").mkdir()
    (job.path / "Class 1" / "group").mkdir()
    path = str(job.path / "Class 1" / "group" / "photo.jpg")
    photographer.do("put", path, _PICTURE)

    found = {name: photographer.do("getxattr", path, name) for name in os.listxattr(path)}

    assert found == {
        "user.jobfs.album": b"Class 1",
        "user.jobfs.section": b"group",
        "user.jobfs.state": b"received",
        "user.jobfs.uploader": b"anna",
        "user.jobfs.version": b"1",
    }


def test_an_attribute_that_is_not_there_is_enodata(photo: Path) -> None:
    assert errno_of(os.getxattr, photo, "user.jobfs.photo") == errno.ENODATA
    assert errno_of(os.getxattr, photo, "user.other") == errno.ENODATA
    assert errno_of(os.getxattr, photo, "user.jobfs.\udcff") == errno.ENODATA


def test_what_the_kernel_asks_before_each_first_write_costs_no_database(
    studio: Studio, photo: Path
) -> None:
    with photo.open("rb") as file:
        studio.sql("ALTER TABLE entry RENAME TO away")
        try:
            answer = errno_of(os.getxattr, file.fileno(), "security.capability")
        finally:
            studio.sql("ALTER TABLE away RENAME TO entry")

    assert answer == errno.ENODATA


def test_a_jobs_directory_tells_its_status(job: Job, photographer: Actor) -> None:
    assert photographer.do("listxattr", str(job.path)) == ["user.jobfs.status"]
    assert photographer.do("getxattr", str(job.path), "user.jobfs.status") == b"planned"


def test_setting_and_removing_what_jobfs_says_changes_nothing(photo: Path) -> None:
    os.setxattr(photo, "user.jobfs.state", b"ingested")
    os.removexattr(photo, "user.jobfs.state")

    assert os.getxattr(photo, "user.jobfs.state") == b"received"


def test_other_attributes_are_not_kept(photo: Path) -> None:
    assert errno_of(os.setxattr, photo, "user.mine", b"x") == errno.ENOTSUP
    assert errno_of(os.removexattr, photo, "user.mine") == errno.ENOTSUP


@pytest.mark.parametrize(
    "program", [("rsync", "--recursive", "--times", "--xattrs"), ("cp", "--archive")]
)
def test_programs_that_copy_attributes_too_end_well(
    studio: Studio, job: Job, anna: Account, program: tuple[str, ...]
) -> None:
    """On each run, rsync removes those that its source lacks."""
    source = studio.mountpoint.parent / f"source of {program[0]}"
    source.mkdir()
    (source / "a.jpg").write_bytes(_PICTURE)
    as_anna = ["setpriv", f"--reuid={anna.uid}", f"--regid={anna.uid}", "--clear-groups"]

    for _ in range(2):
        subprocess.run([*as_anna, *program, f"{source}/.", job.path / "copy"], check=True)
    subprocess.run([*as_anna, *program, f"{job.path}/copy/.", job.path / "again"], check=True)

    assert (job.path / "again" / "a.jpg").read_bytes() == _PICTURE


def test_statfs_tells_the_stores_room(studio: Studio, job: Job) -> None:
    """KIO refuses to upload where there is none."""
    told, real = os.statvfs(job.path), os.statvfs(studio.data)

    assert told.f_namemax == 255
    assert told.f_files > 0
    assert told.f_blocks * told.f_frsize == pytest.approx(real.f_blocks * real.f_frsize, rel=0.01)
    assert told.f_bavail * told.f_frsize == pytest.approx(real.f_bavail * real.f_frsize, rel=0.1)


def test_a_name_may_have_255_bytes(job: Job) -> None:
    name = "ä" * 125 + ".jpeg"
    replace_file(job.path / name, _PICTURE)

    assert len(name.encode()) == 255
    assert names(job.path) == [name]


def test_a_name_of_256_bytes_is_too_long(job: Job) -> None:
    path = job.path / ("ä" * 126 + ".jpg")

    assert len(os.fsencode(path.name)) == 256
    assert errno_of(replace_file, path, b"") == errno.ENAMETOOLONG
    assert errno_of(os.mkdir, path) == errno.ENAMETOOLONG
    assert errno_of(os.stat, path) == errno.ENAMETOOLONG


def test_a_name_that_is_not_utf_8_is_invalid(job: Job, photo: Path) -> None:
    path = os.fsencode(job.path) + b"/M\xfcller.jpg"

    assert errno_of(os.open, path, os.O_WRONLY | os.O_CREAT) == errno.EINVAL
    assert errno_of(os.mkdir, path) == errno.EINVAL
    assert errno_of(os.rename, os.fsencode(photo), path) == errno.EINVAL


def test_two_unicode_spellings_are_one_file(job: Job) -> None:
    """A Mac sends "Mu" with a combining dot, everybody else one character."""
    composed, decomposed = (unicodedata.normalize(form, "Müller.jpg") for form in ("NFC", "NFD"))
    replace_file(job.path / decomposed, _PICTURE)

    assert (job.path / composed).read_bytes() == _PICTURE
    assert (job.path / composed).stat().st_ino == (job.path / decomposed).stat().st_ino
    assert errno_of(os.mkdir, job.path / composed) == errno.EEXIST
    assert names(job.path) == [decomposed]
    (job.path / composed).unlink()
    assert not (job.path / decomposed).exists()


def test_two_unicode_spellings_are_one_directory(job: Job) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Schüler") for form in ("NFC", "NFD"))
    (job.path / decomposed).mkdir()

    replace_file(job.path / composed / "photo.jpg", _PICTURE)

    assert names(job.path / decomposed) == ["photo.jpg"]
    assert names(job.path) == [decomposed]


def test_case_makes_two_files(job: Job) -> None:
    replace_file(job.path / "A.jpg", _PICTURE)
    replace_file(job.path / "a.jpg", _PICTURE)

    assert names(job.path) == ["A.jpg", "a.jpg"]


@pytest.mark.parametrize("name", ["_STATUS.txt", "_PROBLEMS.csv", "_RECEIPT.sha256"])
def test_names_of_the_status_files_are_kept_for_jobfs(job: Job, name: str) -> None:
    (job.path / "Class 1").mkdir()
    replace_file(job.path / "Class 1" / name, b"text")

    assert (job.path / "Class 1" / name).read_bytes() == b"text"
    assert errno_of((job.path / f"{name}.d").mkdir) == errno.EACCES


def test_no_replace_and_exchange(job: Job, photo: Path) -> None:
    other = job.path / "other.jpg"
    replace_file(other, b"other")

    assert (
        errno_of(syscalls.renameat2, str(photo), str(other), syscalls.RENAME_NOREPLACE)
        == errno.EEXIST
    )
    assert (
        errno_of(syscalls.renameat2, str(photo), str(other), syscalls.RENAME_EXCHANGE)
        == errno.EINVAL
    )
    syscalls.renameat2(str(photo), str(job.path / "new.jpg"), syscalls.RENAME_NOREPLACE)
    assert names(job.path) == ["new.jpg", "other.jpg"]
