"""Who erases while others are at work on the same photo, on either database."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import Connection

from jobfs.catalog import erasing, photos
from jobfs.catalog.photos import Ingested
from jobfs.catalog.refusals import InUseError, NoSuchPhotoError
from jobfs.domain.exif import Shot
from jobfs.ingest import erasing as finishing
from tests.stored import studio
from tests.stored.sending import claimed
from tests.stored.studio import NOON, wait_until_blocked
from tests.stored.wedding import BLUE, OTHER_SHOT, RED, SHOT, Wedding


def erase(wedding: Wedding, photo_id: int) -> None:
    wedding.do(erasing.photo, photo_id, now=datetime.now(UTC))
    finishing.finish_bytes(wedding.catalog, wedding.store)


@contextmanager
def while_others_write(
    wedding: Wedding, photo_id: int, step: Callable[[Connection], object]
) -> Iterator[Future[None]]:
    """Give an erasure that somebody has asked for while a transaction with *step* was under way."""
    with ThreadPoolExecutor(1) as threads:
        with wedding.catalog.writing() as connection:
            step(connection)
            erasure = threads.submit(erase, wedding, photo_id)
            if not wedding.catalog.is_sqlite:  # whose writers are alone: it has not even begun
                wait_until_blocked(wedding.catalog)
        yield erasure


def recording(
    wedding: Wedding, name: str, data: bytes, shot: Shot
) -> Callable[[Connection], object]:
    """Send a file again, and return how a worker records what it found in it."""
    upload = wedding.overwrite(f"Wedding/{name}", data)
    task = claimed(wedding.catalog, upload.id)
    found = Ingested(
        sha256=data.hex(), format="JPEG", width=60, height=40, shot=shot, renditions=()
    )

    def record(connection: Connection) -> object:
        return photos.record(connection, task, found, now=NOON)

    return record


def test_of_two_who_erase_one_photo_the_second_is_told_that_there_is_none(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    both_begin = Barrier(2)

    def try_to_erase() -> str:
        both_begin.wait(60)
        try:
            erase(wedding, photo_id)
        except NoSuchPhotoError:
            return "not there"
        return "erased"

    with ThreadPoolExecutor(2) as threads:
        told = [threads.submit(try_to_erase) for _ in range(2)]

    assert sorted(one.result() for one in told) == ["erased", "not there"]
    assert wedding.names() == []


def test_a_version_that_a_worker_is_just_recording_is_erased_with_its_photo(
    wedding: Wedding,
) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    record = recording(wedding, "a.jpg", BLUE, SHOT)

    with while_others_write(wedding, photo_id, record) as erasure:
        erasure.result()

    assert (wedding.names(), wedding.photos()) == ([], [])


def test_another_photo_that_a_worker_is_just_recording_under_the_name_stays(
    wedding: Wedding,
) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    record = recording(wedding, "a.jpg", BLUE, OTHER_SHOT)

    with while_others_write(wedding, photo_id, record) as erasure:
        erasure.result()

    assert [path for path, _ in wedding.photos()] == ["a.jpg"]
    assert wedding.content("Wedding/a.jpg") == BLUE


def test_a_photo_that_somebody_has_just_begun_to_send_again_is_not_erased(
    wedding: Wedding,
) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    photo_id = wedding.ingest(upload)

    def begin(connection: Connection) -> object:
        return studio.open_again(connection, wedding.store, wedding.anna, "Wedding/a.jpg", BLUE)

    with while_others_write(wedding, photo_id, begin) as erasure, pytest.raises(InUseError):
        erasure.result()

    assert wedding.photos() == [("a.jpg", upload.id)]
