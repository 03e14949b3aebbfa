"""`jobfs fsck`: what it finds, what it repairs, and what it leaves alone."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import usage
from jobfs.catalog.engine import Catalog
from jobfs.cli.main import main
from jobfs.cli.progress import progress
from tests.stored import studio
from tests.stored.sending import pending
from tests.stored.studio import plain_sql
from tests.stored.wedding import BLUE, RED, Wedding

Check = Callable[..., list[dict[str, Any]]]
LONG_AGO = time.time() - 7200


@pytest.fixture
def wedding(catalog: Catalog, store: BlobStore) -> Wedding:
    """A photo, which nothing is wrong with, and something that is being sent."""
    store.prepare()
    wedding = Wedding.add(catalog, store)
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.do(studio.open_new, store, wedding.anna, "Wedding/b.jpg", BLUE)
    plain_sql(catalog, "UPDATE blob SET sha256 = NULL")  # the helper's are not real ones
    return wedding


@pytest.fixture
def fsck(wedding: Wedding, database_url: str, tmp_path: Path) -> Check:
    """The command, which ends with *status*; returns its faults."""
    file = tmp_path / "jobfs.toml"
    root = wedding.store.ledger.file.parent
    file.write_text(f"[jobfs]\ndata = '{root}'\ndatabase = '{database_url}'\n")

    def run(*options: str, status: int) -> list[dict[str, Any]]:
        words = ["--config", str(file), "fsck", "--json", *options]
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == status, done.output
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return run


def only_original(wedding: Wedding) -> Path:
    """Return where the bytes of the photo lie."""
    (file,) = [
        path
        for path in (wedding.store.ledger.file.parent / "blobs").rglob("*")
        if path.is_file() and path.read_bytes() == RED
    ]
    return file


def only_rendition(wedding: Wedding) -> Path:
    folder = wedding.store.ledger.file.parent / "renditions"
    (file,) = [path for path in folder.rglob("*") if path.is_file()]
    return file


def test_nothing_is_wrong_with_a_studio_at_work(fsck: Check) -> None:
    assert fsck("--hash", status=0) == []


def test_lost_bytes_are_named_with_what_to_do(wedding: Wedding, fsck: Check) -> None:
    only_original(wedding).unlink()

    (fault,) = fsck("--repair", status=1)

    assert (fault["kind"], fault["path"], fault["repaired"]) == ("lost", "Wedding/a.jpg", False)
    assert fault["advice"] == "have it sent again, or take it from a backup"


def test_bytes_that_are_more_or_fewer_are_found(wedding: Wedding, fsck: Check) -> None:
    os.truncate(only_original(wedding), 10)

    (fault,) = fsck(status=1)

    assert fault["kind"] == "size"
    assert fault["text"].startswith("the store has 10 bytes of it")


def test_changed_bytes_are_found_by_their_hash(wedding: Wedding, fsck: Check) -> None:
    plain_sql(wedding.catalog, "UPDATE blob SET sha256 = 'another' WHERE size > 0")

    assert fsck(status=0) == []
    (fault,) = fsck("--hash", status=1)

    assert (fault["kind"], fault["path"]) == ("damaged", "Wedding/a.jpg")


def test_a_lost_rendition_is_made_again(wedding: Wedding, fsck: Check) -> None:
    only_rendition(wedding).unlink()

    assert [fault["kind"] for fault in fsck(status=1)] == ["rendition"]
    assert pending(wedding.catalog) == []
    fsck("--repair", status=0)

    assert len(pending(wedding.catalog)) == 1


def test_a_photo_without_renditions_gets_some(wedding: Wedding, fsck: Check) -> None:
    plain_sql(wedding.catalog, "DELETE FROM rendition")

    (fault,) = fsck("--repair", status=0)

    assert fault["text"] == "the photo has no renditions"
    assert len(pending(wedding.catalog)) == 1
    assert fsck(status=0) == []


def test_an_upload_that_was_forgotten_is_ingested(wedding: Wedding, fsck: Check) -> None:
    wedding.send("Wedding/c.jpg", BLUE)
    plain_sql(wedding.catalog, "DELETE FROM task")

    (fault,) = fsck("--repair", status=0)

    assert fault["path"] == "Wedding/c.jpg"
    assert len(pending(wedding.catalog)) == 1


def test_old_bytes_without_a_row_are_put_aside_and_young_ones_left(
    wedding: Wedding, fsck: Check
) -> None:
    old, young, rendition = new_key(), new_key(), new_key()
    for key in (old, young):
        descriptor = wedding.store.create(key)
        os.write(descriptor, b"a picture")
        os.close(descriptor)
    wedding.store.put_renditions({rendition: b"a rendition"})
    for path in (wedding.store.original(old), wedding.store.rendition(rendition)):
        os.utime(path, (LONG_AGO, LONG_AGO))

    assert [fault["kind"] for fault in fsck(status=1)] == ["unnamed", "unnamed"]
    fsck("--repair", status=0)

    found = wedding.store.ledger.file.parent / "found" / old
    assert found.read_bytes() == b"a picture"
    assert wedding.store.original(young).exists()
    assert not wedding.store.rendition(rendition).exists()
    assert fsck(status=0) == []


def test_old_bytes_that_are_still_received_are_left(wedding: Wedding, fsck: Check) -> None:
    for path in (wedding.store.ledger.file.parent / "blobs").rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))

    assert fsck("--repair", status=0) == []


def test_a_quota_is_counted_anew(wedding: Wedding, fsck: Check) -> None:
    plain_sql(
        wedding.catalog,
        f"INSERT INTO account_usage (account_id, bytes) VALUES ({wedding.anna}, 5)",  # noqa: S608
    )

    assert [fault["path"] for fault in fsck(status=1)] == ["account anna"]
    fsck("--repair", status=0)

    assert wedding.do(usage.by_account)[wedding.anna] == len(RED)


def test_a_file_without_a_version_is_listed(wedding: Wedding, fsck: Check) -> None:
    plain_sql(
        wedding.catalog,
        "INSERT INTO entry (job_id, parent_id, name, name_key, directory, mtime_ns, ctime_ns,"
        " atime_ns) SELECT job_id, id, 'x.jpg', 'x.jpg', parent_id IS NOT NULL, 0, 0, 0 FROM entry"
        " WHERE parent_id IS NULL",
    )

    (fault,) = fsck("--repair", status=1)

    assert (fault["path"], fault["repaired"]) == ("Wedding/x.jpg", False)


def test_nothing_is_drawn_into_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    with progress(3, "checking") as bar:
        bar.update(3)

    assert capfd.readouterr().err == ""
