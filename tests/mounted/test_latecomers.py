"""A job that is closed while its client is about to finish: the last steps of real clients."""

import errno
import os
from pathlib import Path

import pytest

from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

_JPEG = saved(noise(400, 300), "JPEG")


def _close(studio: Studio, job: Job) -> None:
    """Close the job, and wait until it is hidden."""
    studio.jobfs("job", "status", job.name, "selling")
    assert errno_of(os.listdir, job.path) == errno.ENOENT


@pytest.fixture
def part(job: Job, photographer: Actor) -> Path:
    """A photo that WinSCP or KIO has sent, and not yet renamed."""
    path = job.path / "photo.jpg.filepart"
    photographer.do("put", str(path), _JPEG)
    return path


def test_the_clients_rename_time_mode_and_stat_succeed(
    studio: Studio, job: Job, photographer: Actor, part: Path
) -> None:
    final = str(job.path / "photo.jpg")
    _close(studio, job)

    photographer.do("rename", str(part), final)
    photographer.do("utime", final, (1_700_000_000, 1_700_000_000))
    photographer.do("chmod", final, 0o644)
    shown = photographer.do("stat", final)

    assert (shown.st_size, shown.st_mtime) == (len(_JPEG), 1_700_000_000)
    assert studio.states(Path(final)) == ["received"]


def test_the_photo_is_received_though_its_client_never_comes_back(
    studio: Studio, job: Job, part: Path
) -> None:
    assert studio.mount is not None
    start = len(studio.mount.log)
    assert studio.states(part) == ["waiting"]
    _close(studio, job)

    line = studio.mount.log.wait_for("upload of 'photo.jpg': received", start)
    assert (line["job"], line["path"]) == (job.name, f"{job.name}/photo.jpg")
    assert line["account"] == job.path.parent.name
    assert line["size"] == len(_JPEG)
    assert studio.states(part) == ["received"]
    assert studio.tasks(part) == 1


def test_nothing_else_is_left_of_the_job(
    studio: Studio, job: Job, anna: Account, photographer: Actor, part: Path
) -> None:
    photographer.do("put", str(job.path / "other.jpg"), _JPEG)
    _close(studio, job)

    for call in (
        ["stat", str(job.path / "other.jpg")],
        ["listdir", str(job.path)],
        ["open", str(part), os.O_RDONLY],
        ["open", str(part), os.O_WRONLY],
        ["open", str(job.path / "new.jpg"), os.O_WRONLY | os.O_CREAT],
        ["mkdir", str(job.path / "Class 1")],
        ["unlink", str(part)],
        ["truncate", str(part), 5],
    ):
        assert errno_of(photographer.do, *call) == errno.ENOENT, call
    assert job.path not in (studio.mountpoint / anna.name).iterdir()
