"""`jobfs job import`: a folder tree becomes a job's, however often, and however it is interrupted."""

import os
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobfs.blobs.refusals import StoreFailedError
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import accounts
from jobfs.catalog.engine import Catalog
from jobfs.cli import sources
from jobfs.cli.refusals import ChangingError, UnreadableError
from jobfs.domain.jobs import JobStatus
from tests.stored import studio
from tests.stored.imported import BLUE, GREEN, LONG_AGO, RED, ImportedJob, Shown, card, tree
from tests.stored.sending import pending


@pytest.fixture
def job(catalog: Catalog, store: BlobStore, tmp_path: Path) -> ImportedJob:
    return ImportedJob.add(catalog, store, tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with two albums, as a photographer keeps them, and an empty one; all of long ago."""
    folder = card(tmp_path / "card")
    (folder / "empty").mkdir()
    for path in folder.iterdir():
        if path.is_dir():
            os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return folder


def brought(job: ImportedJob) -> dict[str, tuple[bytes, int]]:
    """Return what `tree` returns of a folder, of the job."""
    return {path: (file.content, file.mtime_ns) for path, file in job.files().items()}


def test_a_folder_becomes_the_jobs_with_its_times(job: ImportedJob, source: Path) -> None:
    said = job.jobfs("job", "import", "Wedding", source).output

    files = job.files()
    assert brought(job) == tree(source)
    assert {(file.state, file.account_id) for file in files.values()} == {("received", None)}
    assert set(pending(job.catalog)) == {file.upload_id for file in files.values()}
    times = job.directories()
    assert set(times) == {"Class 1", "Class 1/group", "Zoë", "empty"}
    assert times["Class 1"] == times["empty"] == LONG_AGO
    assert said.startswith("copied 4 files (")
    named, stored = job.blobs()
    assert named == stored


def test_a_second_import_copies_nothing(job: ImportedJob, source: Path) -> None:
    job.jobfs("job", "import", "Wedding", source)
    before = job.files()

    said = job.jobfs("job", "import", "Wedding", source).output

    assert said == "copied 0 files (0 bytes), 4 were there, 0 refused, 0 with problems\n"
    assert job.files() == before
    assert job.count() == 4


def test_what_has_changed_is_a_new_version_and_what_is_missing_comes(
    job: ImportedJob, source: Path
) -> None:
    job.jobfs("job", "import", "Wedding", source)
    job.ingest()
    (source / "loose.jpg").write_bytes(GREEN)
    (source / "new.jpg").write_bytes(BLUE)

    said = job.jobfs("job", "import", "Wedding", source).output

    assert "copied 2 files" in said
    assert brought(job) == tree(source)
    assert job.count() == 6
    assert job.files()["loose.jpg"].state == "received"


def test_other_times_of_the_same_bytes_are_taken_over_and_nothing_else(
    job: ImportedJob, source: Path
) -> None:
    job.jobfs("job", "import", "Wedding", source)
    os.utime(source / "loose.jpg", ns=(7, 7))

    said = job.jobfs("job", "import", "Wedding", source).output

    assert "copied 0 files" in said
    assert job.files()["loose.jpg"].mtime_ns == 7
    assert job.count() == 4


def test_other_bytes_of_the_same_size_are_found_by_their_hash(
    job: ImportedJob, source: Path
) -> None:
    job.jobfs("job", "import", "Wedding", source)
    (source / "loose.jpg").write_bytes(RED[:-4] + b"??" + RED[-2:])
    os.utime(source / "loose.jpg", ns=(7, 7))

    assert "copied 1 files" in job.jobfs("job", "import", "Wedding", source).output
    assert brought(job) == tree(source)


def test_an_import_that_was_killed_is_gone_on_with(job: ImportedJob, source: Path) -> None:
    last = source / "zz.bin"
    with last.open("wb") as file:
        file.truncate(2**40)  # nothing but a hole, which takes long to be read
    command = [
        sys.executable, "-m", "jobfs", "--config", str(job.config_file),
        "job", "import", "Wedding", str(source),
    ]  # fmt: skip
    with subprocess.Popen(command) as process:
        while job.count() < 4:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)

    named, stored = job.blobs()
    states = {file.state for file in job.files().values()}
    os.truncate(last, 10)
    said = job.jobfs("job", "import", "Wedding", source, status=1).output

    assert named == stored, "what was being copied has left nothing"
    assert states == {"received"}
    assert "copied 1 files (10 bytes), 4 were there" in said
    assert {path: file.content for path, file in job.files().items()} == {
        path: content for path, (content, _) in tree(source).items()
    }


def test_links_and_special_files_are_refused_and_not_followed(
    job: ImportedJob, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(RED)
    (source / "loop").symlink_to(".")
    (source / "Class 1/secret.jpg").symlink_to(tmp_path / "secret")
    os.mkfifo(source / "pipe.jpg")

    refused = job.jobfs("job", "import", "Wedding", source, status=1).stderr

    assert sorted(refused.splitlines()) == [
        "refused: Class 1/secret.jpg: it is a symbolic link, which is not followed",
        "refused: loop: it is a symbolic link, which is not followed",
        "refused: pipe.jpg: it is neither a file nor a folder",
    ]
    assert len(job.files()) == 4


def test_names_are_those_that_a_photographer_could_send(job: ImportedJob, source: Path) -> None:
    Path(os.fsdecode(os.fsencode(source) + b"/\xff.jpg")).write_bytes(RED)
    (source / "_STATUS.txt").write_text("ours")
    (source / "Class 1/_STATUS.txt").write_text("theirs")
    (source / "Zoë" / unicodedata.normalize("NFD", "ü.jpg")).write_bytes(BLUE)

    refused = job.jobfs("job", "import", "Wedding", source, status=1).stderr

    assert "refused: _STATUS.txt: '_STATUS.txt' is a name that jobfs keeps for itself" in refused
    assert "refused: ?.jpg: its name is not UTF-8: give it another one" in refused
    assert refused.count("differs only in how its letters are encoded") == 1
    assert set(job.files()) >= {"Class 1/_STATUS.txt", "loose.jpg"}
    assert len(job.files()) == 5


def test_incomplete_and_foreign_files_are_kept_and_listed_each_time(
    job: ImportedJob, source: Path
) -> None:
    (source / "cut.jpg").write_bytes(RED[:-100])
    (source / "note.pages").write_bytes(b"a text")
    (source / "loose.xmp").write_bytes(b"<x:xmpmeta/>")
    (source / ".DS_Store").write_bytes(b"junk")

    first = job.jobfs("job", "import", "Wedding", source, status=1)
    second = job.jobfs("job", "import", "Wedding", source, status=1)

    assert first.stderr == second.stderr
    incomplete, unsupported = first.stderr.splitlines()
    assert incomplete.startswith(
        "incomplete: cut.jpg: the JPEG file ends before the picture begins"
    )
    assert unsupported.startswith("unsupported: note.pages: the file is no picture")
    assert "copied 0 files (0 bytes), 8 were there, 0 refused, 2 with problems" in second.stdout
    states = {path: file.state for path, file in job.files().items()}
    assert states["cut.jpg"] == "incomplete"
    assert states[".DS_Store"] == "waiting"


@pytest.mark.parametrize("status", [JobStatus.ARCHIVED, JobStatus.SELLING])
def test_a_jobs_status_is_no_matter(
    catalog: Catalog, store: BlobStore, tmp_path: Path, source: Path, status: JobStatus
) -> None:
    job = ImportedJob.add(catalog, store, tmp_path, status=status)

    job.jobfs("job", "import", "Wedding", source)

    assert brought(job) == tree(source)


def test_the_files_are_an_accounts_and_its_quota_counts(job: ImportedJob, source: Path) -> None:
    total = sum(len(content) for content, _ in tree(source).values())
    with job.catalog.writing() as connection:
        accounts.set_quota(connection, job.anna, total - 1)
    said = job.jobfs("job", "import", "Wedding", source, "--account", "anna", status=1)
    with job.catalog.writing() as connection:
        accounts.set_quota(connection, job.anna, total)
    job.jobfs("job", "import", "Wedding", source, "--account", "anna")

    assert said.stderr.count("does not fit into the account's quota") == 1
    assert {file.account_id for file in job.files().values()} == {job.anna}
    assert brought(job) == tree(source)
    named, stored = job.blobs()
    assert named == stored


def test_what_somebody_is_sending_is_left_to_him(job: ImportedJob, source: Path) -> None:
    with job.catalog.writing() as connection:
        sent = studio.open_new(connection, job.store, job.anna, "Wedding/loose.jpg", BLUE[:50])

    refused = job.jobfs("job", "import", "Wedding", source, status=1).stderr

    assert refused == (
        "refused: loose.jpg: somebody is sending a file of this name at this moment\n"
    )
    with job.catalog.writing() as connection:
        studio.cut_off(connection, sent, 50)
    job.jobfs("job", "import", "Wedding", source)
    assert brought(job) == tree(source)


def test_a_file_and_a_folder_of_one_name_are_told(job: ImportedJob, source: Path) -> None:
    with job.catalog.writing() as connection:
        studio.mkdir(connection, job.anna, "Wedding/loose.jpg")
        studio.send(connection, job.store, job.anna, "Wedding/Zoë", RED)

    refused = job.jobfs("job", "import", "Wedding", source, status=1).stderr

    assert sorted(refused.splitlines()) == [
        "refused: Zoë: 'Zoë' is a file",
        "refused: loose.jpg: 'loose.jpg' is a directory",
    ]
    assert set(job.files()) == {"Zoë", "Class 1/a.jpg", "Class 1/group/b.jpg"}


def test_a_file_that_is_written_while_it_is_read_is_noticed(source: Path, store: BlobStore) -> None:
    path = source / "loose.jpg"
    with sources.folder(source) as folder, sources.file("loose.jpg", within=folder) as file:

        def chunks_with_a_writer() -> Iterator[bytes]:
            for data in file.chunks():
                path.write_bytes(BLUE)
                os.utime(path, ns=(LONG_AGO, file.found.st_mtime_ns))
                yield data

        key = new_key()
        with pytest.raises(ChangingError, match="changed while it was read"):
            store.take(key, chunks_with_a_writer())

    assert not store.original(key).exists()


def test_a_folder_that_has_become_a_link_is_not_entered(source: Path) -> None:
    (source / "Class 1").rename(source / "elsewhere")
    (source / "Class 1").symlink_to("elsewhere")

    with (
        sources.folder(source) as folder,
        pytest.raises(UnreadableError),
        sources.folder("Class 1", within=folder),
    ):
        pass


def test_a_store_that_fails_ends_the_import(job: ImportedJob, source: Path) -> None:
    folders = job.store.original("0" * 32).parents[1]
    for folder in folders.iterdir():
        folder.rmdir()

    said = job.jobfs("job", "import", "Wedding", source, status=1).stderr

    assert said.startswith("Error: the store in ")
    assert job.count() == 0
    with pytest.raises(StoreFailedError):
        job.store.take(new_key(), [b"x"])


def test_a_job_or_an_account_that_is_not_there_is_refused(job: ImportedJob, source: Path) -> None:
    assert "no job 'Weding'" in job.jobfs("job", "import", "Weding", source, status=1).stderr
    unknown = job.jobfs("job", "import", "Wedding", source, "--account", "bob", status=1)
    assert "bob" in unknown.stderr
    assert job.files() == dict[str, Shown]()
