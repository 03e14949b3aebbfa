"""What a client hears of a file that is not whole, and how long one waits that cannot be judged."""

import errno
import os
from pathlib import Path

import pytest

from tests.mounted.actor import Actor
from tests.mounted.studio import Job, Studio, errno_of, on_both_databases
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

_JPEG = saved(noise(400, 300), "JPEG")
#: A picture behind so many comments that nobody looks for its end.
_ENDLESS = _JPEG[:2] + b"\xff\xfe\0\x02" * 20_000 + _JPEG[2:]


@pytest.mark.parametrize("how", ["over it", "after deleting it"])
def test_the_same_incomplete_bytes_a_second_time_are_taken_since_the_card_holds_no_more(
    studio: Studio, job: Job, photographer: Actor, how: str
) -> None:
    path = job.path / "photo.jpg"
    assert errno_of(photographer.do, "put", str(path), _JPEG[:9000]) == errno.EIO
    if how == "after deleting it":
        photographer.do("unlink", str(path))

    photographer.do("put", str(path), _JPEG[:9000])

    assert studio.states(path)[-1] == "incomplete"
    assert studio.tasks(path) == 0
    assert os.getxattr(path, "user.jobfs.problem").startswith(b"the JPEG file ends")


def test_other_incomplete_bytes_are_refused_again(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    for length in (9000, 8999, 9001):
        assert errno_of(photographer.do, "put", str(path), _JPEG[:length]) == errno.EIO
    assert studio.states(path) == ["incomplete"] * 3


def test_incomplete_bytes_under_another_name_are_refused_too(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    for name in ("photo.jpg", "other.jpg"):
        path = job.path / name
        assert errno_of(photographer.do, "put", str(path), _JPEG[:9000]) == errno.EIO
        assert studio.states(path) == ["incomplete"]


def test_a_gap_is_refused_however_often_it_is_sent(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    for _ in range(2):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = photographer.do("open", str(path), flags, 0o644)
        photographer.do("pwrite", descriptor, _JPEG[9000:], 9000)
        assert errno_of(photographer.do, "close", descriptor) == errno.EIO
    assert studio.states(path) == ["incomplete"] * 2


def test_truncating_by_path_succeeds_whatever_is_left(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _JPEG)

    photographer.do("truncate", str(path), 5000)

    assert studio.states(path) == ["received", "incomplete"]


def test_a_rename_succeeds_whatever_was_sent(studio: Studio, job: Job, photographer: Actor) -> None:
    photographer.do("put", str(job.path / "photo.jpg.filepart"), _JPEG[:9000])
    photographer.do("rename", str(job.path / "photo.jpg.filepart"), str(job.path / "photo.jpg"))

    assert studio.states(job.path / "photo.jpg") == ["incomplete"]


# --- images whose end cannot be told ---


def _waits(studio: Studio, path: Path) -> bool:
    """Whether a file is neither whole nor a problem, and will be looked at later."""
    return (studio.states(path)[-1], studio.tasks(path)) == ("waiting", 1)


def test_an_image_without_a_known_end_waits(studio: Studio, job: Job, photographer: Actor) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _ENDLESS)

    assert _waits(studio, path)


@pytest.mark.parametrize("sign", ["set its time", "rename it"])
def test_its_client_ends_the_wait(studio: Studio, job: Job, photographer: Actor, sign: str) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _ENDLESS)
    if sign == "set its time":
        photographer.do("set_mtime", str(path), 1_700_000_000 * 10**9)
    else:
        photographer.do("rename", str(path), str(job.path / "better.jpg"))
        path = job.path / "better.jpg"

    assert studio.states(path) == ["received"]
    assert studio.tasks(path) == 1


def test_a_time_set_after_the_last_write_and_before_the_close_counts(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """`sftp -p`, `scp -p` and lftp do so."""
    path = job.path / "photo.jpg"
    descriptor = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write_all", descriptor, _ENDLESS)
    photographer.do("utime", descriptor, ns=(0, 1_700_000_000 * 10**9))
    photographer.do("close", descriptor)

    assert studio.states(path) == ["received"]
    assert path.stat().st_mtime == 1_700_000_000


def test_a_time_set_before_the_last_write_does_not(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    descriptor = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT, 0o644)
    photographer.do("write_all", descriptor, _ENDLESS[:50_000])
    photographer.do("utime", descriptor, ns=(0, 1_700_000_000 * 10**9))
    photographer.do("write_all", descriptor, _ENDLESS[50_000:])
    photographer.do("close", descriptor)

    assert _waits(studio, path)


def test_what_is_written_on_is_no_more_waited_for(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _ENDLESS)
    descriptor = photographer.do("open", str(path), os.O_WRONLY | os.O_APPEND)
    photographer.do("write", descriptor, b"more")

    assert studio.states(path) == ["receiving"]
    assert studio.tasks(path) == 0
    photographer.do("close", descriptor)
    assert _waits(studio, path)


def test_what_is_overwritten_is_no_more_waited_for(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _ENDLESS)
    photographer.do("put", str(path), _JPEG)

    assert studio.states(path) == ["waiting", "received"]
    assert studio.tasks(path) == 1
