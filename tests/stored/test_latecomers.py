"""What a client may still do in a job that was closed while it was sending, and for how long."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from jobfs.blobs.store import BlobStore
from jobfs.catalog import jobs, trash, uploads
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.schema import UploadRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import UploadState
from jobfs.tree import changes, versions, views
from jobfs.tree.refusals import NoSuchEntryError
from tests.pure.pictures import noise, saved
from tests.stored.studio import (
    NOON,
    NOW,
    account,
    as_seen_by,
    close,
    listed,
    look,
    mkdir,
    move,
    open_new,
    place,
    plain_sql,
    queued,
    send,
    set_mtime,
)

JPEG = saved(noise(), "JPEG")
PART, WHOLE = "Wedding/Class 1/a.jpg.filepart", "Wedding/Class 1/a.jpg"


@pytest.fixture
def album(connection: Connection, anna: int) -> int:
    """Anna's album, as the kernel knows it."""
    mkdir(connection, anna, "Wedding/Class 1")
    return look(connection, anna, "Wedding/Class 1").inode


def shut(connection: Connection, store: BlobStore) -> None:
    """Close the job, and do what a mount does when it hears of that."""
    job_id = jobs.by_name(connection, "Wedding").id
    _judged_just_now(connection)
    jobs.set_status(connection, job_id, JobStatus.SELLING)
    for entry_id in versions.unnamed_latecomers(connection, job_id):
        versions.receive_latecomer(connection, store, entry_id, now=datetime.now(UTC))


def finish(connection: Connection, store: BlobStore, upload: Upload) -> Upload:
    """Close what is being written."""
    settled = close(connection, store, upload)
    _judged_just_now(connection)
    return settled


def _judged_just_now(connection: Connection) -> None:
    """Let what was sent at NOON be sent at this moment: the triggers know no other time."""
    connection.execute(update(UploadRow).values(judged_at=datetime.now(UTC)))


@pytest.mark.usefixtures("album")
def test_what_is_whole_under_a_temporary_name_is_received_under_its_final_one(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, PART, JPEG)
    assert (upload.state, queued(connection)) == (UploadState.WAITING, [])

    shut(connection, store)

    received = uploads.get(connection, upload.id)
    assert (received.name, received.state) == ("a.jpg", UploadState.RECEIVED)
    assert queued(connection) == [upload.id]


def test_its_client_finds_it_under_the_temporary_name_and_may_rename_it_and_set_its_time(
    connection: Connection, store: BlobStore, anna: int, album: int
) -> None:
    upload = send(connection, store, anna, PART, JPEG)
    number = look(connection, anna, PART).inode
    shut(connection, store)

    assert look(connection, anna, PART).inode == number
    with pytest.raises(NoSuchEntryError):  # or OpenSSH would refuse the rename
        look(connection, anna, WHOLE)
    changes.rename(
        connection, store, changes.Place(album, b"a.jpg.filepart"), changes.Place(album, b"a.jpg"),
        replace=True, now=NOW,
    )  # fmt: skip
    set_mtime(connection, store, number, 42)

    assert look(connection, anna, WHOLE).mtime_ns == 42
    with pytest.raises(NoSuchEntryError):
        look(connection, anna, PART)
    assert uploads.get(connection, upload.id).state is UploadState.RECEIVED
    assert queued(connection) == [upload.id]


@pytest.mark.usefixtures("album")
def test_an_open_file_finishes_and_its_client_may_look_whether_it_is_there(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, WHOLE, JPEG)
    shut(connection, store)

    assert finish(connection, store, upload).state is UploadState.RECEIVED
    number = look(connection, anna, WHOLE).inode
    set_mtime(connection, store, number, 42)
    assert views.node(connection, number).mtime_ns == 42


@pytest.mark.usefixtures("album")
def test_a_file_that_is_closed_late_under_a_temporary_name_gets_its_final_one(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, PART, JPEG)
    shut(connection, store)

    settled = finish(connection, store, upload)

    assert (settled.name, settled.state) == ("a.jpg", UploadState.RECEIVED)
    assert look(connection, anna, PART).upload_id == upload.id


@pytest.mark.usefixtures("album")
def test_it_replaces_what_stood_under_the_final_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """The client has asked whether to overwrite, and would do it with its rename."""
    old = send(connection, store, anna, WHOLE, JPEG[:2] + b"\xff\xfe\0\x02" + JPEG[2:])
    new = send(connection, store, anna, PART, JPEG)

    shut(connection, store)

    assert uploads.get(connection, old.id).removed
    assert not uploads.get(connection, new.id).removed
    job_id = jobs.by_name(connection, "Wedding").id
    assert [item.path for item in trash.listing(connection, job_id)] == ["Class 1/a.jpg"]


@pytest.mark.usefixtures("album")
def test_it_replaces_nothing_if_it_was_deleted_before_it_was_closed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    there = send(connection, store, anna, WHOLE, JPEG)
    upload = open_new(connection, store, anna, PART, JPEG)
    changes.unlink(connection, *place(connection, anna, PART), now=NOW)
    shut(connection, store)

    finish(connection, store, upload)

    assert not uploads.get(connection, there.id).removed


def test_what_is_not_whole_keeps_its_temporary_name_which_its_client_may_change(
    connection: Connection, store: BlobStore, anna: int, album: int
) -> None:
    upload = send(connection, store, anna, PART, JPEG[:-2])
    shut(connection, store)
    assert uploads.get(connection, upload.id).state is UploadState.WAITING

    changes.rename(
        connection, store, changes.Place(album, b"a.jpg.filepart"), changes.Place(album, b"a.jpg"),
        replace=True, now=NOW,
    )  # fmt: skip

    assert uploads.get(connection, upload.id).state is UploadState.INCOMPLETE


def test_everything_else_is_refused(
    connection: Connection, store: BlobStore, anna: int, album: int
) -> None:
    send(connection, store, anna, "Wedding/Class 1/b.jpg", JPEG)
    send(connection, store, anna, "Wedding/Class 1/.DS_Store", b"x")
    send(connection, store, anna, "Wedding/Class 1/empty.jpg", b"")
    send(connection, store, anna, PART, JPEG)
    file = look(connection, anna, PART).inode
    ben = account(connection, "ben", all_jobs=True)
    shut(connection, store)

    attempts: list[partial[Any]] = [
        *(
            partial(look, connection, anna, f"Wedding/Class 1/{name}")
            for name in ("b.jpg", ".DS_Store", "empty.jpg", "c.jpg")
        ),
        partial(look, connection, ben, "Wedding"),
        partial(views.node, connection, as_seen_by(ben, file)),
        partial(views.children, connection, album, after=0, limit=9),
        partial(versions.open_file, connection, file, writing=False),
        partial(versions.open_file, connection, file, writing=True),
        partial(changes.unlink, connection, album, b"a.jpg.filepart", now=NOW),
        partial(changes.mkdir, connection, album, b"new", now=NOW),
        partial(set_mtime, connection, store, album),
        partial(
            changes.rename, connection, store, changes.Place(album, b"b.jpg"),
            changes.Place(album, b"d.jpg"), replace=True, now=NOW,
        ),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(NoSuchEntryError):
            attempt()


def test_ten_minutes_later_it_is_gone_for_its_client_too(
    catalog: Catalog, store: BlobStore
) -> None:
    with catalog.writing() as connection:
        anna = account(connection, "anna", all_jobs=True)
        jobs.add(connection, "Wedding", status=JobStatus.PLANNED, now=NOON)
        mkdir(connection, anna, "Wedding/Class 1")
        send(connection, store, anna, PART, JPEG)
        shut(connection, store)
        look(connection, anna, PART)

    ago = {
        "sqlite": "UPDATE job SET closed_at = datetime(closed_at, '-10 minutes') || '.000000'",
        "postgresql": "UPDATE job SET closed_at = closed_at - interval '10 minutes'",
    }
    plain_sql(catalog, ago[catalog.url.get_backend_name()])

    with catalog.reading() as connection, pytest.raises(NoSuchEntryError):
        look(connection, anna, PART)


def test_a_job_that_is_planned_again_shows_the_final_name(
    connection: Connection, store: BlobStore, anna: int, album: int
) -> None:
    send(connection, store, anna, PART, JPEG)
    shut(connection, store)
    jobs.set_status(connection, jobs.by_name(connection, "Wedding").id, JobStatus.PLANNED)

    assert listed(connection, album) == ["a.jpg"]
    move(connection, store, anna, WHOLE, "Wedding/b.jpg")
    assert look(connection, anna, "Wedding/b.jpg").size == len(JPEG)
