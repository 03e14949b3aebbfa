"""Workers at work: a photographer's file is a photo before the rest of an import is."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from jobfs import bells, processes
from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, roles, tasks
from jobfs.catalog.engine import Catalog
from jobfs.config import Config, IngestConfig
from jobfs.database import Database
from jobfs.domain.events import EventKind
from jobfs.ingest import role
from tests.stored.imported import ImportedJob
from tests.stored.sending import Sender, now, picture

DECODERS = 2
IMPORTED = 40


async def test_an_upload_in_the_middle_of_an_import_is_a_photo_before_the_rest(
    catalog: Catalog, store: BlobStore, tmp_path: Path
) -> None:
    imported_folder(catalog, store, tmp_path)
    sender = Sender(catalog, store)
    assert sender.job_id

    async with worker(catalog, store):
        await until(catalog, lambda: len(ingested(catalog)) >= DECODERS)
        upload = await trio.to_thread.run_sync(sender.send, "now.jpg", picture("red"))
        before = len(ingested(catalog))
        await until(catalog, lambda: upload in ingested(catalog))
        await until(catalog, lambda: len(ingested(catalog)) == IMPORTED + 1)

    overtaking = ingested(catalog).index(upload) - before
    assert before < IMPORTED - 2 * DECODERS, "the import was over too soon to tell"
    assert overtaking <= 2 * DECODERS


async def test_a_pause_holds_for_a_worker_that_is_started_meanwhile(
    catalog: Catalog, store: BlobStore
) -> None:
    sender = Sender(catalog, store)
    first = await trio.to_thread.run_sync(sender.send, "a.jpg", picture())
    database = Database(catalog)
    async with worker(catalog, store):
        await until(catalog, lambda: ingested(catalog) == [first])
        await database.write(tasks.pause)

    second = await trio.to_thread.run_sync(sender.send, "b.jpg", picture())
    async with worker(catalog, store):
        assert await database.read(tasks.next_wakeup, now=now()) is None
        await database.write(tasks.resume)
        await until(catalog, lambda: ingested(catalog) == [first, second])

    kinds = [event.kind for event in events(catalog)]
    assert kinds.index(EventKind.INGEST_RESUMED) < last(kinds, EventKind.PHOTO_INGESTED)


def last(kinds: list[str], kind: str) -> int:
    return max(position for position, one in enumerate(kinds) if one == kind)


def imported_folder(catalog: Catalog, store: BlobStore, folder: Path) -> None:
    """Import many small pictures; nothing is a photo yet."""
    job = ImportedJob.add(catalog, store, folder)
    card = folder / "card"
    card.mkdir()
    for number in range(IMPORTED):
        (card / f"{number}.jpg").write_bytes(picture(f"hsl({number}, 50%, 50%)"))
    job.jobfs("job", "import", "Wedding", card)


def events(catalog: Catalog) -> list[feed.Event]:
    with catalog.reading() as connection:
        return feed.after(connection, feed.START)


def ingested(catalog: Catalog) -> list[int | None]:
    """Return the uploads that are photos, in the order in which they became it."""
    return [event.upload_id for event in events(catalog) if event.kind == EventKind.PHOTO_INGESTED]


@asynccontextmanager
async def worker(catalog: Catalog, store: BlobStore) -> AsyncIterator[None]:
    """A worker at work while the block runs."""
    database = Database(catalog)
    process = processes.process(os.getpid())
    assert process is not None
    role_id = await database.write(roles.start, "worker", process, now=now())
    config = Config(ingest=IngestConfig(decoders=DECODERS))
    serve = partial(role.serve, database, store=store, config=config, role_id=role_id)
    async with bells.bell(catalog) as bell, trio.open_nursery() as nursery:
        await nursery.start(partial(serve, bell))
        yield
        nursery.cancel_scope.cancel()


async def until(catalog: Catalog, is_so: Callable[[], bool]) -> None:
    """Return when it is so, looking whenever the database has changed."""
    async with bells.bell(catalog, nap=0.5) as bell:
        while not await trio.to_thread.run_sync(is_so):
            await bell.wait()
