"""Directories as they are listed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert

from jobfs.catalog.schema import EntryRow
from jobfs.domain.reports.files import IN_JOB
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, entry_of, replace_file
from tests.mounted.syscalls import Listing

_MANY = 3000


@contextmanager
def _listing(path: os.PathLike[str]) -> Iterator[Listing]:
    listing = Listing(os.fspath(path))
    try:
        yield listing
    finally:
        listing.close()


def _fill(studio: Studio, job: Job, account: Account) -> set[str]:
    """Put many folders into a job, by one statement, and return their names."""
    names = [f"folder {number:04}" for number in range(_MANY)]
    there = {
        "job_id": job.id, "parent_id": entry_of(job.path), "created_by": account.id,
        "directory": True, "mtime_ns": 0, "ctime_ns": 0, "atime_ns": 0,
    }  # fmt: skip
    with studio.catalog.writing() as connection:
        connection.execute(
            insert(EntryRow), [{"name": name, "name_key": name} | there for name in names]
        )
    return set(names)


def test_dot_and_dot_dot_are_listed_with_the_numbers_they_have(studio: Studio, job: Job) -> None:
    (job.path / "Class 1").mkdir()
    replace_file(job.path / "Class 1" / "a.jpg", b"")
    for folder in (job.path / "Class 1", job.path, job.path.parent, studio.mountpoint):
        with _listing(folder) as listing:
            listed = dict(iter(listing.next, None))

        expected = {path.name: path.lstat().st_ino for path in folder.iterdir()}
        expected["."] = folder.stat().st_ino
        # The mount's root is its own parent; the kernel knows what it is mounted on.
        above = folder if folder == studio.mountpoint else folder.parent
        expected[".."] = above.stat().st_ino
        assert listed == expected


def test_a_directory_counts_its_subdirectories(job: Job) -> None:
    (job.path / "Class 1").mkdir()
    replace_file(job.path / "a.jpg", b"")

    assert job.path.stat().st_nlink == 3
    (job.path / "Class 1").rmdir()
    assert job.path.stat().st_nlink == 2


def test_a_long_listing_is_complete_and_goes_on_where_it_was_told_to(
    studio: Studio, job: Job, anna: Account
) -> None:
    names = _fill(studio, job, anna)

    with _listing(job.path) as listing:
        early = [entry[0] for entry in (listing.next() for _ in range(1000)) if entry]
        place = listing.tell()
        late = listing.rest()
        listing.seek(place)
        again = listing.rest()

    ours = {report.file_name for report in IN_JOB}
    assert len(early) + len(late) == _MANY + 2 + len(ours)
    assert {*early, *late} == {*names, ".", "..", *ours}
    assert again == late


def test_a_listing_is_complete_while_another_process_removes_entries(
    studio: Studio, job: Job, anna: Account, actors: Callable[[int], Actor]
) -> None:
    """An SFTP client deletes a folder while it lists it: what stays must not be skipped."""
    names = _fill(studio, job, anna)
    remover = actors(anna.uid)

    with _listing(job.path) as listing:
        listed = [entry[0] for entry in (listing.next() for _ in range(1500)) if entry]
        removed = listed[200:260] + sorted(names - set(listed))[:60]
        for name in removed:
            remover.do("rmdir", str(job.path / name))
        listed += listing.rest()

    assert len(listed) == len(set(listed))
    assert set(listed) >= names - set(removed)


def test_a_second_listing_shows_what_anybody_has_changed_since_the_first(
    studio: Studio, job: Job
) -> None:
    for name in ("here.jpg", "there.jpg", "stays.jpg"):
        replace_file(job.path / name, b"")
    assert _files(job.path) == {"here.jpg", "there.jpg", "stays.jpg"}

    (job.path / "here.jpg").unlink()
    assert _files(job.path) == {"there.jpg", "stays.jpg"}
    studio.sql(
        "UPDATE entry SET name = 'moved.jpg', name_key = 'moved.jpg' WHERE name = 'there.jpg'"
    )
    assert _files(job.path) == {"moved.jpg", "stays.jpg"}


def test_a_listing_tells_others_how_much_of_a_file_has_come(studio: Studio, job: Job) -> None:
    ben = studio.account("ben")
    studio.sql(f"INSERT INTO job_grant VALUES ({ben.id}, {job.id}, 'edit')")  # noqa: S608
    bens = studio.mountpoint / ben.name / job.name
    with (job.path / "photo.jpg").open("wb", buffering=0) as file:
        file.write(b"half")
        assert _sizes(bens) == {"photo.jpg": 4}
        file.write(b" of it")
        assert _sizes(bens) == {"photo.jpg": 10}


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith("_")}


def _sizes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in _files(folder)}
