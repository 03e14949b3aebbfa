"""When an upload is complete, and what it is otherwise."""

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jobfs.domain.jobs import Right
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases, replace_file
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

_JPEG = saved(noise(400, 300), "JPEG")
_PNG = saved(noise(200, 100), "PNG")


def _begin(actor: Actor, path: Path, content: bytes, flags: int = os.O_CREAT) -> int:
    """Open a file there, write to it, and leave it open."""
    descriptor: int = actor.do("open", str(path), os.O_WRONLY | flags, 0o644)
    actor.do("write_all", descriptor, content)
    return descriptor


def test_a_whole_jpeg_is_received_with_one_task(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), _JPEG)

    assert studio.states(path) == ["received"]
    assert studio.tasks(path) == 1
    assert path.read_bytes() == _JPEG


def test_a_whole_png_is_received(studio: Studio, job: Job, photographer: Actor) -> None:
    path = job.path / "photo.png"
    photographer.do("put", str(path), _PNG)

    assert studio.states(path) == ["received"]


@pytest.mark.parametrize("content", [_JPEG[:-2], _JPEG[: len(_JPEG) // 2], _PNG[:-12]])
def test_an_image_that_was_closed_too_early_is_incomplete(
    studio: Studio, job: Job, photographer: Actor, content: bytes
) -> None:
    path = job.path / "photo.jpg"

    assert errno_of(photographer.do, "put", str(path), content) == errno.EIO
    assert studio.states(path) == ["incomplete"]
    assert studio.tasks(path) == 0
    assert path.read_bytes() == content


def test_an_incomplete_image_is_resumed_by_appending(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    assert errno_of(photographer.do, "put", str(path), _JPEG[:1000]) == errno.EIO
    photographer.do("put", str(path), _JPEG[1000:], os.O_APPEND)

    assert studio.states(path) == ["received"]
    assert path.read_bytes() == _JPEG


def test_a_killed_connection_leaves_its_upload_interrupted_at_what_had_arrived(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    _begin(photographer, path, _JPEG[:5000])
    photographer.kill()

    assert studio.states(path) == ["interrupted"]
    assert studio.tasks(path) == 0
    assert path.read_bytes() == _JPEG[:5000]


def test_whole_bytes_of_a_killed_connection_are_not_taken_for_a_close(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """Nobody knows whether more was to come."""
    path = job.path / "photo.jpg"
    _begin(photographer, path, _JPEG)
    photographer.kill()

    assert studio.states(path) == ["interrupted"]


def test_an_interrupted_upload_is_cut_before_its_first_hole(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    descriptor = _begin(photographer, path, _JPEG[:3000])
    photographer.do("pwrite", descriptor, _JPEG[9000:12_000], 9000)
    photographer.kill()

    assert studio.states(path) == ["interrupted"]
    assert path.read_bytes() == _JPEG[:3000]
    assert path.stat().st_size == 3000


def test_an_interrupted_upload_is_resumed_by_appending(
    studio: Studio, job: Job, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    path = job.path / "photo.jpg"
    descriptor = _begin(photographer, path, _JPEG[:3000])
    photographer.do("pwrite", descriptor, _JPEG[9000:12_000], 9000)
    photographer.kill()

    again = actors(anna.uid)
    done = again.do("stat", str(path)).st_size
    descriptor = again.do("open", str(path), os.O_WRONLY)
    again.do("pwrite", descriptor, _JPEG[done:], done)
    again.do("close", descriptor)

    assert studio.states(path) == ["received"]
    assert studio.tasks(path) == 1
    assert path.read_bytes() == _JPEG


def test_a_connection_killed_with_a_file_open_twice_leaves_it_interrupted(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """Both closes may come before either handle is released: nobody is the last to write."""
    assert studio.mount is not None
    start = len(studio.mount.log)
    path = job.path / "photo.jpg"
    _begin(photographer, path, _JPEG[:3000])
    _begin(photographer, path, _JPEG[:1000])
    photographer.kill()
    studio.mount.log.wait_for("interrupted", start)

    assert studio.states(path) == ["interrupted"]
    assert path.read_bytes() == _JPEG[:3000]


def test_what_one_of_two_writers_sends_counts_though_the_other_is_killed(
    studio: Studio, job: Job, photographer: Actor, anna: Account, actors: Callable[[int], Actor]
) -> None:
    path = job.path / "photo.jpg"
    other = actors(anna.uid)
    _begin(photographer, path, _JPEG[:3000])
    rest = other.do("open", str(path), os.O_WRONLY | os.O_APPEND)
    other.do("write", rest, _JPEG[3000:4000])
    photographer.kill()
    other.do("write", rest, _JPEG[4000:])
    other.do("close", rest)

    assert studio.states(path) == ["interrupted", "received"]
    assert path.read_bytes() == _JPEG


def test_a_file_opened_by_a_thread_that_has_ended_is_closed_all_the_same(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    descriptor = photographer.do("open_in_a_thread", str(path), os.O_WRONLY | os.O_CREAT)
    photographer.do("write", descriptor, _JPEG)
    photographer.do("close", descriptor)

    assert studio.states(path) == ["received"]


def test_an_administrators_program_that_ends_well_has_sent_all_it_had(
    studio: Studio, job: Job
) -> None:
    path = job.path / "photo.jpg"
    source = job.path / "source.jpg"
    replace_file(source, _JPEG)
    with path.open("wb") as target:
        subprocess.run(["cat", source], stdout=target, check=True)

    assert studio.states(path) == ["received"]


def test_text_is_unsupported_without_a_task(studio: Studio, job: Job, photographer: Actor) -> None:
    path = job.path / "notes.txt"
    photographer.do("put", str(path), b"Class 1: 24 children\n")

    assert studio.states(path) == ["unsupported"]
    assert studio.tasks(path) == 0
    assert path.read_bytes() == b"Class 1: 24 children\n"


def test_an_empty_file_waits_for_content(studio: Studio, job: Job, photographer: Actor) -> None:
    path = job.path / "photo.jpg"
    photographer.do("put", str(path), b"")
    assert studio.states(path) == ["waiting"]

    photographer.do("put", str(path), _JPEG, 0)

    assert studio.states(path) == ["received"]


@pytest.mark.parametrize("name", [".DS_Store", "._photo.jpg", "Thumbs.db"])
def test_junk_is_kept_and_never_judged(
    studio: Studio, job: Job, photographer: Actor, name: str
) -> None:
    path = job.path / name
    photographer.do("put", str(path), _JPEG)

    assert studio.states(path) == ["waiting"]
    assert studio.tasks(path) == 0
    assert path.read_bytes() == _JPEG


@pytest.mark.parametrize(
    ("content", "outcome"), [(_JPEG, ("received", 1)), (_JPEG[:5000], ("incomplete", 0))]
)
def test_a_temporary_name_waits_for_its_rename(
    studio: Studio, job: Job, photographer: Actor, content: bytes, outcome: tuple[str, int]
) -> None:
    """WinSCP sends NAME.filepart and renames it."""
    temporary, final = job.path / "photo.jpg.filepart", job.path / "photo.jpg"
    photographer.do("put", str(temporary), content)
    assert studio.states(temporary) == ["waiting"]
    assert studio.tasks(temporary) == 0

    photographer.do("rename", str(temporary), str(final))

    assert (*studio.states(final), studio.tasks(final)) == outcome
    assert final.read_bytes() == content


def test_a_file_renamed_while_it_is_sent_is_judged_by_its_final_name(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    final = job.path / "photo.jpg"
    descriptor = _begin(photographer, job.path / "photo.jpg.part", _JPEG)
    photographer.do("rename", str(job.path / "photo.jpg.part"), str(final))
    photographer.do("close", descriptor)

    assert studio.states(final) == ["received"]


def test_two_closes_of_one_handle_make_one_task(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """A shell's redirection and `dd` close a duplicate first, before anything is written."""
    path = job.path / "photo.jpg"
    descriptor = photographer.do("open", str(path), os.O_WRONLY | os.O_CREAT, 0o644)
    duplicate = photographer.do("dup", descriptor)
    photographer.do("close", descriptor)
    assert studio.states(path) == ["waiting"]
    photographer.do("write", duplicate, _JPEG)
    photographer.do("close", duplicate)

    assert studio.states(path) == ["received"]
    assert studio.tasks(path) == 1


def test_dd_makes_one_upload_and_one_task(studio: Studio, job: Job, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(_JPEG)
    path = job.path / "photo.jpg"
    dd = ["dd", f"if={tmp_path}/photo.jpg", f"of={path}", "bs=4096", "status=none"]
    subprocess.run(dd, check=True)

    assert studio.states(path) == ["received"]
    assert studio.tasks(path) == 1


def test_ftruncate_to_more_than_was_sent_is_incomplete(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """`scp` sets the full size and closes, even if it could not send all of it."""
    path = job.path / "photo.jpg"
    descriptor = _begin(photographer, path, _JPEG[:5000])
    photographer.do("ftruncate", descriptor, len(_JPEG))

    assert errno_of(photographer.do, "close", descriptor) == errno.EIO
    assert studio.states(path) == ["incomplete"]
    assert path.stat().st_size == len(_JPEG)


def test_a_hole_closed_by_the_client_is_incomplete(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    path = job.path / "photo.jpg"
    descriptor = _begin(photographer, path, _JPEG[:5000])
    photographer.do("pwrite", descriptor, _JPEG[9000:], 9000)

    assert errno_of(photographer.do, "close", descriptor) == errno.EIO
    assert studio.states(path) == ["incomplete"]


def test_a_hole_is_not_forgotten_when_a_temporary_name_is_changed(
    studio: Studio, job: Job, photographer: Actor
) -> None:
    """Nothing in a JPEG's structure tells of zeros in the middle."""
    part, path = job.path / "photo.jpg.filepart", job.path / "photo.jpg"
    descriptor = _begin(photographer, part, _JPEG[:5000])
    photographer.do("pwrite", descriptor, _JPEG[9000:], 9000)
    photographer.do("close", descriptor)
    photographer.do("rename", str(part), str(path))
    assert studio.states(path) == ["incomplete"]

    descriptor = photographer.do("open", str(path), os.O_WRONLY)
    photographer.do("pwrite", descriptor, _JPEG[5000:], 5000)
    photographer.do("close", descriptor)

    assert studio.states(path) == ["received"]


def test_a_file_refused_or_swallowed_leaves_no_blob_behind(
    studio: Studio, job: Job, anna: Account, photographer: Actor
) -> None:
    to_read = studio.add_job(anna, right=Right.READ)
    before = sorted((studio.data / "blobs").glob("*/*"))

    refused = errno_of(photographer.do, "put", str(to_read.path / "a.jpg"), b"x")
    photographer.do("put", str(job.path / "_STATUS.txt"), b"x")

    assert refused == errno.EACCES
    assert sorted((studio.data / "blobs").glob("*/*")) == before
