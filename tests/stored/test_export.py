"""`jobfs photo export`: a job's photos become a folder tree again, the very same."""

import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import sidecars
from jobfs.catalog.engine import Catalog
from jobfs.cli import targets
from jobfs.domain.metadata.values import Source
from tests.stored.imported import BLUE, GREEN, LONG_AGO, RED, ImportedJob, card, tree
from tests.stored.metadata import xmp
from tests.stored.sending import claimed, now, picture
from tests.stored.studio import plain_sql


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return card(tmp_path / "card")


@pytest.fixture
def job(catalog: Catalog, store: BlobStore, tmp_path: Path, source: Path) -> ImportedJob:
    """A job with the photos of that folder."""
    job = ImportedJob.add(catalog, store, tmp_path)
    job.jobfs("job", "import", "Wedding", source)
    job.ingest()
    return job


def test_what_was_imported_comes_out_byte_for_byte(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    said = job.jobfs("photo", "export", "Wedding", tmp_path / "new/out").output

    assert tree(tmp_path / "new/out") == tree(source)
    assert said.startswith("copied 4 photos (")
    back = job.jobfs("job", "import", "Wedding", tmp_path / "new/out").output
    assert back == "copied 0 files (0 bytes), 4 were there, 0 refused, 0 with problems\n"


def test_a_second_export_copies_only_what_is_missing_or_differs(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job.jobfs("photo", "export", "Wedding", out)
    (out / "loose.jpg").unlink()
    (out / "Class 1/a.jpg").write_bytes(BLUE[:-1])
    os.utime(out / "Zoë/ü.jpg")
    (out / targets.PART).write_bytes(b"left by one that was killed")
    untouched = (out / "Zoë/ü.jpg").stat().st_ino

    said = job.jobfs("photo", "export", "Wedding", out).output

    assert said.startswith("copied 2 photos (")
    assert "2 were there" in said
    assert tree(out) == tree(source)
    assert (out / "Zoë/ü.jpg").stat().st_ino == untouched


def test_sidecars_come_out_with_the_originals_of_their_album(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    for name in ("Class 1/a.xmp", "loose.jpg.xmp", "Zoë/broken.xmp"):
        (source / name).write_bytes(xmp(title=name))
    job.jobfs("job", "import", "Wedding", source)
    for name in ("Class 1/a.xmp", "loose.jpg.xmp"):  # and not the third, which nobody could read
        task = claimed(job.catalog, job.files()[name].upload_id)
        with job.catalog.writing() as connection:
            sha256 = hashlib.sha256((source / name).read_bytes()).hexdigest()
            assert sidecars.record(connection, task, Source(), sha256=sha256, now=now())

    whole = job.jobfs("photo", "export", "Wedding", tmp_path / "out").output
    again = job.jobfs("photo", "export", "Wedding", tmp_path / "out").output
    job.jobfs("photo", "export", "Wedding", tmp_path / "album", "--album", "Class 1")
    job.jobfs("photo", "export", "Wedding", tmp_path / "small", "--rendition", "preview")

    assert whole.startswith("copied 4 photos and 2 sidecars (")
    assert again == "copied 0 photos (0 bytes), 4 were there, 0 not copied\n"
    (source / "Zoë/broken.xmp").unlink()
    assert tree(tmp_path / "out") == tree(source)
    assert set(tree(tmp_path / "album")) == {
        "Class 1/a.jpg",
        "Class 1/a.xmp",
        "Class 1/group/b.jpg",
    }
    assert not list((tmp_path / "small").rglob("*.xmp"))


def test_one_album_or_a_rendition_can_be_had_alone(job: ImportedJob, tmp_path: Path) -> None:
    job.jobfs("photo", "export", "Wedding", tmp_path / "album", "--album", "Class 1")
    job.jobfs("photo", "export", "Wedding", tmp_path / "previews", "--rendition", "preview")
    again = job.jobfs("photo", "export", "Wedding", tmp_path / "previews", "--rendition", "preview")

    assert set(tree(tmp_path / "album")) == {"Class 1/a.jpg", "Class 1/group/b.jpg"}
    assert tree(tmp_path / "previews")["Class 1/a.jpg"][0] == b"preview of " + BLUE[-20:]
    assert "4 were there" in again.output


@pytest.mark.parametrize(("option", "known"), [("--album", "Class 1"), ("--rendition", "preview")])
def test_what_no_photo_has_is_refused_with_what_there_is(
    job: ImportedJob, tmp_path: Path, option: str, known: str
) -> None:
    said = job.jobfs("photo", "export", "Wedding", tmp_path / "out", option, "x", status=1)

    assert said.stderr.startswith("Error: the job's photos have no ")
    assert known in said.stderr
    assert not (tmp_path / "out").exists()


def test_photos_that_are_no_longer_current_are_exported_under_other_names(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    (source / "loose.jpg").write_bytes(picture("yellow", width=80))
    job.jobfs("job", "import", "Wedding", source)
    job.ingest()

    job.jobfs("photo", "export", "Wedding", tmp_path / "now")
    job.jobfs("photo", "export", "Wedding", tmp_path / "all", "--all")

    assert tree(tmp_path / "now") == tree(source)
    (other,) = set(tree(tmp_path / "all")) - set(tree(source))
    assert other.startswith("loose (photo ")
    assert tree(tmp_path / "all")[other][0] == RED


def test_a_folder_of_somebody_elses_is_refused(job: ImportedJob, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    job.jobfs("photo", "export", "Wedding", tmp_path / "out")

    foreign = job.jobfs("photo", "export", "Wedding", tmp_path / "mine", status=1)
    other = job.jobfs(
        "photo", "export", "Wedding", tmp_path / "out", "--rendition", "preview", status=1
    )

    assert "neither empty nor an earlier export" in foreign.stderr
    assert "an export of something else" in other.stderr
    assert set(tree(tmp_path / "mine")) == {"letter.txt"}


def test_two_exports_do_not_fill_one_folder_at_a_time(job: ImportedJob, tmp_path: Path) -> None:
    job.jobfs("photo", "export", "Wedding", tmp_path / "out")
    with (tmp_path / "out" / targets.MARK).open("rb") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)

        said = job.jobfs("photo", "export", "Wedding", tmp_path / "out", status=1).stderr

    assert said.endswith("is at work\n")


def test_bytes_that_the_store_has_lost_or_spoilt_are_told_and_not_copied(
    job: ImportedJob, tmp_path: Path
) -> None:
    originals = {path.read_bytes(): path for path in _originals(job)}
    originals[BLUE].unlink()
    originals[GREEN].write_bytes(GREEN[:-1] + b"?")

    said = job.jobfs("photo", "export", "Wedding", tmp_path / "out", status=1)

    lost, spoilt = said.stderr.splitlines()
    assert lost.startswith("not copied: Class 1/a.jpg: the store has not its bytes")
    assert spoilt == (
        "not copied: Class 1/group/b.jpg: its bytes in the store are not those that were received"
    )
    assert set(tree(tmp_path / "out")) == {"loose.jpg", "Zoë/ü.jpg"}


def test_nothing_is_written_outside_of_the_folder(job: ImportedJob, tmp_path: Path) -> None:
    """Names that plain SQL can make, and links that somebody has put into an earlier export."""
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    job.jobfs("photo", "export", "Wedding", out)
    for path in (out / "Zoë").iterdir():
        path.unlink()
    (out / "Zoë").rmdir()
    (out / "Zoë").symlink_to(outside)
    (out / "loose.jpg").unlink()
    (out / "loose.jpg").symlink_to(outside / "loose.jpg")
    plain_sql(job.catalog, "UPDATE entry SET name = '..' WHERE name = 'Class 1'")

    said = job.jobfs("photo", "export", "Wedding", out, status=1).stderr

    assert said.count("no file in a folder can have its path") == 2
    assert said.count("not copied: Zoë/ü.jpg: it cannot be written") == 1
    assert (out / "loose.jpg").read_bytes() == RED
    assert not (out / "loose.jpg").is_symlink()
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "a.jpg").exists()


def test_photos_whose_names_are_one_to_the_disk_are_told(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    """A hard link stands for what a file system does that takes LOOSE.jpg for loose.jpg."""
    out = tmp_path / "out"
    (source / "LOOSE.jpg").write_bytes(RED)
    os.utime(source / "LOOSE.jpg", ns=(LONG_AGO, LONG_AGO))
    job.jobfs("job", "import", "Wedding", source)
    job.ingest()
    job.jobfs("photo", "export", "Wedding", out)
    (out / "loose.jpg").unlink()
    (out / "loose.jpg").hardlink_to(out / "LOOSE.jpg")

    said = job.jobfs("photo", "export", "Wedding", out, status=1).stderr

    assert said == (
        "not copied: loose.jpg: to the folder's disk its name is that of 'LOOSE.jpg', which is there\n"
    )


def _originals(job: ImportedJob) -> list[Path]:
    folder = job.store.original("0" * 32).parents[1]
    return [path for path in folder.rglob("*") if path.is_file()]
