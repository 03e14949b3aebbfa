"""The worker: claims tasks, works on several at once, and leaves nothing behind that is claimed."""

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from logging import getLogger

import trio

from jobfs.bells import Bell
from jobfs.blobs.store import BlobStore
from jobfs.catalog import roles, tasks
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.tasks import Task
from jobfs.config import Config, IngestConfig
from jobfs.database import Database
from jobfs.ingest import claiming, expiry, failing, pipeline
from jobfs.ingest.claiming import Claimant
from jobfs.ingest.decoder import Decoders, open_decoders

log = getLogger(__name__)

#: Seconds that work under way may go on for when the worker is told to end.
GRACE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workshop:
    """What the tasks of one worker share."""

    database: Database
    store: BlobStore
    decoders: Decoders
    config: IngestConfig
    claimant: Claimant


async def serve(
    database: Database,
    bell: Bell,
    store: BlobStore,
    config: Config,
    *,
    role_id: int,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Ingest received uploads, in the order of `jobfs.catalog.turns`, until cancelled.

    When cancelled, no more is claimed, what is under way may end within a grace period, and what is
    then still claimed is free for the next worker at once.
    """
    name = f"{role_id} {socket.gethostname()} {os.getpid()}"
    looking, working = trio.CancelScope(), trio.CancelScope(shield=True)
    try:
        async with (
            open_decoders(config.ingest, config.renditions) as decoders,
            trio.open_nursery() as nursery,
        ):
            await database.write(roles.confined, role_id, decoders.layers)
            shop = _Workshop(
                database=database, store=store, decoders=decoders, config=config.ingest,
                claimant=Claimant(name, config.ingest.lease),
            )  # fmt: skip
            nursery.start_soon(claiming.free_those_of_the_dead, database)
            nursery.start_soon(expiry.every_hour, database, store, config.retention)
            nursery.start_soon(_work, shop, bell, looking, working)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                looking.cancel()
                working.deadline = trio.current_time() + GRACE
    finally:
        with trio.move_on_after(GRACE, shield=True):
            await _insist(partial(database.write, tasks.free_claims, name, tried=False))


async def _work(
    shop: _Workshop, bell: Bell, looking: trio.CancelScope, working: trio.CancelScope
) -> None:
    """Claim tasks and begin them, one for each decoder that has nothing to do.

    While one is recorded its decoder has the next already; of those there are no more than decoders, or
    a slow database would let renditions fill the memory.
    """
    idle = trio.Semaphore(shop.config.decoders)
    places = trio.Semaphore(2 * shop.config.decoders)
    with working:
        async with trio.open_nursery() as nursery:
            with looking:
                while True:
                    await places.acquire()
                    await idle.acquire()
                    task = await claiming.next_task(shop.database, bell, shop.claimant)
                    nursery.start_soon(_do, shop, task, _Place(idle, places))


class _Place:
    """A task's place in its worker, and its decoder until that can have another."""

    def __init__(self, idle: trio.Semaphore, places: trio.Semaphore) -> None:
        self._idle, self._places = idle, places
        self._decodes = True

    def decoded(self) -> None:
        """Give the decoder back."""
        if self._decodes:
            self._decodes = False
            self._idle.release()

    def leave(self) -> None:
        """Give all back."""
        self.decoded()
        self._places.release()


async def _do(shop: _Workshop, task: Task, place: _Place) -> None:
    """Work on a task for as long as its claim lasts."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                claiming.keep, shop.database, task, shop.claimant, nursery.cancel_scope
            )
            await _ingest(shop, task, place)
            nursery.cancel_scope.cancel()
    finally:
        place.leave()


async def _ingest(shop: _Workshop, task: Task, place: _Place) -> None:
    """Ingest; whatever goes wrong is this task's trouble, and holds up no other."""
    try:
        await pipeline.ingest(shop.database, shop.store, shop.decoders, task, decoded=place.decoded)
    except CatalogUnavailableError as error:
        log.warning("upload %d is tried again: %s", task.upload_id, error)
        back = partial(tasks.postpone, until=datetime.now(UTC), error=str(error))
        await _insist(partial(shop.database.write, back, task))
    except Exception as bug:  # would end the worker
        log.exception("upload %d: ingest itself has failed", task.upload_id)
        broken = failing.own_fault(f"ingest itself has failed: {_said_plainly(bug)}")
        await _insist(partial(pipeline.fail, shop.database, task, broken))


def _said_plainly(bug: BaseException) -> str:
    """Return an exception as it was raised, without the nurseries that it came through."""
    while isinstance(bug, BaseExceptionGroup):
        bug = bug.exceptions[0]
    return f"{type(bug).__name__}: {bug}"


async def _insist(write: Callable[[], Awaitable[object]]) -> None:
    """Write, again and again while the database does not answer."""
    while True:
        try:
            await write()
        except CatalogUnavailableError as error:
            log.warning("cannot write, trying again: %s", error)
            await trio.sleep(claiming.PAUSE)
        else:
            return
