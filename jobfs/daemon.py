"""Build one role and run it. Reading this from top to bottom is reading the architecture."""

import errno
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import trio

from jobfs import bells, logs, notify, processes, selftest
from jobfs.at_once import AtOnce
from jobfs.blobs.store import BlobStore
from jobfs.catalog import copying, migrate, roles, studio, tasks
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.config import Config
from jobfs.database import Database
from jobfs.domain.reports.words import Studio
from jobfs.errors import JobfsError
from jobfs.syncing import sync

if TYPE_CHECKING:
    from jobfs.login.sshd import LoginConfig

log = logging.getLogger(__name__)

#: The kinds of roles, in the order in which `jobfs up` starts them.
KINDS = ("mount", "login", "worker")


#: What a worker does while the queue is paused, and after how many seconds that is shown.
_PAUSED, _PAUSE_SHOWN = "begins nothing: the queue is paused, see `jobfs queue resume`", 5.0
#: How long uploads under way may go on when login is told to end.
DRAIN = timedelta(seconds=30)


class NotRootError(JobfsError):
    """A role needs what only root may do.

    EPERM.
    """

    errno = errno.EPERM
    advice = (
        "Run it as root; photographers' files are opened by processes without root all the same."
    )


def initialise(config: Config) -> None:
    """Make directories, schema and host keys; safe to repeat."""
    from jobfs.login import hostkeys  # noqa: PLC0415

    data = config.jobfs.data
    data.mkdir(mode=0o755, parents=True, exist_ok=True)
    _store(config).prepare()
    migrate_older(config)
    catalog = Catalog(config.database_url)
    migrate.upgrade(catalog)
    with catalog.writing() as connection:
        studio.ensure(connection, now=datetime.now(UTC))
    catalog.dispose()
    hostkeys.make(login_config(config).hostkeys)


def migrate_older(config: Config) -> None:
    """Copy the database of an older jobfs into `data/backups`, then migrate it; of no other.

    Raises StudioRunsError if the older one is at work, and NewerSchemaError.
    """
    catalog = Catalog(config.database_url)
    if catalog.file is not None and not catalog.file.exists():
        return
    try:
        with copying.snapshot(catalog) as connection:
            if not migrate.is_older(connection, catalog):
                return
            roles.refuse_running(connection, now=datetime.now(UTC))
            found = migrate.revision(connection)
            kept = _keep(connection, config.jobfs.data / "backups", f"schema-{found}")
        log.info("the schema is at revision %s: copied to %s, migrating", found, kept)
        migrate.upgrade(catalog)
        log.info("migrated to revision %s", migrate.head())
    finally:
        catalog.dispose()


def _keep(rows: Connection, folder: Path, name: str) -> Path:
    """Copy the database into a new file, that has its name only when it is whole."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.sqlite3"
    draft = kept.with_suffix(".new")
    copying.portable(rows, draft)
    draft.rename(kept)
    sync(folder)
    return kept


def run(kind: str, config: Config, *, supervised: bool = False) -> None:
    """Run a role until a signal ends it, or, if *supervised*, until stdin does."""
    logs.configure(config.jobfs.log_level, role=kind)
    if os.geteuid() != 0:
        raise NotRootError(f"`jobfs {kind}` must run as root: try sudo")
    catalog = Catalog(config.database_url, durable=config.jobfs.durability == "power")
    migrate.check(catalog)
    try:
        trio.run(_live, kind, config, catalog, supervised)
    except BaseExceptionGroup as group:  # of the tasks that one failure has ended
        raise _only_failure(group) from None


def _only_failure(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


@asynccontextmanager
async def ended_by_signals() -> AsyncIterator[None]:
    """Cancel the block at SIGTERM or SIGINT; more of them, while it ends, change nothing."""
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as block:
            await nursery.start(_cancel_at_signals, block)
            yield
        nursery.cancel_scope.cancel()


async def _cancel_at_signals(
    block: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            log.info("ending: %s", signal.Signals(number).name)
            block.cancel()


def _bell(kind: str, catalog: Catalog) -> AbstractAsyncContextManager[bells.Bell]:
    """Return the bell of a role; see there who has to hear how soon."""
    if kind == "mount":  # it commits with every file itself, and follows what others do
        return bells.bell(catalog, ours=False)
    rest = bells.LONG_REST if kind == "login" else bells.REST
    return bells.bell(catalog, rest=rest, longest=bells.LONG_REST)


Serve = Callable[..., Awaitable[None]]


async def _live(
    kind: str,
    config: Config,
    catalog: Catalog,
    supervised: bool,  # noqa: FBT001 (trio.run takes positional arguments only)
) -> None:
    """Enter the role, serve, and strike it at the end."""
    manager = notify.Manager() if supervised else notify.manager()
    database = Database(catalog, AtOnce())
    process = processes.process(os.getpid())
    assert process is not None
    async with _bell(kind, catalog) as bell, manager.watching():
        role_id = await database.write(roles.start, kind, process, now=datetime.now(UTC))
        try:
            async with ended_by_signals(), trio.open_nursery() as nursery:
                there_is_a_mount = trio.Event()
                if supervised:
                    nursery.start_soon(_heed_parent, there_is_a_mount, nursery.cancel_scope)
                else:
                    there_is_a_mount.set()
                serve = _serving(kind, config, database, bell)
                if kind == "login":  # sshd, which it starts, will live where this process does
                    await there_is_a_mount.wait()
                    await selftest.require_seen_ends(config.jobfs.mountpoint)
                await nursery.start(partial(serve, role_id=role_id))
                _offer_metrics(kind, config, database)
                await database.write(roles.ready, role_id, now=datetime.now(UTC))
                # What is loaded stays: to look for garbage in it takes a tenth of a second, now and then
                # and, twice as long, at the end, while somebody waits for this role to begin anew.
                gc.freeze()
                log.info("ready")
                await manager.tell("READY=1", f"STATUS={_doing(kind, config)}")
                nursery.start_soon(_tell_of_end, manager)
                if kind == "worker" and manager.address:
                    nursery.start_soon(_tell_of_pauses, manager, database, _doing(kind, config))
                nursery.start_soon(_show_life, database, role_id)
        finally:  # only now: until its tasks have ended, uploads may name the role
            with trio.CancelScope(shield=True), suppress(JobfsError):
                await database.write(roles.stop, role_id)


def _serving(kind: str, config: Config, database: Database, bell: bells.Bell) -> Serve:
    """Return what a role does, with all that it needs. Only its own room is imported."""
    store = _store(config)
    if kind == "mount":
        from jobfs.mount import role as mount  # noqa: PLC0415

        return partial(
            mount.serve, database, bell, store, config.jobfs.mountpoint,
            refuse_incomplete=config.jobfs.refuse_incomplete,
            studio=Studio(config.studio.contact, ZoneInfo(config.studio.timezone)),
        )  # fmt: skip
    if kind == "login":
        from jobfs.login import role as login  # noqa: PLC0415

        return partial(login.serve, database, bell, login_config(config), drain=DRAIN)
    from jobfs.ingest import role as ingest  # noqa: PLC0415

    return partial(ingest.serve, database, bell, store, config)


def _offer_metrics(kind: str, config: Config, database: Database) -> None:
    """Answer Prometheus from now on. What that takes is loaded by roles only."""
    from jobfs import monitoring  # noqa: PLC0415

    look = monitoring.at_nothing
    if kind == "mount":
        look = partial(monitoring.at_studio, database, _store(config))
    if kind == "login":
        from jobfs.login import served  # noqa: PLC0415

        look = partial(
            monitoring.at_connections, partial(served.photographers, login_config(config))
        )
    monitoring.offer(kind, config.metrics, look)


async def _heed_parent(there_is_a_mount: trio.Event, everything: trio.CancelScope) -> None:
    """Hear of the mount when the supervisor says something, and end when it does, however it died.

    It holds the other end of stdin.
    """
    async with trio.lowlevel.FdStream(os.dup(0)) as lifeline:
        while await lifeline.receive_some():
            there_is_a_mount.set()
    log.info("ending: the supervisor is gone")
    everything.cancel()


def _doing(kind: str, config: Config) -> str:
    """Return what a role does, as `systemctl status` shows it."""
    return {
        "mount": f"shows the jobs at {config.jobfs.mountpoint}",
        "login": f"lets photographers in at {', '.join(config.sshd.listen)}",
        "worker": f"makes photos of uploads, {config.ingest.decoders} at once",
    }[kind]


async def _tell_of_end(manager: notify.Manager) -> None:
    """Tell the service manager as soon as the role begins to end, which may take a while."""
    try:
        await trio.sleep_forever()
    finally:
        await manager.tell("STOPPING=1", "STATUS=ending")


async def _tell_of_pauses(manager: notify.Manager, database: Database, doing: str) -> None:
    """Tell the service manager when the queue is paused, and when it is worked on again."""
    was_paused = False
    while True:
        with suppress(CatalogUnavailableError):
            is_paused = await database.read(tasks.is_paused)
            if is_paused != was_paused:
                await manager.tell(f"STATUS={_PAUSED if is_paused else doing}")
            was_paused = is_paused
        await trio.sleep(_PAUSE_SHOWN)


async def _show_life(database: Database, role_id: int) -> None:
    while True:
        await trio.sleep(roles.SIGN_OF_LIFE.total_seconds())
        with suppress(CatalogUnavailableError):
            await database.write_lazily(roles.seen, role_id, now=datetime.now(UTC))


def login_config(config: Config) -> "LoginConfig":
    """Return where photographers come in, as login and account cards need it."""
    from jobfs.login.sshd import LoginConfig  # noqa: PLC0415

    return LoginConfig(
        folder=config.jobfs.data / "login",
        mountpoint=config.jobfs.mountpoint,
        listen=config.sshd.listen,
    )


def _store(config: Config) -> BlobStore:
    return BlobStore(config.jobfs.data, durable=config.jobfs.durability == "power")
