import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import jobs, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import JobRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import UploadState
from jobfs.tree import changes
from jobfs.tree.refusals import (
    NameTakenError,
    NoSuchEntryError,
    NotEmptyError,
)
from tests.pure.pictures import noise, saved
from tests.stored.studio import (
    NOW,
    account,
    close,
    create,
    job,
    look,
    mkdir,
    move,
    open_new,
    place,
    queued,
    wait_until_blocked,
)

JPEG = saved(noise(), "JPEG")


@pytest.fixture
def shared(migrated_postgresql: str) -> Iterator[Catalog]:
    """A catalog on PostgreSQL with a job Wedding, in which anna (1) may edit."""
    catalog = Catalog(migrated_postgresql)
    with catalog.writing() as connection:
        job(connection, "Wedding", account(connection))
    yield catalog
    catalog.dispose()


def test_of_two_who_create_one_name_one_is_told_so(shared: Catalog, store: BlobStore) -> None:
    both_begin = threading.Barrier(2)

    def create_it() -> str:
        with shared.writing() as connection:
            both_begin.wait(60)
            try:
                open_new(connection, store, 1, "Wedding/a.jpg", JPEG)
            except NameTakenError:
                return "taken"
            return "made"

    with ThreadPoolExecutor(2) as threads:
        told = sorted(future.result() for future in [threads.submit(create_it) for _ in range(2)])

    assert told == ["made", "taken"]


def test_a_directory_is_not_removed_while_somebody_puts_a_file_into_it(
    shared: Catalog, store: BlobStore
) -> None:
    with shared.writing() as connection:
        mkdir(connection, 1, "Wedding/a")

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            open_new(connection, store, 1, "Wedding/a/1.jpg", JPEG)
            removal = threads.submit(remove_directory, shared, "Wedding/a")
            wait_until_blocked(shared)
        with pytest.raises(NotEmptyError):
            removal.result()


def test_nothing_is_made_in_a_job_that_is_closed_meanwhile(shared: Catalog) -> None:
    def make() -> None:
        with shared.writing() as connection:
            mkdir(connection, 1, "Wedding/a")

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            jobs.set_status(connection, 1, JobStatus.SELLING)
            making = threads.submit(make)
            wait_until_blocked(shared)
        with pytest.raises(NoSuchEntryError):
            making.result()


def test_a_directory_that_moves_to_another_job_meanwhile_is_locked_there(
    shared: Catalog, store: BlobStore
) -> None:
    """Else two could make one name in it, each under the lock of another job."""
    with shared.writing() as connection:
        job(connection, "Prom", 1)
        directory = mkdir(connection, 1, "Wedding/a").inode

    def make() -> list[int]:
        with shared.writing() as connection:
            create(connection, directory, b"1.jpg")
            return jobs_kept_from_others(shared)

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            move(connection, store, 1, "Wedding/a", "Prom/a")
            making = threads.submit(make)
            wait_until_blocked(shared)
        assert 2 in making.result()


def test_a_file_that_is_closed_while_its_job_is_gets_its_final_name(
    shared: Catalog, store: BlobStore
) -> None:
    """A mount looks for those that wait for one when it hears of the job, and then no more."""
    with shared.writing() as connection:
        upload = open_new(connection, store, 1, "Wedding/a.jpg.filepart", JPEG)

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            jobs.set_status(connection, 1, JobStatus.SELLING)
            closing = threads.submit(close_in_a_transaction, shared, store, upload)
            wait_until_blocked(shared)
        settled = closing.result()
    assert (settled.name, settled.state) == ("a.jpg", UploadState.RECEIVED)


def test_of_two_files_that_get_one_final_name_at_once_the_second_replaces_the_first(
    shared: Catalog, store: BlobStore
) -> None:
    with shared.writing() as connection:
        first, second = (
            open_new(connection, store, 1, f"Wedding/{name}", JPEG)
            for name in ("a.jpg.filepart", "a.jpg.part")
        )
        jobs.set_status(connection, 1, JobStatus.SELLING)

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            close(connection, store, first)
            closing = threads.submit(close_in_a_transaction, shared, store, second)
            wait_until_blocked(shared)
        settled = closing.result()
    assert (settled.name, settled.state) == ("a.jpg", UploadState.RECEIVED)
    with shared.reading() as connection:
        assert uploads.get(connection, first.id).removed


@pytest.mark.parametrize("first", ["rename", "close"])
def test_a_rename_during_a_close_lets_the_new_name_decide(
    shared: Catalog, store: BlobStore, first: str
) -> None:
    """Whoever comes second sees what the other has done: the photo is received in either order."""
    with shared.writing() as connection:
        upload = open_new(connection, store, 1, "Wedding/a.jpg.part", JPEG)

    def rename_it() -> None:
        with shared.writing() as connection:
            move(connection, store, 1, "Wedding/a.jpg.part", "Wedding/a.jpg")

    def close_it() -> None:
        with shared.writing() as connection:
            close(connection, store, upload, mtime_ns=7)

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            if first == "rename":
                move(connection, store, 1, "Wedding/a.jpg.part", "Wedding/a.jpg")
                second = threads.submit(close_it)
            else:
                close(connection, store, upload, mtime_ns=7)
                second = threads.submit(rename_it)
            wait_until_blocked(shared)
        second.result()

    with shared.reading() as connection:
        assert uploads.get(connection, upload.id).state is UploadState.RECEIVED
        assert queued(connection) == [upload.id]
        assert look(connection, 1, "Wedding/a.jpg").mtime_ns == 7


def remove_directory(catalog: Catalog, path: str) -> None:
    with catalog.writing() as connection:
        changes.rmdir(connection, *place(connection, 1, path), now=NOW)


def close_in_a_transaction(catalog: Catalog, store: BlobStore, upload: Upload) -> Upload:
    with catalog.writing() as connection:
        return close(connection, store, upload)


def jobs_kept_from_others(catalog: Catalog) -> list[int]:
    """Return the jobs in which nobody else may change a name at this moment."""
    free = select(JobRow.id).with_for_update(key_share=True, skip_locked=True)
    with catalog.writing() as connection:
        found = set(connection.execute(free).scalars())
        every = connection.execute(select(JobRow.id)).scalars()
        return [job_id for job_id in every if job_id not in found]
