"""The codes of a photo: kept with it, replaced with it, gone with it."""

from datetime import timedelta

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import codes, photo_listing, photos, purging
from jobfs.catalog.engine import Catalog
from jobfs.catalog.photos import Ingested
from jobfs.domain.codes import Code
from jobfs.domain.exif import Shot
from tests.stored.sending import Sender, claimed, now

CARD = Code(
    format="QR Code", text="JOBFS:ORDER-1\nSmith \N{SNOWMAN}",
    position=((0.25, 0.5), (0.5, 0.5), (0.5, 0.75), (0.25, 0.75)),
)  # fmt: skip
LABEL = Code(
    format="Code 128", text="A-17", position=((0.0, 0.1), (1.0, 0.1), (1.0, 0.1), (0.0, 0.1))
)


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


def ingest(sender: Sender, upload_id: int, sha256: str, *seen: Code) -> None:
    task = claimed(sender.catalog, upload_id)
    found = Ingested(
        sha256=sha256, format="JPEG", width=60, height=40, shot=Shot(), codes=seen, renditions=()
    )
    with sender.catalog.writing() as connection:
        photos.record(connection, task, found, now=now())


def listed(sender: Sender) -> list[tuple[Code, ...]]:
    with sender.catalog.reading() as connection:
        return [photo.codes for photo in photo_listing.listing(connection, sender.job_id)]


def test_codes_come_back_as_they_were_found(sender: Sender) -> None:
    ingest(sender, sender.send("IMG_1.JPG", b"1"), "aa", CARD, LABEL)
    ingest(sender, sender.send("IMG_2.JPG", b"2"), "bb")

    assert listed(sender) == [(CARD, LABEL), ()]
    with sender.catalog.reading() as connection:
        first = photo_listing.listing(connection, sender.job_id)[0]
        assert codes.of_photo(connection, first.row_id) == [CARD, LABEL]


def test_a_new_version_has_its_own_codes_and_no_others(sender: Sender) -> None:
    ingest(sender, sender.send("IMG_1.JPG", b"1"), "aa", CARD, LABEL)

    ingest(sender, sender.send("IMG_1.JPG", b"2"), "bb", LABEL)

    assert listed(sender) == [(LABEL,)]


def test_codes_go_with_their_photo(sender: Sender) -> None:
    ingest(sender, sender.send("IMG_1.JPG", b"1"), "aa", CARD)
    sender.remove("IMG_1.JPG")

    with sender.catalog.writing() as connection:
        purged = purging.purge(connection, removed_before=now() + timedelta(days=1), now=now())

    assert purged.uploads == 1
    assert listed(sender) == []
