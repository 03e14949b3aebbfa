from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from jobfs.blobs.store import BlobStore
from jobfs.catalog import accounts, grants, jobs
from jobfs.catalog.engine import Catalog
from jobfs.domain import inodes
from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.refusals import BadNameError, NameTooLongError
from jobfs.errors import JobfsError
from jobfs.tree import attributes, changes, versions, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import (
    ForbiddenError,
    NameTakenError,
    NoSuchEntryError,
)
from tests.pure.pictures import noise, saved
from tests.stored.studio import (
    NOON,
    NOW,
    account,
    as_seen_by,
    create,
    entry_of,
    granted,
    job,
    listed,
    look,
    mkdir,
    move,
    open_again,
    open_new,
    place,
    plain_sql,
    root_of,
    send,
    send_again,
    set_mtime,
)

JPEG = saved(noise(), "JPEG")
OTHER_JPEG = saved(noise(), "JPEG")
NFC, NFD = "Süd", "Su\u0308d"


# --- what is seen ---


@pytest.mark.parametrize("status", [JobStatus.PREPAY, JobStatus.SELLING, JobStatus.ARCHIVED])
def test_only_a_planned_job_is_a_directory(
    connection: Connection, store: BlobStore, anna: int, status: JobStatus
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")

    jobs.set_status(connection, jobs.by_name(connection, "Wedding").id, status)

    assert listed(connection, root_of(anna)) == []
    assert_gone(connection, store, anna, directory.inode, file.inode)


def test_a_job_closed_by_plain_sql_is_gone(catalog: Catalog, store: BlobStore) -> None:
    with catalog.writing() as connection:
        anna = account(connection)
        job(connection, "Wedding", anna)
        send(connection, store, anna, "Wedding/a.jpg", JPEG)
        directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")

    plain_sql(catalog, "UPDATE job SET status = 'selling'")

    with catalog.writing() as connection:
        assert_gone(connection, store, anna, directory.inode, file.inode)


def test_a_job_that_is_planned_again_has_its_content_and_its_inode_numbers(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    send(connection, store, anna, "Wedding/Class 1/a.jpg", JPEG)
    paths = ["Wedding", "Wedding/Class 1", "Wedding/Class 1/a.jpg"]
    before = [look(connection, anna, path) for path in paths]
    job_id = jobs.by_name(connection, "Wedding").id

    jobs.set_status(connection, job_id, JobStatus.ARCHIVED)
    jobs.set_status(connection, job_id, JobStatus.PLANNED)

    assert [look(connection, anna, path) for path in paths] == before


def test_a_renamed_job_keeps_its_inode_numbers_and_loses_its_old_name(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")

    jobs.rename(connection, jobs.by_name(connection, "Wedding").id, "Marriage")

    assert look(connection, anna, "Marriage").inode == directory.inode
    assert look(connection, anna, "Marriage/a.jpg").inode == file.inode
    assert listed(connection, root_of(anna)) == ["Marriage"]
    with pytest.raises(NoSuchEntryError):
        look(connection, anna, "Wedding")


def test_an_account_sees_the_jobs_it_was_granted(connection: Connection, anna: int) -> None:
    berta = account(connection, "berta")
    job(connection, "Prom", berta)

    assert listed(connection, root_of(anna)) == ["Wedding"]
    assert listed(connection, root_of(berta)) == ["Prom"]


def test_what_was_not_granted_is_not_there(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """By name, and by a number that was made up or belongs to somebody else's view."""
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")
    berta = account(connection, "berta")

    with pytest.raises(NoSuchEntryError):
        look(connection, berta, "Wedding")
    assert_gone(
        connection, store, berta,
        as_seen_by(berta, directory.inode), as_seen_by(berta, file.inode),
    )  # fmt: skip


def test_a_grant_that_is_revoked_hides_the_job(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")

    grants.revoke(connection, anna, jobs.by_name(connection, "Wedding").id)

    assert_gone(connection, store, anna, directory.inode, file.inode)


def test_two_accounts_see_each_others_entries_under_numbers_of_their_own(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    """The kernel allows a directory one place only, and shows one owner per number."""
    berta = account(connection, "berta")
    grants.grant(connection, berta, jobs.by_name(connection, "Wedding").id, Right.EDIT)
    send(connection, store, anna, "Wedding/a.jpg", JPEG)

    hers = look(connection, anna, "Wedding/a.jpg")
    theirs = look(connection, berta, "Wedding/a.jpg")

    assert hers.inode != theirs.inode
    assert entry_of(hers.inode) == entry_of(theirs.inode)
    assert (hers.uid, theirs.uid) == (20_000 + anna, 20_000 + berta)
    assert (hers.size, hers.mtime_ns) == (theirs.size, theirs.mtime_ns)


def test_an_account_with_all_jobs_may_edit_every_planned_one(
    connection: Connection, store: BlobStore
) -> None:
    boss = account(connection, "boss", all_jobs=True)
    job(connection, "Wedding")
    job(connection, "Prom", boss, right=Right.READ)
    job(connection, "Sold", status=JobStatus.SELLING)

    assert sorted(listed(connection, root_of(boss))) == ["Prom", "Wedding"]
    send(connection, store, boss, "Wedding/a.jpg", JPEG)
    send(connection, store, boss, "Prom/a.jpg", JPEG)


def test_a_removed_account_sees_nothing(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    directory, file = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/a.jpg")

    accounts.remove(connection, anna, now=NOON)

    with pytest.raises(NoSuchEntryError):
        views.node(connection, root_of(anna))
    with pytest.raises(NoSuchEntryError):
        views.child(connection, inodes.ROOT_INODE, b"anna")
    assert listed(connection, root_of(anna)) == []
    assert_gone(connection, store, anna, directory.inode, file.inode)


def test_the_mounts_root_holds_a_root_for_each_account(connection: Connection, anna: int) -> None:
    berta = account(connection, "berta")

    root = views.child(connection, inodes.ROOT_INODE, b"anna")

    assert root == views.node(connection, root_of(anna))
    assert (root.uid, root.gid) == (0, 20_000 + anna)
    assert oct(root.mode) == "0o40750"
    assert listed(connection, inodes.ROOT_INODE) == ["anna", "berta", ".jobfs"]
    assert views.node(connection, root_of(berta)).above == inodes.ROOT_INODE


def test_a_directory_knows_the_one_above_it(connection: Connection, anna: int) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    directory, album = look(connection, anna, "Wedding"), look(connection, anna, "Wedding/Class 1")

    assert album.above == directory.inode
    assert directory.above == root_of(anna)


def test_a_directory_counts_the_directories_in_it_as_links(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    assert look(connection, anna, "Wedding").links == 2

    mkdir(connection, anna, "Wedding/Class 1")
    mkdir(connection, anna, "Wedding/Class 2")

    assert look(connection, anna, "Wedding").links == 4


# --- what may be done ---


def test_a_grant_to_read_is_no_grant_to_change(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    reader = granted(connection, "reader", Right.READ)
    mkdir(connection, anna, "Wedding/empty")
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    file = look(connection, reader, "Wedding/a.jpg")

    versions.open_file(connection, file.inode, writing=False)

    with forbidden():
        open_new(connection, store, reader, "Wedding/b.jpg", JPEG)
    with forbidden():
        mkdir(connection, reader, "Wedding/Class 1")
    with forbidden():
        changes.unlink(connection, *place(connection, reader, "Wedding/a.jpg"), now=NOW)
    with forbidden():
        changes.rmdir(connection, *place(connection, reader, "Wedding/empty"), now=NOW)
    with forbidden():
        move(connection, store, reader, "Wedding/a.jpg", "Wedding/b.jpg")
    with forbidden():
        versions.open_file(connection, file.inode, writing=True)
    with forbidden():
        set_mtime(connection, store, file.inode)
    assert listed(connection, look(connection, anna, "Wedding").inode) == ["empty", "a.jpg"]


def test_a_grant_to_add_is_one_to_change_what_one_has_added(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    helper = granted(connection, "helper", Right.ADD)
    mkdir(connection, anna, "Wedding/Class 1")
    send(connection, store, anna, "Wedding/Class 1/a.jpg", JPEG)

    send(connection, store, helper, "Wedding/Class 1/b.jpg", JPEG)
    send_again(connection, store, helper, "Wedding/Class 1/b.jpg", OTHER_JPEG)
    set_mtime(connection, store, look(connection, helper, "Wedding/Class 1/b.jpg").inode)
    move(connection, store, helper, "Wedding/Class 1/b.jpg", "Wedding/c.jpg")

    for refused in ("Wedding/Class 1/a.jpg", "Wedding/Class 1"):
        with forbidden():
            move(connection, store, helper, refused, "Wedding/d")
    with forbidden():
        move(connection, store, helper, "Wedding/c.jpg", "Wedding/Class 1/a.jpg")
    with forbidden():
        open_again(connection, store, helper, "Wedding/Class 1/a.jpg", JPEG)
    with forbidden():
        set_mtime(connection, store, look(connection, helper, "Wedding/Class 1/a.jpg").inode)
    changes.unlink(connection, *place(connection, helper, "Wedding/c.jpg"), now=NOW)


def test_the_roots_are_not_an_accounts_to_change(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    inside = place(connection, anna, "Wedding/a.jpg")

    for root in (root_of(anna), inodes.ROOT_INODE):
        with forbidden():
            changes.mkdir(connection, root, b"Prom", now=NOW)
        with forbidden():
            create(connection, root, b"a.jpg")
        with forbidden():
            changes.rmdir(connection, root, b"Wedding", now=NOW)
        with forbidden():
            changes.unlink(connection, root, b"Wedding", now=NOW)
        with forbidden():
            rename(connection, store, Place(root, b"Wedding"), Place(root, b"Prom"))
        with forbidden():
            rename(connection, store, Place(root, b"Wedding"), inside)
        with forbidden():
            rename(connection, store, inside, Place(root, b"a.jpg"))
        with forbidden():
            set_mtime(connection, store, root)
    assert listed(connection, root_of(anna)) == ["Wedding"]


@pytest.mark.parametrize("name", ["_STATUS.txt", "_PROBLEMS.csv", "_RECEIPT.sha256", "_STATUS."])
def test_the_names_of_status_files_are_kept_in_a_jobs_own_directory(
    connection: Connection, store: BlobStore, anna: int, name: str
) -> None:
    mkdir(connection, anna, "Wedding/Class 1")
    send(connection, store, anna, "Wedding/a.jpg", JPEG)

    with forbidden():
        open_new(connection, store, anna, f"Wedding/{name}", JPEG)
    with forbidden():
        mkdir(connection, anna, f"Wedding/{name}")
    with forbidden():
        move(connection, store, anna, "Wedding/a.jpg", f"Wedding/{name}")
    send(connection, store, anna, f"Wedding/Class 1/{name}", JPEG)


# --- names ---


@pytest.mark.parametrize(("made", "asked"), [(NFC, NFD), (NFD, NFC)])
def test_two_spellings_of_a_name_are_one_entry(
    connection: Connection, store: BlobStore, anna: int, made: str, asked: str
) -> None:
    send(connection, store, anna, f"Wedding/{made}", JPEG)

    found = look(connection, anna, f"Wedding/{asked}")

    assert found.inode == look(connection, anna, f"Wedding/{made}").inode
    assert found.name == made
    with pytest.raises(NameTakenError):
        open_new(connection, store, anna, f"Wedding/{asked}", JPEG)
    with pytest.raises(NameTakenError):
        mkdir(connection, anna, f"Wedding/{asked}")
    changes.unlink(connection, *place(connection, anna, f"Wedding/{asked}"), now=NOW)
    assert listed(connection, look(connection, anna, "Wedding").inode) == []


def test_a_rename_to_another_spelling_takes_the_new_one(
    connection: Connection, store: BlobStore, anna: int
) -> None:
    send(connection, store, anna, f"Wedding/{NFD}", JPEG)

    move(connection, store, anna, f"Wedding/{NFD}", f"Wedding/{NFC}")

    assert listed(connection, look(connection, anna, "Wedding").inode) == [NFC]


@pytest.mark.parametrize("asked", [NFC, NFD])
def test_a_job_is_found_under_any_spelling_of_its_name(connection: Connection, asked: str) -> None:
    """A Mac's programs may spell every name with its accents apart."""
    anna = account(connection)
    job(connection, NFC, anna)

    assert look(connection, anna, asked).name == NFC


def test_a_job_that_plain_sql_spelled_otherwise_is_found(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        anna = account(connection)
        job(connection, "Wedding", anna)

    plain_sql(catalog, "UPDATE job SET name = 'Su\u0308d'")

    with catalog.reading() as connection:
        (name,) = listed(connection, root_of(anna))
        assert look(connection, anna, name).name == NFD


def test_case_makes_another_entry(connection: Connection, store: BlobStore, anna: int) -> None:
    send(connection, store, anna, "Wedding/a.jpg", JPEG)
    send(connection, store, anna, "Wedding/A.JPG", JPEG)

    assert listed(connection, look(connection, anna, "Wedding").inode) == ["a.jpg", "A.JPG"]


@pytest.mark.parametrize(
    "name", ["a'b\"c", "%", "_", "new\nline", " ", "...", "\\", "日本語", "👰🏽", "a" * 255]
)
def test_a_name_comes_back_exactly_as_it_was_sent(
    connection: Connection, store: BlobStore, anna: int, name: str
) -> None:
    send(connection, store, anna, f"Wedding/{name}", JPEG)

    assert look(connection, anna, f"Wedding/{name}").name == name
    assert listed(connection, look(connection, anna, "Wedding").inode) == [name]


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (b"S\xfcd.jpg", BadNameError),
        (b"\xed\xa0\x80", BadNameError),
        (b"a\0b", BadNameError),
        (b"a/b", BadNameError),
        (b"", BadNameError),
        ("ü".encode() * 128, NameTooLongError),
    ],
)
def test_a_name_that_no_entry_can_have_is_refused(
    connection: Connection, store: BlobStore, anna: int, name: bytes, refusal: type[JobfsError]
) -> None:
    directory = look(connection, anna, "Wedding").inode
    send(connection, store, anna, "Wedding/a.jpg", JPEG)

    with pytest.raises(refusal):
        views.child(connection, directory, name)
    with pytest.raises(refusal):
        create(connection, directory, name)
    with pytest.raises(refusal):
        changes.mkdir(connection, directory, name, now=NOW)
    with pytest.raises(refusal):
        rename(connection, store, Place(directory, b"a.jpg"), Place(directory, name))
    assert listed(connection, directory) == ["a.jpg"]


def forbidden() -> pytest.RaisesExc[ForbiddenError]:
    """Expect the refusal that OpenSSH shows as "Permission denied"."""
    return pytest.raises(ForbiddenError)


def assert_gone(
    connection: Connection, store: BlobStore, account_id: int, directory: int, file: int
) -> None:
    """Nothing reaches a job that is hidden: neither its names nor the numbers the kernel has kept."""
    attempts: list[partial[Any]] = [
        partial(look, connection, account_id, "Wedding"),
        partial(views.node, connection, directory),
        partial(views.node, connection, file),
        partial(views.child, connection, directory, b"a.jpg"),
        partial(views.children, connection, directory, after=0, limit=9),
        partial(changes.mkdir, connection, directory, b"new", now=NOW),
        partial(create, connection, directory, b"new"),
        partial(changes.unlink, connection, directory, b"a.jpg", now=NOW),
        partial(changes.rmdir, connection, directory, b"a.jpg", now=NOW),
        partial(
            changes.rename, connection, store, Place(directory, b"a.jpg"), Place(directory, b"b"),
            replace=True, now=NOW,
        ),
        partial(set_mtime, connection, store, file),
        partial(versions.open_file, connection, file, writing=False),
        partial(versions.open_file, connection, file, writing=True),
        partial(attributes.all_of, connection, file),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(NoSuchEntryError):
            attempt()


def rename(connection: Connection, store: BlobStore, old: Place, new: Place) -> None:
    changes.rename(connection, store, old, new, replace=True, now=NOW)
