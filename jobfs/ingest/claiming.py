"""Coming by tasks and keeping them: what a worker does about its claims.

The row is the truth and the bell a hint: a ring that is lost costs a nap, and no photo.
"""

import math
from datetime import UTC, datetime, timedelta
from logging import getLogger
from typing import NamedTuple

import trio

from jobfs.bells import Bell
from jobfs.catalog import tasks
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.tasks import Task
from jobfs.database import Database

log = getLogger(__name__)

#: Seconds until the database is asked again that has failed to answer.
PAUSE = 2.0
#: Seconds until the next look after another worker was quicker; it may yet give back what it took.
MISS = 0.1
#: A lease is extended this many times before it would run out.
HEARTBEATS = 3
#: Seconds between two looks for workers that died with tasks in their hands.
ROUND = 10.0


class Claimant(NamedTuple):
    """Who claims: *name* begins with the id of the role, *lease* is how long a claim lasts."""

    name: str
    lease: timedelta


async def next_task(database: Database, bell: Bell, claimant: Claimant) -> Task:
    """Claim the task whose turn it is; wait while there is none."""
    while True:
        try:
            nap = await database.read_briefly(tasks.next_wakeup, now=datetime.now(UTC))
            if nap is not None and not nap:
                # A ring for a claim that missed would wake this very worker.
                task = await database.write_quietly(
                    tasks.claim, worker=claimant.name, lease=claimant.lease, now=datetime.now(UTC)
                )
                if task is not None:
                    return task
                nap = timedelta(seconds=MISS)
        except CatalogUnavailableError as error:
            log.warning("cannot look for tasks, trying again: %s", error)
            await trio.sleep(PAUSE)
            continue
        await bell.wait(nap=math.inf if nap is None else nap.total_seconds())


async def keep(database: Database, task: Task, claimant: Claimant, work: trio.CancelScope) -> None:
    """Extend the lease while the work lasts; end the work if the claim is lost all the same."""
    while True:
        await trio.sleep(claimant.lease.total_seconds() / HEARTBEATS)
        try:
            kept = await database.write_quietly(
                tasks.extend, task, lease=claimant.lease, now=datetime.now(UTC)
            )
        except CatalogUnavailableError as error:
            log.warning("cannot extend the claim on upload %d: %s", task.upload_id, error)
            continue
        if not kept:
            log.warning("the claim on upload %d is lost to another worker", task.upload_id)
            work.cancel()


async def free_those_of_the_dead(database: Database) -> None:
    """Free, now and then, what workers hold that run no more: a lease is a long time to wait."""
    while True:
        try:
            for worker in await database.read_briefly(tasks.dead_workers, now=datetime.now(UTC)):
                log.warning("worker %s is gone: its tasks are free again", worker)
                await database.write(tasks.free_claims, worker, tried=True)
        except CatalogUnavailableError as error:
            log.warning("cannot look for dead workers: %s", error)
        await trio.sleep(ROUND)
