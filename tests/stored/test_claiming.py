"""No worker sleeps while it could work: whatever lets a task begin wakes those that wait for one.

No bell here naps: a ring that is lost makes a test fail, not slow.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import trio
from sqlalchemy import Connection, select
from trio.testing import wait_all_tasks_blocked

from jobfs import bells
from jobfs.bells import LONGEST_PAUSE
from jobfs.blobs.store import BlobStore
from jobfs.catalog import opening, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import TaskRow
from jobfs.catalog.tasks import Task
from jobfs.database import Database
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import Change
from jobfs.ingest import claiming
from jobfs.ingest.claiming import Claimant
from tests.stored.sending import Sender, now

PATIENCE = 60  # seconds after which a ring counts as lost
LEASE = timedelta(minutes=5)
SOON = timedelta(seconds=0.3)
LATER = timedelta(hours=1)

#: Makes one of the cases below: what is to happen then.
Case = Callable[["Queue"], Callable[[], None]]


@dataclass
class Queue:
    """A studio's queue, and what others than the worker do to it."""

    sender: Sender

    def write(self, change: Callable[[Connection], object]) -> None:
        """Change it as a command does, or another machine."""
        with opening.writing(self.sender.catalog) as connection:
            change(connection)

    def taken(self, *, lease: timedelta = LEASE) -> Task:
        """Return a task that another worker has just claimed."""
        with self.sender.catalog.writing() as connection:
            task = tasks.claim(connection, worker="another", lease=lease, now=now())
        assert task is not None
        return task


def an_upload_arrives(queue: Queue) -> Callable[[], None]:
    def happen() -> None:
        upload = queue.sender.send("a.jpg")
        queue.write(lambda it: tasks.lift(it, upload, now=now()))

    return happen


def a_pause_ends(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    queue.write(tasks.pause)
    return lambda: queue.write(tasks.resume)


def the_earlier_version_is_done(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    queue.sender.send("a.jpg")
    earlier = queue.taken()
    return lambda: queue.write(lambda it: tasks.finish(it, earlier))


def the_earlier_version_fails(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    queue.sender.send("a.jpg")
    earlier = queue.taken()
    return lambda: queue.write(lambda it: tasks.give_up(it, earlier, "no use", now=now()))


def somebody_who_wrote_is_cut_off(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    writing = queue.sender.begin("a.jpg")

    def happen(connection: Connection) -> None:
        upload = uploads.get(connection, writing, lock=True)
        uploads.change(connection, upload, Change.CUT_OFF, now=now(), size=0)

    return lambda: queue.write(happen)


def another_worker_gives_back_what_it_had(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    queue.taken()
    return lambda: queue.write(lambda it: tasks.free_claims(it, "another", tried=False))


def a_lease_ends(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    queue.taken(lease=SOON)
    return lambda: None


def a_task_is_to_be_tried_again(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg", priority=Priority.IMPORT)
    task = queue.taken()
    queue.write(lambda it: tasks.postpone(it, task, until=now() + SOON, error="no room"))
    return lambda: None


def somebody_retries_what_has_failed(queue: Queue) -> Callable[[], None]:
    queue.sender.send("a.jpg")
    task = queue.taken()
    queue.write(lambda it: tasks.give_up(it, task, "no use", now=now()))
    return lambda: queue.write(lambda it: tasks.retry_all(it, now=now()))


def a_photo_is_to_be_rendered_again(queue: Queue) -> Callable[[], None]:
    upload = queue.sender.send("a.jpg")
    task = queue.taken()
    queue.write(lambda it: tasks.finish(it, task))
    again = Priority.RERENDER
    return lambda: queue.write(lambda it: tasks.enqueue(it, upload, now=now(), priority=again))


CASES = [
    an_upload_arrives,
    a_pause_ends,
    the_earlier_version_is_done,
    the_earlier_version_fails,
    somebody_who_wrote_is_cut_off,
    another_worker_gives_back_what_it_had,
    a_lease_ends,
    a_task_is_to_be_tried_again,
    somebody_retries_what_has_failed,
    a_photo_is_to_be_rendered_again,
]


@pytest.fixture
def queue(catalog: Catalog, store: BlobStore) -> Queue:
    sender = Sender(catalog, store)
    assert sender.job_id
    return Queue(sender)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_a_worker_wakes_when(queue: Queue, case: Case) -> None:
    happen = await trio.to_thread.run_sync(case, queue)

    async with waiting_worker(queue) as claimed:
        await trio.to_thread.run_sync(happen)
        with trio.fail_after(PATIENCE):
            await claimed.wait()


async def test_every_worker_stops_at_one_pause_and_goes_on_after_it(queue: Queue) -> None:
    await trio.to_thread.run_sync(queue.write, tasks.pause)

    async with waiting_worker(queue, "1") as one, waiting_worker(queue, "2") as other:
        for name in ("a.jpg", "b.jpg"):
            await trio.to_thread.run_sync(queue.sender.send, name)
        await wait_all_tasks_blocked(LONGEST_PAUSE)
        assert not one.is_set()
        assert not other.is_set()

        await trio.to_thread.run_sync(queue.write, tasks.resume)
        with trio.fail_after(PATIENCE):
            await one.wait()
            await other.wait()


async def test_a_task_that_another_could_not_keep_is_had_without_a_ring(
    migrated_postgresql: str, store: BlobStore
) -> None:
    """A row that somebody has locked is passed over, and no ring tells that he let go of it."""
    catalog = Catalog(migrated_postgresql)
    queue = Queue(Sender(catalog, store))
    await trio.to_thread.run_sync(queue.sender.send, "a.jpg")

    with catalog.reading() as connection:
        connection.execute(select(TaskRow.id).with_for_update())
        async with waiting_worker(queue, quiet=claiming.MISS / 2) as claimed:
            assert not claimed.is_set()
            connection.rollback()
            with trio.fail_after(PATIENCE):
                await claimed.wait()
    catalog.dispose()


@asynccontextmanager
async def waiting_worker(
    queue: Queue, name: str = "1", *, quiet: float = LONGEST_PAUSE
) -> AsyncIterator[trio.Event]:
    """A worker that has seen no task, nor done anything for *quiet* seconds; the event: it has one."""
    claimed = trio.Event()
    catalog = queue.sender.catalog

    async def work(bell: bells.Bell) -> None:
        await claiming.next_task(Database(catalog), bell, Claimant(name, LEASE))
        claimed.set()

    async with bells.bell(catalog, nap=math.inf) as bell, trio.open_nursery() as nursery:
        nursery.start_soon(work, bell)
        await wait_all_tasks_blocked(quiet)
        yield claimed
        nursery.cancel_scope.cancel()
