"""What is deleted or overwritten, and how it comes back."""

import errno

import pytest

from jobfs.catalog import photos, tasks, uploads
from jobfs.catalog.refusals import BeingSentError, NoSuchItemError
from jobfs.catalog.trash import Item, Kind
from jobfs.domain.events import EventKind
from jobfs.domain.uploads import Change, UploadState
from jobfs.tree import versions
from tests.stored import studio
from tests.stored.sending import claimed, pending
from tests.stored.studio import NOON
from tests.stored.wedding import BLUE, GREEN, OTHER_SHOT, RED, Wedding

# --- what counts ---


def test_a_deleted_file_is_in_the_trash_with_who_and_when(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    wedding.send("Wedding/Class 1/a.jpg", RED)

    wedding.unlink("Wedding/Class 1/a.jpg")

    (item,) = wedding.trash()
    assert item == Item(
        id=item.id, path="Class 1/a.jpg", kind=Kind.DELETED, size=len(RED), state="received",
        removed_at=NOON, removed_by="anna", kept=False,
    )  # fmt: skip
    assert item.id.startswith("e")


def test_a_file_that_another_was_renamed_over_is_replaced(wedding: Wedding) -> None:
    wedding.send("Wedding/a.jpg", RED)
    wedding.send("Wedding/b.jpg.filepart", BLUE)

    wedding.move("Wedding/b.jpg.filepart", "Wedding/a.jpg")

    (item,) = wedding.trash()
    assert (item.path, item.kind, item.removed_by) == ("a.jpg", Kind.REPLACED, "anna")


def test_an_overwritten_version_is_in_the_trash_with_who_and_when(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)

    wedding.overwrite("Wedding/a.jpg", BLUE)

    (item,) = wedding.trash()
    assert (item.id, item.path, item.kind) == (f"v{first.id}", "a.jpg", Kind.OVERWRITTEN)
    assert (item.size, item.removed_at, item.removed_by) == (len(RED), NOON, "anna")


def test_of_an_interrupted_rewrite_the_trash_has_the_half_and_not_the_whole(
    wedding: Wedding,
) -> None:
    wedding.send("Wedding/a.jpg", RED)
    half = wedding.rewrite("Wedding/a.jpg")
    assert wedding.trash() == []  # the whole one comes back if the rewrite dies

    wedding.drop_connection(half)

    (item,) = wedding.trash()
    assert (item.id, item.kind, item.size) == (f"v{half.id}", Kind.INTERRUPTED, 10)
    assert item.removed_by == "anna"
    assert wedding.content("Wedding/a.jpg") == RED


def test_what_a_handle_wrote_that_lost_its_file_is_in_the_trash(wedding: Wedding) -> None:
    loser = wedding.do(studio.open_new, wedding.store, wedding.anna, "Wedding/a.jpg", RED)
    wedding.overwrite("Wedding/a.jpg", BLUE)

    wedding.do(versions.left_behind, loser.id, len(RED))

    (item,) = wedding.trash()
    assert (item.id, item.kind, item.size) == (f"v{loser.id}", Kind.INTERRUPTED, len(RED))


def test_what_has_no_bytes_is_not_listed(wedding: Wedding) -> None:
    wedding.send("Wedding/a.jpg", b"")
    wedding.overwrite("Wedding/a.jpg", RED)
    wedding.send("Wedding/b.jpg", b"")
    wedding.unlink("Wedding/b.jpg")

    assert wedding.trash() == []


def test_the_trash_is_that_of_one_job(wedding: Wedding) -> None:
    wedding.do(studio.job, "School", wedding.anna)
    wedding.send("School/a.jpg", RED)
    wedding.unlink("School/a.jpg")

    assert wedding.trash() == []


# --- restoring files ---


def test_a_deleted_file_comes_back_as_it_was(wedding: Wedding) -> None:
    wedding.send("Wedding/a.jpg", RED)
    before = wedding.do(studio.look, wedding.anna, "Wedding/a.jpg")
    wedding.unlink("Wedding/a.jpg")

    path = wedding.restore(wedding.trash()[0].id)

    after = wedding.do(studio.look, wedding.anna, "Wedding/a.jpg")
    assert path == "Wedding/a.jpg"
    assert (after.inode, after.size, after.mtime_ns) == (
        before.inode, before.size, before.mtime_ns,
    )  # fmt: skip
    assert wedding.content("Wedding/a.jpg") == RED
    assert wedding.trash() == []


def test_removed_directories_come_back_with_a_file(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    wedding.mkdir("Wedding/Class 1/group")
    wedding.send("Wedding/Class 1/group/a.jpg", RED)
    wedding.unlink("Wedding/Class 1/group/a.jpg")
    wedding.rmdir("Wedding/Class 1/group")
    wedding.rmdir("Wedding/Class 1")

    path = wedding.restore(wedding.trash()[0].id)

    assert path == "Wedding/Class 1/group/a.jpg"
    assert wedding.names("Wedding/Class 1/group") == ["a.jpg"]


def test_a_directory_that_was_made_anew_takes_what_stood_in_the_old_one(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    wedding.send("Wedding/Class 1/a.jpg", RED)
    wedding.unlink("Wedding/Class 1/a.jpg")
    wedding.rmdir("Wedding/Class 1")
    wedding.mkdir("Wedding/Class 1")

    assert wedding.restore(wedding.trash()[0].id) == "Wedding/Class 1/a.jpg"

    assert wedding.names() == ["Class 1"]


def test_a_file_whose_name_is_taken_comes_back_beside_it(wedding: Wedding) -> None:
    for colour in (RED, BLUE, GREEN):
        wedding.send("Wedding/a.jpg", colour)
        if colour != GREEN:
            wedding.unlink("Wedding/a.jpg")
    newest, oldest = wedding.trash()

    paths = wedding.restore(oldest.id), wedding.restore(newest.id)

    assert paths == ("Wedding/a (restored).jpg", "Wedding/a (restored 2).jpg")
    assert wedding.content("Wedding/a.jpg") == GREEN
    assert wedding.content("Wedding/a (restored).jpg") == RED


def test_a_file_in_the_place_of_a_removed_directory_stays_there(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/x")
    wedding.send("Wedding/x/a.jpg", RED)
    wedding.unlink("Wedding/x/a.jpg")
    wedding.rmdir("Wedding/x")
    wedding.send("Wedding/x", BLUE)

    assert wedding.restore(wedding.trash()[0].id) == "Wedding/x (restored)/a.jpg"


def test_a_restored_file_is_an_event(wedding: Wedding) -> None:
    wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")

    wedding.restore(wedding.trash()[0].id)

    (event,) = wedding.events(EventKind.ENTRY_RESTORED)
    assert (event.job_id, event.data["name"]) == (wedding.job_id, "a.jpg")


@pytest.mark.parametrize(
    "item_id", ["", "e", "e0", "12", "x1", "e1 ", "e999", "v999", "e" + "9" * 30]
)
def test_what_is_not_in_the_trash_cannot_be_restored(wedding: Wedding, item_id: str) -> None:
    with pytest.raises(NoSuchItemError, match="jobfs trash list") as refusal:
        wedding.restore(item_id)

    assert refusal.value.errno == errno.ENOENT


def test_what_stands_in_its_place_cannot_be_restored(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)

    for item_id in (f"e{upload.entry_id}", f"v{upload.id}"):
        with pytest.raises(NoSuchItemError):
            wedding.restore(item_id)


# --- restoring versions ---


def test_a_restored_version_changes_places_with_the_present_one(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    second = wedding.overwrite("Wedding/a.jpg", BLUE)

    wedding.restore(f"v{first.id}")

    assert wedding.content("Wedding/a.jpg") == RED
    (item,) = wedding.trash()
    assert (item.id, item.kind, item.removed_by) == (f"v{second.id}", Kind.OVERWRITTEN, None)
    (event,) = wedding.events(EventKind.UPLOAD_RESTORED)
    assert event.upload_id == first.id


def test_a_version_of_a_deleted_file_brings_the_file_back(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.overwrite("Wedding/a.jpg", BLUE)
    wedding.unlink("Wedding/a.jpg")

    assert wedding.restore(f"v{first.id}") == "Wedding/a.jpg"

    assert wedding.content("Wedding/a.jpg") == RED
    assert [item.kind for item in wedding.trash()] == [Kind.OVERWRITTEN]


def test_a_version_that_was_kept_comes_back_when_the_one_that_the_file_showed_is_purged(
    wedding: Wedding,
) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE), OTHER_SHOT)
    wedding.unlink("Wedding/a.jpg")
    assert wedding.purge().uploads == 1
    (kept,) = wedding.trash()

    assert wedding.restore(kept.id) == "Wedding/a.jpg"

    assert wedding.content("Wedding/a.jpg") == RED
    assert pending(wedding.catalog) == [first.id]  # it decides which photo the name shows


def test_a_version_waits_for_the_one_that_is_being_sent(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.do(studio.open_again, wedding.store, wedding.anna, "Wedding/a.jpg", BLUE)

    with pytest.raises(BeingSentError, match="is being sent") as refusal:
        wedding.restore(f"v{first.id}")

    assert refusal.value.errno == errno.EBUSY


# --- restored photos ---


def test_a_deleted_photo_is_a_photo_again_at_once(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(upload)
    wedding.unlink("Wedding/a.jpg")

    wedding.restore(f"e{upload.entry_id}")

    assert wedding.photos() == [("a.jpg", upload.id)]
    assert pending(wedding.catalog) == []


def test_a_file_that_was_deleted_before_ingest_is_ingested_when_restored(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")
    wedding.do(photos.leave, claimed(wedding.catalog, upload.id), now=NOON)
    assert pending(wedding.catalog) == []

    wedding.restore(f"e{upload.entry_id}")
    wedding.ingest(upload)

    assert wedding.photos() == [("a.jpg", upload.id)]


def test_a_restored_version_becomes_the_photo(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    photo = wedding.ingest(first)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE))

    wedding.restore(f"v{first.id}")

    assert pending(wedding.catalog) == [first.id]
    assert wedding.ingest(first) == photo
    assert wedding.photos() == [("a.jpg", first.id)]


def test_a_restored_version_is_the_photo_also_before_a_newer_one_that_waits_for_ingest(
    wedding: Wedding,
) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    second = wedding.overwrite("Wedding/a.jpg", BLUE)

    wedding.restore(f"v{first.id}")

    wedding.do(photos.leave, claimed(wedding.catalog, second.id), now=NOON)
    assert pending(wedding.catalog) == []
    assert wedding.photos() == [("a.jpg", first.id)]


def test_a_photo_whose_name_was_sent_again_is_a_photo_of_its_own_when_restored(
    wedding: Wedding,
) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    photo = wedding.ingest(first)
    wedding.unlink("Wedding/a.jpg")
    second = wedding.send("Wedding/a.jpg", BLUE)
    assert wedding.ingest(second) == photo  # the same capture: a version of it

    wedding.restore(f"e{first.entry_id}")
    wedding.ingest(first)

    assert wedding.photos() == [("a (restored).jpg", first.id), ("a.jpg", second.id)]


def test_a_photo_whose_name_another_had_is_current_again_when_restored(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    photo = wedding.ingest(first)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE), OTHER_SHOT)

    wedding.restore(f"v{first.id}")

    assert wedding.ingest(first) == photo
    assert wedding.photos() == [("a.jpg", first.id)]


def test_a_damaged_file_comes_back_damaged(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.do(
        photos.refuse, claimed(wedding.catalog, upload.id), Change.NOT_DECODED, sha256="aa",
        reason="torn", advice="send it", now=NOON,
    )  # fmt: skip
    wedding.unlink("Wedding/a.jpg")

    wedding.restore(f"e{upload.entry_id}")

    assert wedding.do(uploads.get, upload.id).state is UploadState.DAMAGED
    assert pending(wedding.catalog) == []


def test_a_file_restored_under_a_workers_hands_is_looked_at_again(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    task = claimed(wedding.catalog, upload.id)
    wedding.unlink("Wedding/a.jpg")  # the worker looks now, and finds nothing to do
    wedding.restore(f"e{upload.entry_id}")

    wedding.do(photos.leave, task, now=NOON)

    (waiting,) = wedding.do(tasks.listing)
    assert (waiting.upload_id, waiting.state) == (upload.id, "waiting")
