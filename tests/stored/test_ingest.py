import hashlib
import io
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import numpy
import pytest
import trio
import trio.testing
import zxingcpp
from PIL import Image
from zxingcpp import BarcodeFormat

from jobfs import bells, metrics, processes
from jobfs.blobs.store import BlobStore
from jobfs.catalog import erasing, photo_listing, photos, problems, roles, tasks, uploads
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.photo_listing import Photo
from jobfs.catalog.tasks import QueuedTask, Task
from jobfs.config import Config, IngestConfig, standard_renditions
from jobfs.database import Database
from jobfs.domain.uploads import UploadState
from jobfs.ingest import child, pipeline, role
from jobfs.ingest.decoder import PICTURES, Decoders, open_decoders
from jobfs.ingest.outcomes import Broken, Decoded, Outcome, Refused
from jobfs.ingest.refusals import DecoderStartError
from tests.stored.sending import Sender, now, picture, shot_at

ONE = IngestConfig(decoders=1)
MIB = 1024**2


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


@pytest.fixture
def database(catalog: Catalog) -> Database:
    return Database(catalog)


@pytest.fixture
async def decoders() -> AsyncIterator[Decoders]:
    async with open_decoders(ONE, standard_renditions()) as decoders:
        yield decoders


def listed(sender: Sender) -> list[Photo]:
    with sender.catalog.reading() as connection:
        return photo_listing.listing(connection, sender.job_id)


def queued(sender: Sender) -> list[QueuedTask]:
    with sender.catalog.reading() as connection:
        return tasks.listing(connection)


def reasons(sender: Sender) -> dict[str, str]:
    with sender.catalog.reading() as connection:
        return {problem.path: problem.text for problem in problems.listing(connection)}


def claim(sender: Sender, *, again: bool = False) -> Task:
    """Claim what there is; *again* also if it has been postponed."""
    with sender.catalog.writing() as connection:
        if again:
            tasks.lift(connection, queued(sender)[0].upload_id, now=now())
        task = tasks.claim(connection, worker="1", lease=timedelta(minutes=5), now=now())
    assert task is not None
    return task


def stored_renditions(store: BlobStore) -> list[Path]:
    folder = store.rendition("0" * 32).parent.parent
    return [path for path in folder.rglob("*") if path.is_file()]


# --- one upload ---


async def test_an_upload_becomes_a_photo_with_renditions(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    content = picture(width=3000, height=2000, exif=shot_at("2026:05:04 10:11:12"))
    upload = sender.send("Class 1/IMG_1.JPG", content)

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    (photo,) = listed(sender)
    assert (photo.width, photo.height, photo.size) == (3000, 2000, len(content))
    assert photo.captured == "2026-05-04T10:11:12"
    sizes = {}
    for rendition in photo.renditions:
        with Image.open(sender.store.rendition(rendition.key)) as image:
            assert image.size == (rendition.width, rendition.height)
            sizes[rendition.name] = image.size
    assert sizes == {"thumbnail": (256, 171), "preview": (1024, 683), "large": (2048, 1365)}
    assert sender.upload(upload).state is UploadState.INGESTED


async def test_codes_in_a_picture_are_stored_and_in_no_rendition(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    barcode = zxingcpp.create_barcode("ORDER 17", BarcodeFormat.QRCode)
    card = io.BytesIO()
    Image.fromarray(numpy.asarray(barcode.to_image(scale=8))).save(card, "JPEG")
    sender.send("QR_1.JPG", card.getvalue())

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    (photo,) = listed(sender)
    assert [(code.format, code.text) for code in photo.codes] == [("QR Code", "ORDER 17")]
    stored = [sender.store.rendition(one.key).read_bytes() for one in photo.renditions]
    assert not any(b"ORDER" in content for content in stored)


async def test_a_file_that_was_given_up_is_a_photo_once_it_is_retried(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    upload = sender.send("IMG_1.JPG", picture())
    given_up = partial(tasks.give_up, reason="it was a bad day", advice="wait", now=now())
    await database.write(given_up, claim(sender), "its decoder ended by SIGSEGV")
    assert reasons(sender) == {"IMG_1.JPG": "it was a bad day"}

    await database.write(tasks.retry, queued(sender)[0].id, now=now())
    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    assert sender.upload(upload).state is UploadState.INGESTED
    assert (queued(sender), reasons(sender)) == ([], {})


async def test_the_sha256_is_of_the_bytes_in_the_store(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    content = picture()
    sender.send("IMG_1.JPG", content)

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    assert [photo.sha256 for photo in listed(sender)] == [hashlib.sha256(content).hexdigest()]


async def test_a_version_leaves_no_renditions_of_the_one_before(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    for colour in ("red", "blue", "blue"):
        sender.send("IMG_1.JPG", picture(colour))
        await pipeline.ingest(database, sender.store, decoders, claim(sender))

    (photo,) = listed(sender)
    named = {sender.store.rendition(rendition.key) for rendition in photo.renditions}
    assert set(stored_renditions(sender.store)) == named


async def test_a_removed_file_leaves_no_renditions(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    sender.send("IMG_1.JPG", picture())
    task = claim(sender)
    sender.remove("IMG_1.JPG")

    await pipeline.ingest(database, sender.store, decoders, task)

    assert queued(sender) == []
    assert stored_renditions(sender.store) == []


async def test_what_was_erased_while_its_worker_was_silent_leaves_nothing(
    sender: Sender, database: Database, decoders: Decoders, caplog: pytest.LogCaptureFixture
) -> None:
    upload_id = sender.send("IMG_1.JPG", picture())
    await pipeline.ingest(database, sender.store, decoders, claim(sender))
    await database.write(tasks.enqueue, upload_id, now=now())
    task = claim(sender)
    await database.write(tasks.postpone, task, until=now(), error="it was silent for too long")
    await database.write(erasing.photo, listed(sender)[0].id, now=now())

    await pipeline.ingest(database, sender.store, decoders, task)

    assert queued(sender) == []
    assert listed(sender) == []
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_damaged_picture_is_a_problem_in_plain_words(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    noise = io.BytesIO()
    Image.effect_noise((800, 600), 90).convert("RGB").save(noise, "JPEG")
    upload = sender.send("IMG_1.JPG", noise.getvalue()[: noise.tell() // 2])

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    assert sender.upload(upload).state is UploadState.DAMAGED
    assert reasons(sender)["IMG_1.JPG"].startswith("the file is damaged: its pixels end near line ")
    assert queued(sender) == []


async def test_another_kind_of_file_is_unsupported(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    upload = sender.send("scan.tif", b"%PDF-1.7" + bytes(100))

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    assert sender.upload(upload).state is UploadState.UNSUPPORTED
    assert "JPEG, PNG" in reasons(sender)["scan.tif"]


async def test_a_picture_that_takes_too_long_fails_after_two_tries(
    sender: Sender, database: Database
) -> None:
    upload = sender.send("IMG_1.JPG", picture())
    hasty = msgspec.structs.replace(ONE, time_limit=timedelta(microseconds=1))

    async with open_decoders(hasty, standard_renditions()) as decoders:
        for _ in range(pipeline.SLOW_TRIES):
            assert sender.upload(upload).state is UploadState.RECEIVED
            task = claim(sender, again=True)
            await pipeline.ingest(database, sender.store, decoders, task)

    (given_up,) = queued(sender)
    assert (given_up.state, given_up.attempts) == ("failed", pipeline.SLOW_TRIES)
    assert sender.upload(upload).state is UploadState.FAILED
    assert "took longer" in (given_up.error or "")
    assert "takes too long to open" in reasons(sender)["IMG_1.JPG"]


async def test_a_content_that_its_name_does_not_promise_is_noted(
    sender: Sender, database: Database, decoders: Decoders, caplog: pytest.LogCaptureFixture
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(content, "PNG")
    sender.send("IMG_1.JPG", content.getvalue())
    sender.send("IMG_2.JPG", picture())

    with caplog.at_level(logging.INFO, "jobfs.ingest.pipeline"):
        for _ in range(2):
            await pipeline.ingest(database, sender.store, decoders, claim(sender))

    (said,) = [record.getMessage() for record in caplog.records if "called" in record.getMessage()]
    assert said.endswith("is PNG, though called 'IMG_1.JPG'")


async def test_bytes_that_the_store_has_lost_are_a_failure_and_no_damage(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    upload = sender.send("IMG_1.JPG", picture())
    os.truncate(sender.store.original(sender.upload(upload).blob_key), 10)

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    (waiting,) = queued(sender)
    assert waiting.state == "waiting"
    assert "the store holds 10 bytes" in (waiting.error or "")


async def test_a_store_that_takes_nothing_is_tried_again_for_ever(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    sender.send("IMG_1.JPG", picture())
    for folder in stored_folders(sender.store):
        folder.rmdir()

    for _ in range(pipeline.TRIES + 1):
        await pipeline.ingest(database, sender.store, decoders, claim(sender, again=True))

    (waiting,) = queued(sender)
    assert (waiting.state, waiting.attempts) == ("waiting", pipeline.TRIES + 1)
    sender.store.prepare()
    await pipeline.ingest(database, sender.store, decoders, claim(sender, again=True))
    assert len(listed(sender)) == 1


def stored_folders(store: BlobStore) -> list[Path]:
    return list(store.rendition("0" * 32).parent.parent.iterdir())


# --- the decoder ---


@asynccontextmanager
async def opened(content: bytes, folder: Path) -> AsyncIterator[int]:
    path = folder / "picture"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def facts(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process."""
    status = await trio.Path(f"/proc/{pid}/status").read_text("ascii")
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


async def test_a_decoder_has_no_rights_and_little_room(decoders: Decoders) -> None:
    (pid,) = decoders.pids
    limits = await trio.Path(f"/proc/{pid}/limits").read_text("ascii")
    soft = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}

    known = await facts(pid)
    assert set(known["Uid"].split()) == {str(child.identity())}
    assert known["NoNewPrivs"] == "1"
    assert soft["Max address space"] == str(ONE.memory_limit)
    assert (soft["Max file size"], soft["Max core file size"]) == ("0", "0")
    assert soft["Max processes"] == "1024"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
async def test_a_decoder_of_root_is_nobody_and_knows_nothing(decoders: Decoders) -> None:
    (pid,) = decoders.pids
    known = await facts(pid)
    environment = await trio.Path(f"/proc/{pid}/environ").read_bytes()

    assert known["Groups"].split() == []
    assert int(known["CapEff"], 16) == int(known["CapPrm"], 16) == 0
    assert [one.partition(b"=")[0] for one in environment.split(b"\0") if one] == [
        b"PYTHONPATH", b"PILLOW_BLOCK_SIZE",
    ]  # fmt: skip


async def test_a_file_that_only_its_worker_may_open_is_handed_over(
    decoders: Decoders, tmp_path: Path
) -> None:
    async with opened(picture(), tmp_path) as descriptor:
        (tmp_path / "picture").chmod(0o600)

        assert isinstance(await decoders.decode(descriptor), Decoded)


async def test_a_decoder_that_dies_of_a_picture_costs_that_picture_alone(tmp_path: Path) -> None:
    """It is stopped before it is asked, so that it has the picture for sure when it dies."""
    two = msgspec.structs.replace(ONE, decoders=2)
    outcomes: list[Outcome] = []
    async with (
        open_decoders(two, standard_renditions()) as decoders,
        opened(picture(), tmp_path) as descriptor,
    ):

        async def decode() -> None:
            outcomes.append(await decoders.decode(descriptor))

        pids = decoders.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(decode)
            nursery.start_soon(decode)
            await trio.testing.wait_all_tasks_blocked()
            os.kill(pids[0], signal.SIGKILL)
            os.kill(pids[1], signal.SIGCONT)
        outcomes.append(await decoders.decode(descriptor))

    broken = [outcome for outcome in outcomes if isinstance(outcome, Broken)]
    assert [one.cause for one in broken] == ["its decoder ended by SIGKILL"]
    assert "could not be opened safely" in broken[0].reason
    assert sum(isinstance(outcome, Decoded) for outcome in outcomes) == 2


async def test_a_decoder_that_dies_idle_harms_nobody(tmp_path: Path) -> None:
    before = restarts("died")
    async with open_decoders(ONE, standard_renditions()) as decoders:
        os.kill(decoders.pids[0], signal.SIGKILL)

        async with opened(picture(), tmp_path) as descriptor:
            outcomes = [await decoders.decode(descriptor) for _ in range(2)]

    assert isinstance(outcomes[-1], Decoded)
    assert restarts("died") == before + 1


def restarts(reason: str) -> float:
    """Return how many decoders were followed by another for this reason."""
    return metrics.DECODER_RESTARTS.of(reason).value


async def test_a_picture_that_is_wanted_no_more_costs_its_decoder_alone(tmp_path: Path) -> None:
    async with (
        open_decoders(ONE, standard_renditions()) as decoders,
        opened(picture(), tmp_path) as descriptor,
    ):
        os.kill(decoders.pids[0], signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(decoders.decode, descriptor)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        assert isinstance(await decoders.decode(descriptor), Decoded)


async def test_a_worn_out_decoder_is_replaced_and_no_picture_is_lost(tmp_path: Path) -> None:
    before = restarts("worn")
    async with (
        open_decoders(ONE, standard_renditions()) as decoders,
        opened(b"no picture", tmp_path) as descriptor,
    ):
        first = decoders.pids
        outcomes = [await decoders.decode(descriptor) for _ in range(PICTURES + 1)]

        assert decoders.pids != first
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert restarts("worn") == before + 1


async def test_decoders_that_cannot_begin_are_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(ExceptionGroup) as group:
        async with open_decoders(ONE, standard_renditions()):
            pass

    assert group.group_contains(DecoderStartError)


async def test_a_decoder_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    hasty = msgspec.structs.replace(ONE, time_limit=timedelta(milliseconds=1))
    before = restarts("killed")
    async with (
        open_decoders(hasty, standard_renditions()) as decoders,
        opened(picture(), tmp_path) as descriptor,
    ):
        (pid,) = decoders.pids
        os.kill(pid, signal.SIGSTOP)  # it hangs, as surely as in any endless loop
        outcome = await decoders.decode(descriptor)

        await decoders.decode(descriptor)  # by its successor
        assert decoders.pids != [pid]
    assert isinstance(outcome, Broken)
    assert "takes too long to open" in outcome.reason
    assert restarts("killed") > before


async def test_a_picture_with_too_many_pixels_is_never_decoded(tmp_path: Path) -> None:
    small = msgspec.structs.replace(ONE, pixel_limit=1_000_000)
    async with (
        open_decoders(small, standard_renditions()) as decoders,
        opened(picture(width=1001, height=1000), tmp_path) as descriptor,
    ):
        outcome = await decoders.decode(descriptor)

    assert isinstance(outcome, Refused)
    assert outcome.kind is UploadState.UNSUPPORTED
    assert "1001 x 1000 pixels" in outcome.reason


async def test_a_picture_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    vast = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(vast, "PNG", compress_level=1)
    frugal = msgspec.structs.replace(ONE, memory_limit=256 * MIB)
    async with (
        open_decoders(frugal, standard_renditions()) as decoders,
        opened(vast.getvalue(), tmp_path) as descriptor,
    ):
        outcome = await decoders.decode(descriptor)

    assert isinstance(outcome, Refused)
    assert outcome.kind is UploadState.UNSUPPORTED
    assert "memory" in outcome.reason


# --- the worker ---


@asynccontextmanager
async def worker(sender: Sender, database: Database) -> AsyncIterator[None]:
    """A worker at work while the block runs."""
    process = processes.process(os.getpid())
    assert process is not None
    role_id = await database.write(roles.start, "worker", process, now=now())
    serve = partial(
        role.serve, database, store=sender.store, config=Config(ingest=ONE), role_id=role_id
    )
    async with bells.bell(sender.catalog) as bell, trio.open_nursery() as nursery:
        await nursery.start(partial(serve, bell))
        yield
        nursery.cancel_scope.cancel()


async def until(sender: Sender, is_so: Callable[[], bool]) -> None:
    """Return when it is so, looking whenever the database has changed."""
    async with bells.bell(sender.catalog, nap=0.5) as bell:
        while not await trio.to_thread.run_sync(is_so):
            await bell.wait()


async def test_a_worker_ingests_what_is_there_and_what_comes(
    sender: Sender, database: Database
) -> None:
    sender.send("before.jpg", picture())
    async with worker(sender, database):
        await until(sender, lambda: len(listed(sender)) == 1)

        upload = sender.send("after.jpg", picture())
        await database.write(tasks.lift, upload, now=now())  # as at its release

        await until(sender, lambda: len(listed(sender)) == 2)
    assert [photo.path for photo in listed(sender)] == ["after.jpg", "before.jpg"]


async def test_a_worker_says_what_its_decoders_are_confined_by(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    async with worker(sender, database):
        (role,) = await database.read(partial(roles.known, kind="worker"))

    assert role.confinement == tuple(sorted(decoders.layers))


async def test_one_bad_file_holds_up_no_other(sender: Sender, database: Database) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        sender.send(name, picture()[:300] if name == "a.jpg" else picture())

    async with worker(sender, database):
        await until(sender, lambda: not queued(sender))

    assert [photo.path for photo in listed(sender)] == ["b.jpg", "c.jpg"]
    assert list(reasons(sender)) == ["a.jpg"]


async def test_a_worker_takes_over_from_one_that_died(sender: Sender, database: Database) -> None:
    sender.send("IMG_1.JPG", picture())
    with sender.catalog.writing() as connection:
        tasks.claim(connection, worker="999999 here 1", lease=timedelta(hours=1), now=now())

    async with worker(sender, database):
        await until(sender, lambda: len(listed(sender)) == 1)


async def test_a_worker_that_ends_leaves_no_task_claimed(
    sender: Sender, database: Database
) -> None:
    for number in range(20):
        sender.send(f"{number}.jpg", picture())

    async with worker(sender, database):
        await until(sender, lambda: len(listed(sender)) >= 2)

    assert all(task.state == "waiting" and task.attempts == 0 for task in queued(sender))
    assert len(queued(sender)) + len(listed(sender)) == 20


def _wanted(connection: Connection, upload_id: int) -> bool:
    return photos.is_wanted(connection, uploads.get(connection, upload_id))


async def test_an_upload_that_is_a_photo_may_be_ingested_again(
    sender: Sender, database: Database, decoders: Decoders
) -> None:
    upload = sender.send("IMG_1.JPG", picture())
    await pipeline.ingest(database, sender.store, decoders, claim(sender))
    await database.write(tasks.enqueue, upload, now=now())

    await pipeline.ingest(database, sender.store, decoders, claim(sender))

    assert await database.read(_wanted, upload)
    assert len(listed(sender)) == 1
    assert len(stored_renditions(sender.store)) == 3
