"""What the mount looks up for Prometheus, and what is left of it while the database is away."""

import socket
from datetime import timedelta
from pathlib import Path

import trio

from jobfs import metrics
from jobfs.blobs.store import BlobStore
from jobfs.catalog import tasks, underway
from jobfs.catalog.engine import Catalog
from jobfs.database import Database
from jobfs.domain.tasks import Priority
from jobfs.monitoring import at_studio
from tests.stored.sending import Sender, claimed, now


async def test_the_mount_looks_at_queue_and_disk(catalog: Catalog, store: BlobStore) -> None:
    sender = Sender(catalog, store)
    for name in ("a.jpg", "b.jpg"):
        sender.send(name, b"12345")
    found = await at_studio(Database(catalog), store)

    assert found[metrics.DATABASE_UP] == {(): 1}
    assert found[metrics.QUEUE_TASKS]["upload", "waiting"] == 2
    assert found[metrics.QUEUE_TASKS]["import", "failed"] == 0
    assert found[metrics.QUEUE_PAUSED] == {(): 0}
    assert found[metrics.ARRIVING] == {(): 0}
    assert found[metrics.STORE_BYTES]["total",] > found[metrics.STORE_BYTES]["free",] > 0


async def test_a_database_that_is_away_leaves_its_numbers_out(
    tmp_path: Path, store: BlobStore
) -> None:
    away = Catalog(f"sqlite:///{tmp_path}/no/folder/jobfs.sqlite3")

    found = await at_studio(Database(away), store)

    assert found[metrics.DATABASE_UP] == {(): 0}
    assert set(found) == {metrics.DATABASE_UP, metrics.STORE_BYTES, metrics.STORE_FILES}


async def test_a_database_that_never_answers_is_not_waited_for(store: BlobStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(Catalog(f"postgresql+psycopg://jobfs@127.0.0.1:{port}/jobfs"))
        with trio.fail_after(60):
            found = await at_studio(database, store)
            again = await at_studio(database, store)  # while the first look still waits

    assert found[metrics.DATABASE_UP] == again[metrics.DATABASE_UP] == {(): 0}
    assert found[metrics.STORE_BYTES]


def test_an_upload_is_old_from_its_receipt_until_it_is_a_photo_or_a_problem(
    catalog: Catalog, store: BlobStore
) -> None:
    sender = Sender(catalog, store)
    assert age(catalog, timedelta(hours=1)) is None
    upload = sender.send("a.jpg", b"12345")

    waiting = age(catalog, timedelta(hours=1))
    assert waiting is not None
    assert timedelta(hours=1) <= waiting < timedelta(hours=2)

    task = claimed(catalog, upload)
    assert age(catalog, timedelta(hours=1)) is not None  # somebody works on it, for too long
    with catalog.writing() as connection:
        tasks.give_up(connection, task, "it is no use", now=now())
    assert age(catalog, timedelta(hours=1)) is None


def test_an_import_may_be_as_old_as_it_likes(catalog: Catalog, store: BlobStore) -> None:
    Sender(catalog, store).send("a.jpg", b"12345", priority=Priority.IMPORT)

    assert age(catalog, timedelta(hours=1)) is None


def age(catalog: Catalog, later: timedelta) -> timedelta | None:
    with catalog.reading() as connection:
        return underway.oldest_received(connection, now=now() + later)
