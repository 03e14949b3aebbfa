"""What has become of uploads, as the log tells it: once, with names, and only what is certain."""

import logging

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import pairs, photos, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.domain.uploads import Change
from tests.stored.sending import Sender, claimed, now
from tests.stored.test_photos import found


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


@pytest.fixture(autouse=True)
def _every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jobfs")


def test_a_photo_has_two_lines_one_when_it_was_received_and_one_when_it_is_a_photo(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    upload = sender.send("Class 1/group/IMG_1.JPG", b"12345")
    task = claimed(sender.catalog, upload)
    with sender.catalog.writing() as connection:
        photos.record(connection, task, found("aa"), now=now())
        photo_id = pairs.id_at(connection, sender.upload(upload).entry_id)

    received, ingested = (vars(record) for record in caplog.records)
    assert received["message"] == "upload of 'IMG_1.JPG': received"
    for line, outcome in ((received, "received"), (ingested, "ingested")):
        assert (line["outcome"], line["upload"], line["size"]) == (outcome, upload, 5)
        assert (line["job"], line["path"]) == (sender.job, "Plainview/Class 1/group/IMG_1.JPG")
        assert 0 <= line["duration"] < 3600
    assert ingested["photo"] == photo_id
    assert "photo" not in received


def test_a_failure_is_an_error_and_says_what_the_photographer_is_told_and_why(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    task = claimed(sender.catalog, sender.send("IMG_1.JPG", b"12345"))
    with sender.catalog.writing() as connection:
        tasks.give_up(connection, task, "it ran out of memory", reason="It is too big.", now=now())

    line = caplog.records[-1]
    assert (line.levelno, line.getMessage()) == (logging.ERROR, "upload of 'IMG_1.JPG': failed")
    assert (vars(line)["reason"], vars(line)["cause"]) == ("It is too big.", "it ran out of memory")


def test_what_is_not_committed_is_not_told(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    upload = sender.begin("IMG_1.JPG", b"12345")
    with pytest.raises(RuntimeError), sender.catalog.writing() as connection:  # noqa: PT012
        uploads.change(connection, sender.upload(upload), Change.FOUND_WHOLE, now=now())
        raise RuntimeError

    assert not caplog.records


def test_a_version_that_another_takes_the_place_of_midway_is_interrupted(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    sender.begin("IMG_1.JPG", b"12345")
    sender.begin("IMG_1.JPG", b"67890")

    (line,) = caplog.records
    assert line.getMessage() == "upload of 'IMG_1.JPG': interrupted"
