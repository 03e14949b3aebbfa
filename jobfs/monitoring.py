"""What each role tells Prometheus beyond what it counts: looked up when Prometheus asks, and not before.

It asks in a thread of its own; the event loop looks, within seconds or not at all. So a database that is
away leaves its numbers out, and an event loop that hangs gives no answer, which is one, too.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import trio

from jobfs import __version__, exposition, metrics
from jobfs.blobs.store import BlobStore, Space
from jobfs.catalog import tasks, underway
from jobfs.catalog.engine import Connection
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.tasks import Backlog
from jobfs.config import MetricsConfig
from jobfs.database import Database
from jobfs.domain.uploads import UploadState
from jobfs.metrics import Asked, Found, Labels

log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Found]]

#: Seconds that a look may take; Prometheus waits for ten.
_PATIENCE = 4.0
#: Workers of one machine that find a port.
WORKERS = 16


#: What a role makes of uploads. It is shown from 0 on: a monitor sees no rise of what was not there before.
_OUTCOMES = {
    "mount": (
        UploadState.RECEIVED, UploadState.WAITING, UploadState.INTERRUPTED, UploadState.INCOMPLETE,
        UploadState.UNSUPPORTED,
    ),
    "login": (),
    "worker": (
        UploadState.INGESTED, UploadState.DAMAGED, UploadState.UNSUPPORTED, UploadState.FAILED,
    ),
}  # fmt: skip


def offer(kind: str, config: MetricsConfig, look: Look) -> None:
    """Answer Prometheus while this process runs. That it cannot is no reason not to serve photographers."""
    metrics.ROLE.of(kind, __version__).add(1)
    for outcome in _OUTCOMES[kind]:
        metrics.UPLOADS.of(outcome)
        metrics.UPLOAD_BYTES.of(outcome)
    first = {"mount": config.mount, "login": config.login, "worker": config.worker}[kind]
    if not config.host or not first:
        return
    ports = range(first, min(first + (WORKERS if kind == "worker" else 1), 2**16))
    ask = partial(_ask, trio.lowlevel.current_trio_token(), look)
    try:
        port = exposition.serve(config.host, ports, ask)
    except OSError as error:
        log.warning(
            "no metrics: cannot listen at %s, port %s: %s; change [metrics], or end who has it",
            config.host, "-".join(map(str, sorted({ports[0], ports[-1]}))), error,
        )  # fmt: skip
    else:
        log.info("metrics at http://%s:%d/metrics", _in_url(config.host), port)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ask(loop: trio.lowlevel.TrioToken, look: Look) -> Found:
    """Have the event loop look, from another thread; nothing is found once it ends."""
    try:
        return trio.from_thread.run(_in_time, look, trio_token=loop)
    except (trio.RunFinishedError, trio.Cancelled):
        return {}


async def _in_time(look: Look) -> Found:
    with trio.move_on_after(_PATIENCE):
        return await look()
    return {}


# --- what each role looks at ---


async def at_studio(database: Database, store: BlobStore) -> Found:
    """Look at the queue, at uploads and at the disk."""
    found: dict[Asked, Mapping[Labels, float]] = {metrics.DATABASE_UP: {(): 0}}
    with trio.move_on_after(_PATIENCE / 4), _left_out("the disk"):
        found.update(_room(await trio.to_thread.run_sync(store.space, abandon_on_cancel=True)))
    with trio.move_on_after(_PATIENCE / 2), _left_out("the queue"):
        found.update(await database.peek(_studio, now=datetime.now(UTC)))
    return found


@contextmanager
def _left_out(what: str) -> Iterator[None]:
    """Go on without what the disk or the database does not tell."""
    try:
        yield
    except (CatalogUnavailableError, OSError) as error:
        log.warning("no metrics of %s: %s", what, error)


async def at_connections(count: Callable[[], int]) -> Found:
    """Look at who is logged in, by counting them."""
    number = await trio.to_thread.run_sync(count, abandon_on_cancel=True)
    return {metrics.CONNECTIONS: {(): number}}


async def at_nothing() -> Found:
    """Tell what was counted, and no more."""
    await trio.lowlevel.checkpoint()
    return {}


def _room(space: Space) -> Found:
    return {
        metrics.STORE_BYTES: {("total",): space.total, ("free",): space.free},
        metrics.STORE_FILES: {("total",): space.files, ("free",): space.free_files},
    }


def _studio(connection: Connection, *, now: datetime) -> Found:
    backlogs = tasks.backlogs(connection, now=now)
    age = underway.oldest_received(connection, now=now)
    return {
        metrics.DATABASE_UP: {(): 1},
        metrics.QUEUE_TASKS: {
            (one.priority.word, state): number for one in backlogs for state, number in _each(one)
        },
        metrics.QUEUE_AGE: {
            (one.priority.word,): 0.0 if one.age is None else one.age.total_seconds()
            for one in backlogs
        },
        metrics.QUEUE_PAUSED: {(): float(tasks.is_paused(connection))},
        metrics.OLDEST_RECEIVED: {(): 0.0 if age is None else age.total_seconds()},
        metrics.ARRIVING: {(): underway.arriving(connection)},
    }


def _each(backlog: Backlog) -> tuple[tuple[str, int], ...]:
    return (
        ("waiting", backlog.waiting), ("working", backlog.working), ("failed", backlog.failed)
    )  # fmt: skip
