import errno
import json
import os
from typing import Any

import pytest
from sqlalchemy import Connection, select

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import jobs, uploads
from jobfs.catalog.schema import BlobRow, EventRow, UploadRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import UploadState
from jobfs.tree import changes, versions
from jobfs.tree.refusals import (
    DetachedError,
)
from tests.pure.pictures import noise, saved
from tests.stored.studio import (
    NOON,
    NOW,
    close,
    cut_off,
    entry_of,
    listed,
    look,
    mount,
    move,
    open_again,
    open_new,
    place,
    queued,
    rewrite,
    send,
    send_again,
    set_mtime,
)

JPEG = saved(noise(), "JPEG")
OTHER_JPEG = saved(noise(), "JPEG")


def test_a_whole_photo_is_received_and_waits_for_a_worker(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, "Wedding/a.jpg", JPEG)

    assert upload.state is UploadState.RECEIVED
    assert upload.size == look(connection, anna, "Wedding/a.jpg").size == len(JPEG)
    assert queued(connection) == [upload.id]


@pytest.mark.parametrize(
    ("name", "data", "state"),
    [
        ("a.jpg", JPEG[:-2], UploadState.INCOMPLETE),
        ("a.jpg", b"", UploadState.WAITING),
        ("a.jpg.filepart", JPEG, UploadState.WAITING),
        ("a.jpg_original", JPEG, UploadState.WAITING),
        (".DS_Store", b"Bud1", UploadState.WAITING),
        ("contract.pdf", b"%PDF-1.7", UploadState.UNSUPPORTED),
        ("roster.csv", b"a;b", UploadState.UNSUPPORTED),
    ],
)
def test_anything_else_is_kept_and_no_worker_hears_of_it(
    connection: Connection,
    store: BlobStore,
    anna: int,
    *,
    name: str,
    data: bytes,
    state: UploadState,
) -> None:
    upload = send(connection, store, anna, f"Wedding/{name}", data)

    assert upload.state is state
    assert look(connection, anna, f"Wedding/{name}").size == len(data)
    assert queued(connection) == []


def test_a_sidecar_is_received_and_queued_like_a_photo(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, "Wedding/a.xmp", b"<x:xmpmeta/>")

    assert (upload.state, upload.format) == (UploadState.RECEIVED, "XMP")
    assert queued(connection) == [upload.id]


@pytest.mark.parametrize("temporary", ["a.jpg.filepart", ".a.jpg.x7Yz12", "a.jpg_original"])
@pytest.mark.parametrize(
    ("data", "state"),
    [
        (JPEG, UploadState.RECEIVED),
        (JPEG[:-2], UploadState.INCOMPLETE),
        (b"%PDF-1.7", UploadState.UNSUPPORTED),
        (b"", UploadState.WAITING),
    ],
)
def test_what_came_under_a_temporary_name_is_judged_when_it_gets_its_own(
    connection: Connection,
    store: BlobStore,
    anna: int,
    *,
    temporary: str,
    data: bytes,
    state: UploadState,
) -> None:
    upload = send(connection, store, anna, f"Wedding/{temporary}", data)
    assert upload.state is UploadState.WAITING

    move(connection, store, anna, f"Wedding/{temporary}", "Wedding/a.jpg")

    assert uploads.get(connection, upload.id).state is state
    assert queued(connection) == ([upload.id] if state is UploadState.RECEIVED else [])


def test_a_temporary_name_may_follow_another(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, "Wedding/a.jpg.part", JPEG)

    move(connection, store, anna, "Wedding/a.jpg.part", "Wedding/a.jpg.tmp")
    assert uploads.get(connection, upload.id).state is UploadState.WAITING

    move(connection, store, anna, "Wedding/a.jpg.tmp", "Wedding/a.jpg")
    assert uploads.get(connection, upload.id).state is UploadState.RECEIVED


def test_a_received_photo_stays_received_under_any_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, "Wedding/a.jpg", JPEG)

    move(connection, store, anna, "Wedding/a.jpg", "Wedding/a.jpg.tmp")

    assert uploads.get(connection, upload.id).state is UploadState.RECEIVED


def test_a_file_renamed_while_it_is_open_is_judged_by_its_new_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, "Wedding/a.jpg.part", JPEG)

    move(connection, store, anna, "Wedding/a.jpg.part", "Wedding/a.jpg")

    assert close(connection, store, upload).state is UploadState.RECEIVED


def test_an_overwritten_photo_is_detached_and_not_destroyed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    first = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    file = look(connection, anna, "Wedding/a.jpg")

    second = send_again(connection, store, anna, "Wedding/a.jpg", OTHER_JPEG)

    assert look(connection, anna, "Wedding/a.jpg").inode == file.inode
    assert uploads.current(connection, first.entry_id) == second
    assert not uploads.get(connection, first.id).current
    assert is_kept(connection, store, first, JPEG)


def test_a_writer_that_lost_its_place_cannot_go_on(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    first = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    second = open_again(connection, store, anna, "Wedding/a.jpg", OTHER_JPEG)

    with pytest.raises(DetachedError) as refusal:
        versions.latest(connection, first)
    assert refusal.value.errno == errno.ESTALE
    with pytest.raises(DetachedError):
        versions.resume(connection, first, role_id=mount(connection))
    with pytest.raises(DetachedError):
        versions.start_over(
            connection, first, account_id=anna, role_id=mount(connection),
            blob_key=new_key(), now=NOON,
        )  # fmt: skip
    with pytest.raises(DetachedError):
        close(connection, store, first)

    assert uploads.get(connection, first.id).state is UploadState.INTERRUPTED
    assert close(connection, store, second).state is UploadState.RECEIVED
    assert queued(connection) == [second.id]


def test_a_dead_mounts_lost_writer_is_no_trouble_to_the_sweep(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    first = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    open_again(connection, store, anna, "Wedding/a.jpg", OTHER_JPEG)

    versions.cut_off(connection, first, 10, now=NOON)

    assert uploads.get(connection, first.id).state is UploadState.INTERRUPTED


def test_a_lost_writer_leaves_the_time_of_the_newer_version_alone(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    first = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    second = open_again(connection, store, anna, "Wedding/a.jpg", OTHER_JPEG)
    close(connection, store, second, mtime_ns=5)

    with pytest.raises(DetachedError):
        close(connection, store, first, mtime_ns=7)

    assert look(connection, anna, "Wedding/a.jpg").mtime_ns == 5


def test_an_interrupted_upload_is_resumed_in_its_own_blob(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, "Wedding/a.jpg", JPEG[:100])
    interrupted = cut_off(connection, upload, 100)
    assert interrupted.state is UploadState.INTERRUPTED
    assert look(connection, anna, "Wedding/a.jpg").size == 100

    resumed = versions.resume(connection, interrupted, role_id=mount(connection))
    append(store, resumed, JPEG[100:])
    received = close(connection, store, resumed)

    assert (received.id, received.blob_key) == (upload.id, upload.blob_key)
    assert received.state is UploadState.RECEIVED
    assert received.size == len(JPEG)


def test_closing_twice_judges_once(connection: Connection, store: BlobStore, anna: int) -> None:
    upload = send(connection, store, anna, "Wedding/a.jpg", JPEG)

    again = close(connection, store, upload, mtime_ns=7)

    assert again == upload
    assert len(events(connection, "upload.judged")) == 1


def test_an_interrupted_rewrite_shows_the_received_version_again(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """Clients like scp and rsync --inplace write over a file without truncating it."""
    received = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    file = look(connection, anna, "Wedding/a.jpg")
    rewritten = rewrite(connection, store, anna, received)

    cut_off(connection, rewritten, 10, mtime_ns=file.mtime_ns + 5)

    assert uploads.current(connection, received.entry_id) == received
    assert look(connection, anna, "Wedding/a.jpg") == file
    assert uploads.get(connection, rewritten.id).state is UploadState.INTERRUPTED
    assert is_kept(connection, store, rewritten, JPEG)


def test_a_rewrite_that_is_closed_takes_the_place_of_its_base(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    received = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    rewritten = rewrite(connection, store, anna, received)
    assert look(connection, anna, "Wedding/a.jpg").size == len(JPEG)

    settled = close(connection, store, rewritten, mtime_ns=7)

    assert settled.state is UploadState.RECEIVED
    assert uploads.current(connection, received.entry_id) == settled
    assert look(connection, anna, "Wedding/a.jpg").mtime_ns == 7


def test_an_interrupted_upload_from_nothing_stays_and_shows_what_arrived(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    received = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    begun = open_again(connection, store, anna, "Wedding/a.jpg", OTHER_JPEG[:100])

    interrupted = cut_off(connection, begun, 100)

    assert uploads.current(connection, received.entry_id) == interrupted
    assert look(connection, anna, "Wedding/a.jpg").size == 100


@pytest.mark.parametrize(
    ("status", "late"), [(JobStatus.PLANNED, False), (JobStatus.SELLING, True)]
)
def test_what_is_finished_after_its_job_has_left_planned_is_late(
    connection: Connection, store: BlobStore, anna: int, status: JobStatus, late: bool
) -> None:
    upload = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    jobs.set_status(connection, jobs.by_name(connection, "Wedding").id, status)

    received = close(connection, store, upload)

    assert received.state is UploadState.RECEIVED
    marked = select(UploadRow.late).where(UploadRow.id == upload.id)
    assert connection.execute(marked).scalar_one() is late
    assert queued(connection) == [upload.id]


def test_a_file_removed_while_it_is_open_is_settled_in_the_trash(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    changes.unlink(connection, *place(connection, anna, "Wedding/a.jpg"), now=NOW)

    settled = close(connection, store, upload)

    assert settled.removed
    assert settled.state is not UploadState.RECEIVING


def is_kept(connection: Connection, store: BlobStore, upload: Upload, data: bytes) -> bool:
    """Whether a version's rows and bytes are still there, though no name shows it."""
    row = select(UploadRow.blob_id).where(UploadRow.id == upload.id)
    blob = select(BlobRow.key).where(BlobRow.id == connection.execute(row).scalar_one())
    key = connection.execute(blob).scalar_one()
    return store.original(key).read_bytes() == data


def events(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """Return the data of every event of a kind, those of this transaction too."""
    query = select(EventRow.data).where(EventRow.kind == kind).order_by(EventRow.id)
    return [json.loads(data or "{}") for data in connection.execute(query).scalars()]


def append(store: BlobStore, upload: Upload, data: bytes) -> None:
    with os.fdopen(store.open(upload.blob_key, writing=True), "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(data)


# --- a photo that is set aside ---


def test_a_photo_renamed_to_its_backup_name_leaves_its_name_behind(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """ExifTool renames F to F_original, and then its new file to F."""
    photo = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    move(connection, store, anna, "Wedding/a.jpg", "Wedding/a.jpg_original")

    backup = look(connection, anna, "Wedding/a.jpg_original")
    kept = uploads.current(connection, entry_of(backup.inode))
    assert kept is not None
    assert (kept.state, kept.size, kept.blob_key) == ("waiting", photo.size, photo.blob_key)
    assert kept.is_sealed
    left = uploads.get(connection, photo.id)
    assert (left.name, left.removed) == ("a.jpg", True)
    assert listed(connection, look(connection, anna, "Wedding").inode) == ["a.jpg_original"]


def test_a_backup_that_gets_its_name_back_is_received(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """`exiftool -restore_original`."""
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    move(connection, store, anna, "Wedding/a.jpg", "Wedding/a.jpg_original")
    move(connection, store, anna, "Wedding/a.jpg_original", "Wedding/a.jpg")

    shown = uploads.current(connection, entry_of(look(connection, anna, "Wedding/a.jpg").inode))
    assert shown is not None
    assert shown.state is UploadState.RECEIVED
    assert shown.id in queued(connection)


def test_what_is_not_received_keeps_its_entry_under_a_backup_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG[:-2])
    number = look(connection, anna, "Wedding/a.jpg").inode
    move(connection, store, anna, "Wedding/a.jpg", "Wedding/a.jpg_original")

    assert look(connection, anna, "Wedding/a.jpg_original").inode == number


def test_the_hash_of_a_photo_stays_when_its_backup_is_touched(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    photo = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    uploads.note_sha256(connection, photo, "ab")
    move(connection, store, anna, "Wedding/a.jpg", "Wedding/a.jpg_original")
    set_mtime(connection, store, look(connection, anna, "Wedding/a.jpg_original").inode)

    kept = connection.execute(select(BlobRow.sha256).where(BlobRow.id == photo.blob_id))
    assert kept.scalar_one() == "ab"
