"""Two mounts of one studio: what one changes, the other shows at once."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobfs.mount import mountpoint as places
from tests.mounted.actor import Actor
from tests.mounted.studio import Job, Mount, Studio, errno_of, replace_file, until
from tests.mounted.syscalls import names, put
from tests.pure.pictures import noise, saved

pytestmark = pytest.mark.parametrize("studio", ["postgresql"], indirect=True)

_JPEG = saved(noise(300, 200), "JPEG")
_OTHER = saved(noise(300, 200), "JPEG")


@pytest.fixture(scope="module")
def second_mountpoint(studio_on_postgresql: Studio) -> Iterator[Path]:
    """Where a second mount of the studio runs."""
    outside = Path(tempfile.mkdtemp(prefix="jobfs-tests-", dir="/run"))
    outside.chmod(0o755)
    mount = Mount(studio_on_postgresql.config_file, outside / "mount")
    try:
        mount.wait_until_ready()
        yield outside / "mount"
        assert mount.end() == 0
        assert not [line for line in mount.log.since() if line["level"] == "error"]
        assert not places.mounted(outside / "mount")
    finally:
        if mount.process.poll() is None:
            mount.kill()
        while places.mounted(outside / "mount"):
            places.unmount(outside / "mount")
        shutil.rmtree(outside)


@pytest.fixture
def there(job: Job, second_mountpoint: Path) -> Path:
    """The job's directory as the second mount shows it; `job.path` is the first's."""
    return second_mountpoint / "anna" / job.name


def test_the_same_numbers(job: Job, there: Path) -> None:
    (job.path / "Class 1").mkdir()

    assert (there / "Class 1").stat().st_ino == (job.path / "Class 1").stat().st_ino


def test_a_file_is_there_with_its_content_and_time(job: Job, there: Path) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)
    os.utime(job.path / "photo.jpg", ns=(5, 7))

    assert (there / "photo.jpg").read_bytes() == _JPEG
    assert (there / "photo.jpg").stat().st_mtime_ns == 7


def test_a_file_is_gone_and_another_has_its_name(job: Job, there: Path) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)
    assert names(there) == ["photo.jpg"]

    (job.path / "photo.jpg").rename(job.path / "other.jpg")
    until(lambda: errno_of(os.stat, there / "photo.jpg") == errno.ENOENT)
    (there / "other.jpg").unlink()
    until(lambda: errno_of(os.stat, job.path / "other.jpg") == errno.ENOENT)


def test_a_name_that_the_kernel_remembers_is_sent_again(job: Job, there: Path) -> None:
    replace_file(job.path / "photo.jpg", _JPEG)
    assert (there / "photo.jpg").stat().st_size == len(_JPEG)

    (job.path / "photo.jpg").unlink()
    replace_file(there / "photo.jpg", _JPEG)

    assert (job.path / "photo.jpg").read_bytes() == _JPEG


def test_a_job_is_gone_for_both(studio: Studio, job: Job, there: Path) -> None:
    directory = os.open(there, os.O_RDONLY)

    studio.sql(f"UPDATE job SET status = 'archived' WHERE id = {job.id}")  # noqa: S608

    until(lambda: errno_of(os.stat, there) == errno.ENOENT)
    assert errno_of(os.mkdir, "new", dir_fd=directory) == errno.ENOENT
    os.close(directory)


def test_an_upload_that_was_begun_anew_over_there_fails_at_close(
    studio: Studio, job: Job, there: Path, photographer: Actor
) -> None:
    """A client that lost its connection sends the file again, by chance over another host."""
    path = job.path / "photo.jpg"
    stalled = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", stalled, _JPEG)

    put(str(there / "photo.jpg"), _OTHER)

    assert errno_of(photographer.do, "close", stalled) == errno.ESTALE
    assert path.read_bytes() == _OTHER
    assert studio.states(path) == ["interrupted", "received"]


def test_an_upload_that_is_still_sent_over_there_cannot_be_resumed_here(
    studio: Studio, job: Job, there: Path, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    sending = photographer.do("open", str(there / "photo.jpg"), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", sending, _JPEG[:1000])

    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_APPEND):
        resuming = os.open(path, flags)
        assert errno_of(os.write, resuming, b"something else") == errno.ESTALE
        os.close(resuming)
    assert errno_of(os.truncate, path, 5) == errno.ESTALE
    photographer.do("write", sending, _JPEG[1000:])
    photographer.do("close", sending)

    assert path.read_bytes() == _JPEG
    assert studio.states(path) == ["received"]


def test_an_upload_that_died_over_there_is_resumed_here(
    studio: Studio, job: Job, there: Path, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    sending = photographer.do("open", str(there / "photo.jpg"), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", sending, _JPEG[:1000])
    photographer.kill()

    put(str(path), _JPEG[1000:], os.O_APPEND)

    assert path.read_bytes() == _JPEG
    assert studio.states(path) == ["received"]


def test_a_mount_that_starts_leaves_alone_what_others_are_writing(
    studio: Studio, job: Job, there: Path, photographer: Actor
) -> None:
    writing = photographer.do("open", str(there / "photo.jpg"), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", writing, _JPEG[:1000])

    studio.restart()
    photographer.do("write", writing, _JPEG[1000:])
    photographer.do("close", writing)

    assert (job.path / "photo.jpg").read_bytes() == _JPEG
    assert studio.states(job.path / "photo.jpg") == ["received"]
