from dataclasses import replace

import pytest

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import feed, pairs, photo_listing, photos, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.photo_listing import Photo
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.domain.exif import Shot
from jobfs.domain.uploads import Change, UploadState
from tests.stored.sending import Sender, claimed, now, pending

SHOT = Shot(taken="2026-05-04T10:11:12", subsecond="34", offset="+02:00", serial="42")
OTHER_SHOT = replace(SHOT, taken="2026-05-04T10:11:13")


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


def found(sha256: str, shot: Shot = SHOT) -> Ingested:
    renditions = tuple(
        Rendition(name=name, width=edge, height=edge, size=edge, key=new_key())
        for name, edge in (("large", 2048), ("preview", 1024), ("thumbnail", 256))
    )
    return Ingested(
        sha256=sha256, format="JPEG", width=6000, height=4000, shot=shot, renditions=renditions
    )


def record(sender: Sender, upload_id: int, result: Ingested) -> tuple[str, ...]:
    task = claimed(sender.catalog, upload_id)
    with sender.catalog.writing() as connection:
        return photos.record(connection, task, result, now=now())


def ingest(sender: Sender, upload_id: int, result: Ingested) -> int | None:
    """Record a result, and return the photo that its upload's name leads to."""
    record(sender, upload_id, result)
    with sender.catalog.reading() as connection:
        return pairs.id_at(connection, sender.upload(upload_id).entry_id)


def listed(sender: Sender, *, everything: bool = False) -> list[Photo]:
    with sender.catalog.reading() as connection:
        return photo_listing.listing(connection, sender.job_id, everything=everything)


def keys(result: Ingested) -> set[str]:
    return {rendition.key for rendition in result.renditions}


def shown_keys(photo: Photo) -> set[str]:
    return {rendition.key for rendition in photo.renditions}


def test_an_upload_becomes_a_photo(sender: Sender) -> None:
    upload = sender.send("Class 1/group/IMG_1.JPG", b"12345")
    result = found("aa")

    unused = record(sender, upload, result)

    (photo,) = listed(sender)
    assert unused == ()
    assert (photo.path, photo.album, photo.section) == (
        "Class 1/group/IMG_1.JPG", "Class 1", "group",
    )  # fmt: skip
    assert (photo.state, photo.sha256, photo.size) == ("ingested", "aa", 5)
    assert (photo.width, photo.height, photo.current) == (6000, 4000, True)
    assert photo.captured == "2026-05-04T10:11:12.34+02:00"
    assert [rendition.name for rendition in photo.renditions] == ["thumbnail", "preview", "large"]
    assert shown_keys(photo) == keys(result)
    assert sender.upload(upload).state is UploadState.INGESTED
    assert pending(sender.catalog) == []


def test_a_photo_is_an_event(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")

    photo_id = ingest(sender, upload, found("aa"))

    with sender.catalog.reading() as connection:
        event = feed.after(connection, feed.START)[-1]
    assert (event.kind, event.upload_id, event.photo_id) == (
        "photo.ingested", upload, photo_id,
    )  # fmt: skip


def test_a_lost_claim_records_nothing(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")
    lost = replace(claimed(sender.catalog, upload), token="another's by now")
    result = found("aa")

    with sender.catalog.writing() as connection:
        unused = photos.record(connection, lost, result, now=now())

    assert set(unused) == keys(result)
    assert listed(sender) == []
    assert pending(sender.catalog) == [upload]


def test_a_transaction_that_is_tried_again_keeps_what_it_had_recorded(sender: Sender) -> None:
    """A connection can die after the commit and before the answer."""
    upload = sender.send("IMG_1.JPG")
    task, result = claimed(sender.catalog, upload), found("aa")
    with sender.catalog.writing() as connection:
        photos.record(connection, task, result, now=now())

    with sender.catalog.writing() as connection:
        unused = photos.record(connection, task, result, now=now())

    assert unused == ()
    assert len(listed(sender)) == 1


def test_a_file_that_was_removed_meanwhile_is_no_photo(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")
    sender.remove("IMG_1.JPG")
    result = found("aa")

    unused = record(sender, upload, result)

    assert set(unused) == keys(result)
    assert listed(sender, everything=True) == []
    assert pending(sender.catalog) == []
    assert sender.upload(upload).state is UploadState.RECEIVED


def test_an_upload_that_was_overwritten_meanwhile_is_no_photo(sender: Sender) -> None:
    first = sender.send("IMG_1.JPG")
    second = sender.send("IMG_1.JPG")

    record(sender, first, found("aa"))

    assert listed(sender) == []
    assert pending(sender.catalog) == [second]


def test_a_whole_upload_is_the_photo_until_the_one_that_replaces_it_is_whole(
    sender: Sender,
) -> None:
    upload = sender.send("IMG_1.JPG")
    newer = sender.begin("IMG_1.JPG", b"half of")
    with sender.catalog.writing() as connection:
        uploads.change(connection, sender.upload(newer), Change.CUT_OFF, now=now())

    record(sender, upload, found("aa"))

    assert [photo.sha256 for photo in listed(sender)] == ["aa"]
    assert sender.upload(upload).state is UploadState.INGESTED


def test_a_file_that_was_renamed_meanwhile_is_a_photo_under_its_new_name(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")
    sender.rename("IMG_1.JPG", "Anna.JPG")

    record(sender, upload, found("aa"))

    assert [photo.path for photo in listed(sender)] == ["Anna.JPG"]


# --- the same name again ---


def test_the_same_bytes_again_change_nothing(sender: Sender) -> None:
    first = found("aa")
    photo_id = ingest(sender, sender.send("IMG_1.JPG"), first)
    again, fresh = sender.send("IMG_1.JPG"), found("aa")

    unused = record(sender, again, fresh)

    (photo,) = listed(sender, everything=True)
    assert photo.id == photo_id
    assert shown_keys(photo) == keys(first)
    assert set(unused) == keys(fresh)
    assert sender.upload(again).state is UploadState.INGESTED


def test_the_same_upload_again_gives_the_photo_new_renditions(sender: Sender) -> None:
    upload, first = sender.send("IMG_1.JPG"), found("aa")
    photo_id = ingest(sender, upload, first)
    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now())
    second = found("aa")

    unused = record(sender, upload, second)

    (photo,) = listed(sender, everything=True)
    assert photo.id == photo_id
    assert set(unused) == keys(first)
    assert shown_keys(photo) == keys(second)
    assert photo.state == "ingested"


@pytest.mark.parametrize(
    ("before", "after"),
    [(SHOT, SHOT), (SHOT, Shot()), (Shot(), SHOT), (Shot(), Shot())],
    ids=["same capture", "capture lost", "capture gained", "no capture"],
)
def test_other_bytes_of_the_same_picture_are_a_new_version(
    sender: Sender, before: Shot, after: Shot
) -> None:
    first = found("aa", before)
    photo_id = ingest(sender, sender.send("IMG_1.JPG"), first)
    second = found("bb", after)

    unused = record(sender, sender.send("IMG_1.JPG"), second)

    (photo,) = listed(sender, everything=True)
    assert photo.id == photo_id
    assert set(unused) == keys(first)
    assert (photo.sha256, shown_keys(photo)) == ("bb", keys(second))


def test_another_picture_takes_the_name_and_the_earlier_one_stays(sender: Sender) -> None:
    """Two cameras, or a counter that rolled over: both pictures were wanted."""
    first = ingest(sender, sender.send("A/IMG_1.JPG"), found("aa", SHOT))

    second = ingest(sender, sender.send("A/IMG_1.JPG"), found("bb", OTHER_SHOT))

    assert [photo.id for photo in listed(sender)] == [second]
    everything = listed(sender, everything=True)
    assert [(photo.id, photo.current) for photo in everything] == [(first, False), (second, True)]
    assert {photo.path for photo in everything} == {"A/IMG_1.JPG"}


def test_the_earlier_picture_sent_again_takes_its_name_back(sender: Sender) -> None:
    first = ingest(sender, sender.send("IMG_1.JPG"), found("aa", SHOT))
    record(sender, sender.send("IMG_1.JPG"), found("bb", OTHER_SHOT))

    again = ingest(sender, sender.send("IMG_1.JPG"), found("aa", SHOT))

    assert again == first
    assert [photo.id for photo in listed(sender)] == [first]
    assert len(listed(sender, everything=True)) == 2


@pytest.mark.parametrize("sha256", ["aa", "bb"])
def test_unlink_and_create_is_the_same_name_again(sender: Sender, sha256: str) -> None:
    """How lftp and rclone replace a file."""
    first = ingest(sender, sender.send("IMG_1.JPG"), found("aa"))
    sender.remove("IMG_1.JPG")

    again = ingest(sender, sender.send("IMG_1.JPG"), found(sha256))

    assert again == first
    (photo,) = listed(sender, everything=True)
    assert photo.sha256 == sha256
    assert photo.current


def test_the_same_name_in_another_directory_is_another_photo(sender: Sender) -> None:
    record(sender, sender.send("A/IMG_1.JPG"), found("aa"))
    sender.remove("A/IMG_1.JPG")

    record(sender, sender.send("B/IMG_1.JPG"), found("aa"))

    assert [photo.path for photo in listed(sender)] == ["B/IMG_1.JPG"]
    assert len(listed(sender, everything=True)) == 2


def test_the_same_bytes_under_two_names_are_two_photos(sender: Sender) -> None:
    record(sender, sender.send("a.jpg"), found("aa"))
    record(sender, sender.send("b.jpg"), found("aa"))

    assert [photo.path for photo in listed(sender)] == ["a.jpg", "b.jpg"]


def test_a_removed_photo_is_listed_only_with_everything(sender: Sender) -> None:
    record(sender, sender.send("IMG_1.JPG"), found("aa"))

    sender.remove("IMG_1.JPG")

    assert listed(sender) == []
    (photo,) = listed(sender, everything=True)
    assert (photo.path, photo.current) == ("IMG_1.JPG", False)


def test_a_task_that_runs_twice_makes_one_photo(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")
    record(sender, upload, found("aa"))
    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now())

    record(sender, upload, found("aa"))

    assert len(listed(sender, everything=True)) == 1


def test_a_time_without_an_offset_stays_wall_clock_time(sender: Sender) -> None:
    record(sender, sender.send("IMG_1.JPG"), found("aa", replace(SHOT, offset=None)))

    assert [photo.captured for photo in listed(sender)] == ["2026-05-04T10:11:12.34"]


# --- refusing ---


def test_a_refused_upload_says_why(sender: Sender) -> None:
    upload = sender.send("IMG_1.JPG")
    task = claimed(sender.catalog, upload)

    with sender.catalog.writing() as connection:
        assert photos.refuse(
            connection, task, Change.NOT_DECODED, sha256="aa", reason="torn", advice="send it",
            now=now(),
        )  # fmt: skip

    assert sender.upload(upload).state is UploadState.DAMAGED
    assert pending(sender.catalog) == []


def test_a_damaged_version_leaves_the_photo_as_it_was(sender: Sender) -> None:
    result = found("aa")
    record(sender, sender.send("IMG_1.JPG"), result)
    task = claimed(sender.catalog, sender.send("IMG_1.JPG"))

    with sender.catalog.writing() as connection:
        photos.refuse(
            connection, task, Change.NOT_DECODED, sha256="bb", reason="torn", advice="send it",
            now=now(),
        )  # fmt: skip

    (photo,) = listed(sender)
    assert (photo.sha256, shown_keys(photo)) == ("aa", keys(result))
