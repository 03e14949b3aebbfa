"""The worker: claims tasks, works on several at once, and leaves nothing behind that is claimed."""

import math
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from logging import getLogger

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog import tasks
from jobfs.catalog.engine import CatalogUnavailableError
from jobfs.catalog.tasks import Task
from jobfs.config import Config, IngestConfig
from jobfs.database import Bell, Database
from jobfs.ingest import expiry, pipeline
from jobfs.ingest.decoder import Decoders, open_decoders

log = getLogger(__name__)

#: Seconds that work under way may go on for when the worker is told to end.
GRACE = 20.0
#: Seconds until the database is asked again that has failed to answer.
PAUSE = 2.0
#: A lease is extended this many times before it would run out.
HEARTBEATS = 3
#: Seconds between two looks for workers that died with tasks in their hands.
ROUND = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workshop:
    """What the tasks of one worker share."""

    database: Database
    store: BlobStore
    decoders: Decoders
    config: IngestConfig
    name: str


async def serve(
    database: Database,
    bell: Bell,
    store: BlobStore,
    config: Config,
    *,
    role_id: int,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Ingest received uploads, the oldest first, until cancelled.

    The row is the truth and the bell a hint: a ring that is lost costs a nap, and no photo. When
    cancelled, no more is claimed, what is under way may end within a grace period, and what is then
    still claimed is free for the next worker at once.
    """
    name = f"{role_id} {socket.gethostname()} {os.getpid()}"
    claiming, working = trio.CancelScope(), trio.CancelScope(shield=True)
    try:
        async with (
            open_decoders(config.ingest, config.renditions) as decoders,
            trio.open_nursery() as nursery,
        ):
            await decoders.warm_up()
            shop = _Workshop(
                database=database, store=store, decoders=decoders, config=config.ingest, name=name
            )
            nursery.start_soon(_free_claims_of_the_dead, database)
            nursery.start_soon(expiry.every_hour, database, store, config.retention.trash)
            nursery.start_soon(_work, shop, bell, claiming, working)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                claiming.cancel()
                working.deadline = trio.current_time() + GRACE
    finally:
        with trio.move_on_after(GRACE, shield=True):
            await _insist(partial(database.write, tasks.free_claims, name, tried=False))


async def _work(
    shop: _Workshop, bell: Bell, claiming: trio.CancelScope, working: trio.CancelScope
) -> None:
    """Claim tasks and begin them, as many at once as there are decoders."""
    places = trio.Semaphore(shop.config.decoders)
    with working:
        async with trio.open_nursery() as nursery:
            with claiming:
                while True:
                    await places.acquire()
                    task = await _next_task(shop, bell)
                    nursery.start_soon(_do, shop, task, places)


async def _next_task(shop: _Workshop, bell: Bell) -> Task:
    """Wait for a task and claim it."""
    while True:
        try:
            wakeup = await shop.database.read(tasks.next_wakeup, now=datetime.now(UTC))
            if wakeup is not None and not wakeup:
                task = await shop.database.write_lazily(
                    tasks.claim, worker=shop.name, lease=shop.config.lease, now=datetime.now(UTC)
                )
                if task is not None:
                    return task
                continue
        except CatalogUnavailableError as error:
            log.warning("cannot look for tasks, trying again: %s", error)
            await trio.sleep(PAUSE)
            continue
        with trio.move_on_after(math.inf if wakeup is None else wakeup.total_seconds()):
            await bell.wait()


async def _do(shop: _Workshop, task: Task, places: trio.Semaphore) -> None:
    """Work on a task for as long as its claim lasts."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_claim, shop, task, nursery.cancel_scope)
            await _ingest(shop, task)
            nursery.cancel_scope.cancel()
    finally:
        places.release()


async def _ingest(shop: _Workshop, task: Task) -> None:
    """Ingest; whatever goes wrong is this task's trouble, and holds up no other."""
    try:
        await pipeline.ingest(shop.database, shop.store, shop.decoders, task)
    except CatalogUnavailableError as error:
        log.warning("upload %d is tried again: %s", task.upload_id, error)
        back = partial(tasks.postpone, until=datetime.now(UTC), error=str(error))
        await _insist(partial(shop.database.write, back, task))
    except Exception as bug:  # would end the worker
        log.exception("upload %d: ingest itself has failed", task.upload_id)
        cause = f"ingest itself has failed: {_said_plainly(bug)}"
        await _insist(partial(pipeline.fail, shop.database, task, cause))


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
            await trio.sleep(PAUSE)
        else:
            return


async def _keep_claim(shop: _Workshop, task: Task, work: trio.CancelScope) -> None:
    """Extend the lease while the work lasts; end the work if the claim is lost all the same."""
    lease = shop.config.lease
    while True:
        await trio.sleep(lease.total_seconds() / HEARTBEATS)
        try:
            kept = await shop.database.write_lazily(
                tasks.extend, task, lease=lease, now=datetime.now(UTC)
            )
        except CatalogUnavailableError as error:
            log.warning("cannot extend the claim on upload %d: %s", task.upload_id, error)
            continue
        if not kept:
            log.warning("the claim on upload %d is lost to another worker", task.upload_id)
            work.cancel()


async def _free_claims_of_the_dead(database: Database) -> None:
    """Free, now and then, what workers hold that run no more: a lease is a long time to wait."""
    while True:
        try:
            for worker in await database.read(tasks.dead_workers, now=datetime.now(UTC)):
                log.warning("worker %s is gone: its tasks are free again", worker)
                await database.write(tasks.free_claims, worker, tried=True)
        except CatalogUnavailableError as error:
            log.warning("cannot look for dead workers: %s", error)
        await trio.sleep(ROUND)
