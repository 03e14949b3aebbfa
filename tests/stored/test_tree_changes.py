import json
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, jobs
from jobfs.catalog.schema import BlobRow, EntryRow, EventRow, UploadRow
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.domain.jobs import JobStatus, Right
from jobfs.tree import attributes, changes, versions, views
from jobfs.tree.refusals import (
    DirectoryError,
    ForbiddenError,
    IntoItselfError,
    NameTakenError,
    NoDirectoryError,
    NoSuchEntryError,
    NotEmptyError,
)
from tests.pure.pictures import noise, saved
from tests.stored.studio import (
    NOW,
    create,
    entry_of,
    job,
    listed,
    look,
    mkdir,
    move,
    open_new,
    place,
    root_of,
    send,
    send_again,
    set_mtime,
)

JPEG = saved(noise(), "JPEG")
OTHER_JPEG = saved(noise(), "JPEG")


# --- renames ---


def test_a_renamed_file_keeps_its_inode_number_and_its_times(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    mkdir(connection, anna, "Wedding/Class 1")
    file = look(connection, anna, "Wedding/a.jpg")
    set_mtime(connection, store, file.inode)
    before = views.node(connection, file.inode)

    move(connection, store, anna, "Wedding/a.jpg", "Wedding/Class 1/b.jpg")

    after = look(connection, anna, "Wedding/Class 1/b.jpg")
    assert after.inode == file.inode
    assert (after.mtime_ns, after.size) == (before.mtime_ns, before.size)
    with pytest.raises(NoSuchEntryError):
        look(connection, anna, "Wedding/a.jpg")


def test_a_rename_over_a_file_replaces_it(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    replaced = send(connection, store, anna, "Wedding/b.jpg", OTHER_JPEG)
    file = look(connection, anna, "Wedding/a.jpg")

    move(connection, store, anna, "Wedding/a.jpg", "Wedding/b.jpg")

    assert look(connection, anna, "Wedding/b.jpg").inode == file.inode
    assert listed(connection, look(connection, anna, "Wedding").inode) == ["b.jpg"]
    assert is_kept(connection, store, replaced, OTHER_JPEG)


def test_a_rename_that_must_not_replace_does_not(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    send(connection, store, anna, "Wedding/b.jpg", OTHER_JPEG)

    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(NameTakenError):
            move(connection, store, anna, "Wedding/a.jpg", f"Wedding/{name}", replace=False)
    move(connection, store, anna, "Wedding/a.jpg", "Wedding/c.jpg", replace=False)

    assert listed(connection, look(connection, anna, "Wedding").inode) == ["c.jpg", "b.jpg"]


def test_a_directory_replaces_an_empty_directory_only(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    for name in ("a", "empty", "full"):
        mkdir(connection, anna, f"Wedding/{name}")
    send(connection, store, anna, "Wedding/full/a.jpg", JPEG)

    with pytest.raises(NotEmptyError):
        move(connection, store, anna, "Wedding/a", "Wedding/full")
    move(connection, store, anna, "Wedding/a", "Wedding/empty")

    assert listed(connection, look(connection, anna, "Wedding").inode) == ["empty", "full"]


def test_a_directory_and_a_file_do_not_replace_each_other(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    send(connection, store, anna, "Wedding/a.jpg", JPEG)

    with pytest.raises(DirectoryError):
        move(connection, store, anna, "Wedding/a.jpg", "Wedding/Class 1")
    with pytest.raises(NoDirectoryError):
        move(connection, store, anna, "Wedding/Class 1", "Wedding/a.jpg")


@pytest.mark.parametrize("target", ["Wedding/a/a", "Wedding/a/b/a", "Wedding/a/b"])
def test_a_directory_cannot_be_moved_into_itself(
    connection: Connection, store: BlobStore, anna: int, target: str
) -> None:
    mkdir(connection, anna, "Wedding/a")
    mkdir(connection, anna, "Wedding/a/b")

    with pytest.raises(IntoItselfError):
        move(connection, store, anna, "Wedding/a", target)


def test_what_is_not_there_cannot_be_renamed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    with pytest.raises(NoSuchEntryError):
        move(connection, store, anna, "Wedding/a.jpg", "Wedding/b.jpg")


def test_a_rename_from_job_to_job_moves_everything(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    prom = job(connection, "Prom", anna)
    mkdir(connection, anna, "Wedding/a")
    mkdir(connection, anna, "Wedding/a/b")
    for name in ("Wedding/a/1.jpg", "Wedding/a/b/2.jpg", "Wedding/a/b/removed.jpg"):
        send(connection, store, anna, name, JPEG)
    changes.unlink(connection, *place(connection, anna, "Wedding/a/b/removed.jpg"), now=NOW)
    file = look(connection, anna, "Wedding/a/b/2.jpg")

    move(connection, store, anna, "Wedding/a", "Prom/z")

    assert look(connection, anna, "Prom/z/b/2.jpg") == file
    assert listed(connection, look(connection, anna, "Wedding").inode) == []
    in_prom = select(func.count()).where(EntryRow.job_id == prom, EntryRow.parent_id.is_not(None))
    assert connection.execute(in_prom).scalar_one() == 5
    jobs.set_status(connection, prom, JobStatus.SELLING)
    with pytest.raises(NoSuchEntryError):
        views.node(connection, file.inode)


def test_a_rename_into_a_job_that_may_only_be_read_is_refused(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    job(connection, "Prom", anna, right=Right.READ)
    send(connection, store, anna, "Wedding/a.jpg", JPEG)

    with forbidden():
        move(connection, store, anna, "Wedding/a.jpg", "Prom/a.jpg")


def test_a_rename_tells_where_from_and_where_to(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory = entry_of(look(connection, anna, "Wedding").inode)

    move(connection, store, anna, "Wedding/a.jpg", "Wedding/b.jpg")

    event = events(connection, "entry.renamed")[-1]
    assert (event["old_parent"], event["old_name"]) == (directory, "a.jpg")
    assert (event["parent"], event["name"]) == (directory, "b.jpg")


# --- removing ---


def test_a_removed_file_is_detached_and_not_destroyed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = send(connection, store, anna, "Wedding/a.jpg", JPEG)
    file = look(connection, anna, "Wedding/a.jpg")

    changes.unlink(connection, *place(connection, anna, "Wedding/a.jpg"), now=NOW)

    assert is_kept(connection, store, upload, JPEG)
    with pytest.raises(NoSuchEntryError):
        views.node(connection, file.inode)
    assert views.open_node(connection, file.inode).links == 0


def test_a_name_that_was_removed_is_free_for_another_entry(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    before = look(connection, anna, "Wedding/a.jpg")

    for _ in range(2):
        changes.unlink(connection, *place(connection, anna, "Wedding/a.jpg"), now=NOW)
        send(connection, store, anna, "Wedding/a.jpg", JPEG)

    assert look(connection, anna, "Wedding/a.jpg").inode > before.inode


def test_only_an_empty_directory_can_be_removed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/a")
    send(connection, store, anna, "Wedding/a/1.jpg", JPEG)

    with pytest.raises(NotEmptyError):
        changes.rmdir(connection, *place(connection, anna, "Wedding/a"), now=NOW)
    changes.unlink(connection, *place(connection, anna, "Wedding/a/1.jpg"), now=NOW)
    changes.rmdir(connection, *place(connection, anna, "Wedding/a"), now=NOW)

    assert listed(connection, look(connection, anna, "Wedding").inode) == []


def test_a_directory_is_not_unlinked_and_a_file_is_no_directory(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/a")
    send(connection, store, anna, "Wedding/1.jpg", JPEG)

    with pytest.raises(DirectoryError):
        changes.unlink(connection, *place(connection, anna, "Wedding/a"), now=NOW)
    with pytest.raises(NoDirectoryError):
        changes.rmdir(connection, *place(connection, anna, "Wedding/1.jpg"), now=NOW)
    with pytest.raises(NoDirectoryError):
        create(connection, look(connection, anna, "Wedding/1.jpg").inode, b"2.jpg")
    with pytest.raises(DirectoryError):
        versions.open_file(connection, look(connection, anna, "Wedding/a").inode, writing=False)


def test_nothing_can_be_made_in_a_directory_that_was_removed(
    connection: Connection, anna: int
) -> None:
    """A client's working directory may be one."""
    removed = mkdir(connection, anna, "Wedding/a")
    changes.rmdir(connection, *place(connection, anna, "Wedding/a"), now=NOW)

    with pytest.raises(NoSuchEntryError):
        create(connection, removed.inode, b"1.jpg")
    with pytest.raises(NoSuchEntryError):
        listed(connection, removed.inode)


# --- times and attributes ---


def test_times_are_kept_to_the_nanosecond(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    inode = look(connection, anna, "Wedding/a.jpg").inode

    for mtime_ns, atime_ns in [(1_234_567_890_123_456_789, None), (None, -1), (-(10**18), 2**62)]:
        before = views.node(connection, inode)
        changes.set_times(
            connection, store, inode, mtime_ns=mtime_ns, atime_ns=atime_ns, now=NOW, held=False
        )
        after = views.node(connection, inode)

        assert after.mtime_ns == (before.mtime_ns if mtime_ns is None else mtime_ns)
        assert after.atime_ns == (before.atime_ns if atime_ns is None else atime_ns)


def test_who_holds_a_file_open_may_set_its_times_though_its_job_is_closed(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    upload = open_new(connection, store, anna, "Wedding/a.jpg", JPEG)
    inode = look(connection, anna, "Wedding/a.jpg").inode
    jobs.set_status(connection, upload.job_id, JobStatus.SELLING)

    with pytest.raises(NoSuchEntryError):
        set_mtime(connection, store, inode)
    changes.set_times(connection, store, inode, mtime_ns=7, atime_ns=None, now=NOW, held=True)

    assert views.open_node(connection, inode).mtime_ns == 7


def test_a_directorys_time_is_that_of_its_last_change_of_a_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    directory = mkdir(connection, anna, "Wedding/a")
    send(connection, store, anna, "Wedding/a/1.jpg", JPEG)
    set_mtime(connection, store, directory.inode, 5)

    send_again(connection, store, anna, "Wedding/a/1.jpg", OTHER_JPEG)
    assert views.node(connection, directory.inode).mtime_ns == 5

    changes.unlink(connection, *place(connection, anna, "Wedding/a/1.jpg"), now=NOW)
    assert views.node(connection, directory.inode).mtime_ns == NOW.ns


def test_attributes_tell_what_is_known_of_a_file(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    mkdir(connection, anna, "Wedding/Class 1/Group")
    send(connection, store, anna, "Wedding/Class 1/Group/a.jpg", JPEG)
    send_again(connection, store, anna, "Wedding/Class 1/Group/a.jpg", JPEG[:-2])
    file = look(connection, anna, "Wedding/Class 1/Group/a.jpg").inode

    found = {
        name.removeprefix("user.jobfs."): value
        for name, value in attributes.all_of(connection, file).items()
    }

    problem = found.pop("problem")
    assert len(found.pop("sha256")) == 64
    assert found == {
        "album": "Class 1", "section": "group", "state": "incomplete",
        "uploader": "anna", "version": "2",
    }  # fmt: skip
    assert "ends" in problem


def test_a_root_has_no_attributes(connection: Connection, anna: int) -> None:
    for inode in (root_of(anna), inodes.ROOT_INODE):
        assert attributes.all_of(connection, inode) == {}


def test_attributes_tell_the_status_of_a_job(connection: Connection, anna: int) -> None:
    found = attributes.all_of(connection, look(connection, anna, "Wedding").inode)

    assert found == {"user.jobfs.status": "planned"}


def test_attributes_tell_where_the_photos_of_a_directory_go(
    connection: Connection, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    mkdir(connection, anna, "Wedding/Class 1/Groups")

    found = attributes.all_of(connection, look(connection, anna, "Wedding/Class 1/Groups").inode)

    problem = found.pop("user.jobfs.problem")
    assert found == {
        "user.jobfs.album": "Class 1", "user.jobfs.section": "individuals",
        "user.jobfs.uploader": "anna",
    }  # fmt: skip
    assert 'Name it "group"' in problem


def test_a_file_that_is_no_photo_has_a_problem_unless_nobody_expects_one(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    for name, has_problem in (("notes.pdf", True), ("Thumbs.db", False)):
        send(connection, store, anna, f"Wedding/{name}", b"%PDF-1.7 no picture")

        found = attributes.all_of(connection, look(connection, anna, f"Wedding/{name}").inode)

        assert ("user.jobfs.problem" in found) == has_problem


def forbidden() -> pytest.RaisesExc[ForbiddenError]:
    """Expect the refusal that OpenSSH shows as "Permission denied"."""
    return pytest.raises(ForbiddenError)


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


def test_a_time_that_is_set_is_an_event(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    job(connection, "School", anna)
    send(connection, store, anna, "School/a.jpg", JPEG)
    before = feed.last_of_transaction(connection)

    set_mtime(connection, store, look(connection, anna, "School/a.jpg").inode, 42)

    last = feed.last_of_transaction(connection)
    data = connection.execute(select(EventRow.data).where(EventRow.id == last.id)).scalar_one()
    assert last.id == before.id + 1
    assert json.loads(str(data))["mtime_ns"] == 42
