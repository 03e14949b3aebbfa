"""Versions of a file: received bytes never change, and no writer spoils what another has sent."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases, replace_file
from tests.mounted.syscalls import names
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

_OLD = saved(noise(300, 200), "JPEG")
_NEW = saved(noise(500, 400), "JPEG")


@pytest.fixture
def photo(studio: Studio, job: Job) -> Path:
    """A received photo."""
    path = job.path / "photo.jpg"
    replace_file(path, _OLD)
    assert studio.states(path) == ["received"]
    return path


def _open(actor: Actor, path: Path, flags: int) -> int:
    descriptor: int = actor.do("open", str(path), flags, 0o644)
    return descriptor


def test_rewriting_a_received_file_makes_a_version_and_leaves_the_old_blob_untouched(
    studio: Studio, photo: Path, photographer: Actor
) -> None:
    """`scp` and `rsync --inplace` open without truncation."""
    writing = _open(photographer, photo, os.O_WRONLY)
    photographer.do("write_all", writing, _NEW)
    photographer.do("ftruncate", writing, len(_NEW))
    photographer.do("close", writing)

    assert studio.states(photo) == ["received", "received"]
    assert photo.read_bytes() == _NEW
    old, new = studio.blobs(photo)
    assert (old.read_bytes(), new.read_bytes()) == (_OLD, _NEW)
    assert os.getxattr(photo, "user.jobfs.version") == b"2"


def test_truncating_a_received_file_leaves_the_old_blob_untouched(
    studio: Studio, photo: Path, photographer: Actor
) -> None:
    photographer.do("truncate", str(photo), 1000)

    assert studio.states(photo) == ["received", "incomplete"]
    assert photo.read_bytes() == _OLD[:1000]
    assert studio.blobs(photo)[0].read_bytes() == _OLD


def test_a_rewrite_that_is_killed_half_way_shows_the_received_version_again(
    studio: Studio, photo: Path, photographer: Actor
) -> None:
    before = photo.stat()
    writing = _open(photographer, photo, os.O_WRONLY)
    photographer.do("write", writing, _NEW[:1000])
    assert photo.read_bytes() == _NEW[:1000] + _OLD[1000:]
    photographer.kill()

    assert photo.read_bytes() == _OLD
    assert photo.stat().st_mtime_ns == before.st_mtime_ns
    assert studio.states(photo) == ["interrupted", "received"]
    assert studio.tasks(photo) == 1


def test_an_overwrite_that_is_killed_half_way_stays_visible_and_can_be_resumed(
    studio: Studio, photo: Path, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    writing = _open(photographer, photo, os.O_WRONLY | os.O_TRUNC)
    photographer.do("write", writing, _NEW[:1000])
    photographer.kill()
    assert photo.read_bytes() == _NEW[:1000]
    assert studio.states(photo) == ["received", "interrupted"]

    actors(anna.uid).do("put", str(photo), _NEW[1000:], os.O_APPEND)

    assert photo.read_bytes() == _NEW
    assert studio.states(photo) == ["received", "received"]
    assert studio.blobs(photo)[0].read_bytes() == _OLD


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_a_handle_that_wrote_nothing_changes_nothing(
    studio: Studio, photo: Path, photographer: Actor, flags: int
) -> None:
    """`rsync` and ExifTool open a file to set its times; `touch` does so, too."""
    before = photo.stat()
    handle = _open(photographer, photo, flags)
    photographer.do("ftruncate", handle, len(_OLD))
    photographer.do("fsync", handle)
    photographer.do("close", handle)

    assert studio.states(photo) == ["received"]
    assert studio.tasks(photo) == 1
    assert photo.stat().st_mtime_ns == before.st_mtime_ns


def test_a_handle_that_wrote_nothing_and_is_killed_changes_nothing(
    studio: Studio, photo: Path, photographer: Actor
) -> None:
    _open(photographer, photo, os.O_RDWR)
    photographer.kill()

    assert studio.states(photo) == ["received"]
    assert photo.read_bytes() == _OLD


def test_a_reader_keeps_the_version_it_opened(photo: Path, photographer: Actor) -> None:
    reading = os.open(photo, os.O_RDONLY)
    beginning = os.read(reading, 500)
    writing = _open(photographer, photo, os.O_WRONLY | os.O_TRUNC)
    photographer.do("write_all", writing, _NEW)

    rest = b"".join(iter(lambda: os.read(reading, 4096), b""))
    os.close(reading)
    photographer.do("close", writing)

    assert beginning + rest == _OLD
    assert photo.read_bytes() == _NEW


def test_a_reader_keeps_its_version_while_the_file_is_rewritten(
    photo: Path, photographer: Actor
) -> None:
    reading = os.open(photo, os.O_RDONLY)
    photographer.do("put", str(photo), _NEW, 0)

    assert os.pread(reading, len(_NEW), 0) == _OLD
    os.close(reading)


def test_a_stalled_writer_cannot_spoil_a_newer_upload(
    studio: Studio, job: Job, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    """A connection stalls, the client sends the file again over another, and the first wakes up."""
    path = job.path / "photo.jpg"
    stalled = _open(photographer, path, os.O_WRONLY | os.O_CREAT)
    photographer.do("write", stalled, _OLD[:5000])
    second = actors(anna.uid)
    newer = _open(second, path, os.O_WRONLY | os.O_TRUNC)
    second.do("write", newer, _NEW[:1000])

    assert errno_of(photographer.do, "write", stalled, _OLD[5000:]) == errno.ESTALE
    assert errno_of(photographer.do, "ftruncate", stalled, 3) == errno.ESTALE
    second.do("write_all", newer, _NEW[1000:])
    second.do("close", newer)
    assert errno_of(photographer.do, "close", stalled) == errno.ESTALE

    assert path.read_bytes() == _NEW
    assert studio.states(path) == ["interrupted", "received"]
    studio.restart()  # so that the handle is released
    assert f" {len(_OLD[:5000])} " in studio.jobfs("trash", "list", job.path.name)


def test_a_stalled_writer_that_is_killed_cannot_spoil_a_newer_upload(
    studio: Studio, job: Job, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    path = job.path / "photo.jpg"
    stalled = _open(photographer, path, os.O_WRONLY | os.O_CREAT)
    photographer.do("write", stalled, _OLD[:5000])
    actors(anna.uid).do("put", str(path), _NEW, os.O_TRUNC)
    photographer.kill()

    assert path.read_bytes() == _NEW
    assert studio.states(path) == ["interrupted", "received"]


def test_of_two_rewriters_the_slower_gets_estale(
    photo: Path, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    slower = _open(photographer, photo, os.O_WRONLY)
    actors(anna.uid).do("put", str(photo), _NEW, 0)

    assert errno_of(photographer.do, "write", slower, b"late") == errno.ESTALE
    photographer.do("close", slower)
    assert photo.read_bytes() == _NEW


def test_a_duplicate_that_writes_on_after_a_close_makes_a_version(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    writing = _open(photographer, path, os.O_WRONLY | os.O_CREAT)
    photographer.do("write_all", writing, _OLD)
    duplicate = photographer.do("dup", writing)
    photographer.do("close", writing)
    photographer.do("write", duplicate, b"trailing bytes")
    photographer.do("close", duplicate)

    assert path.read_bytes() == _OLD + b"trailing bytes"
    assert studio.states(path) == ["received", "received"]
    assert studio.blobs(path)[0].read_bytes() == _OLD


def test_an_overwritten_name_is_removed_and_sent_again(
    studio: Studio, photo: Path, photographer: Actor
) -> None:
    """`lftp` removes a file before it sends another; the received bytes stay in the trash."""
    old = studio.blobs(photo)[0]
    photographer.do("unlink", str(photo))
    photographer.do("put", str(photo), _NEW)

    assert photo.read_bytes() == _NEW
    assert studio.states(photo) == ["received"]
    assert old.read_bytes() == _OLD


def test_an_unlinked_upload_goes_on(studio: Studio, job: Job, photographer: Actor) -> None:
    path = job.path / "photo.jpg"
    writing = _open(photographer, path, os.O_RDWR | os.O_CREAT)
    photographer.do("write", writing, _NEW[:1000])
    blob = studio.blobs(path)[0]
    photographer.do("unlink", str(path))
    photographer.do("write_all", writing, _NEW[1000:])

    assert photographer.do("fstat", writing).st_nlink == 0
    assert photographer.do("pread", writing, len(_NEW), 0) == _NEW
    photographer.do("close", writing)
    assert blob.read_bytes() == _NEW
    assert names(job.path) == []


def test_writes_of_many_threads_at_once_all_arrive(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    writing = _open(photographer, path, os.O_WRONLY | os.O_CREAT)
    photographer.do("write_in_threads", writing, _NEW, 8)
    photographer.do("close", writing)

    assert path.read_bytes() == _NEW
    assert studio.states(path) == ["received"]


def test_what_was_found_whole_is_never_written_again(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """One handle closes while another is still writing: judgement waits for it, or it for judgement."""
    for number in range(10):
        path = job.path / f"photo{number}.jpg"
        first = _open(photographer, path, os.O_WRONLY | os.O_CREAT)
        second = _open(photographer, path, os.O_WRONLY)
        photographer.do("write_all", first, _NEW)
        photographer.do("write_while_closing", second, first, _NEW)
        photographer.do("close", second)

        assert set(studio.states(path)) == {"received"}
        for blob, judged_ns in studio.judged(path):
            assert blob.read_bytes() == _NEW
            assert blob.stat().st_mtime_ns <= judged_ns
