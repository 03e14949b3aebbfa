"""`jobfs up`: mount, login and workers as processes of their own, started again when one dies.

Login needs the mount: it starts after it and ends before it. When the mount dies, its clients are stuck
on it for ever, so login and with it every connection is ended, and both start anew.
"""

import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trio

from jobfs import logs
from jobfs.catalog import migrate, roles
from jobfs.catalog.engine import Catalog, Connection
from jobfs.config import Config
from jobfs.daemon import KINDS, NotRootError
from jobfs.database import Database, bell
from jobfs.errors import JobfsError
from jobfs.login import mounts
from jobfs.mount import mountpoint

log = logging.getLogger(__name__)

#: Seconds before a role that died is started again; doubled each time up to the second number, and back
#: to the first once one has lived for the third.
_FIRST_PAUSE, _LONGEST_PAUSE, _GOOD_LIFE = 0.1, 10.0, 60.0
#: Seconds a role gets to end: login drains for 30, then connections are ended.
_LONGEST_END = 45.0
#: Seconds between two looks at a role that is awaited, if no bell rings: it may have died.
_NAP = 0.2


class NotReadyError(JobfsError):
    """Not every role became ready in time; EIO."""


def up(config: Config, *, config_file: Path | None) -> None:
    """Run everything until a signal ends it; the roles read *config_file*, too."""
    logs.configure(config.jobfs.log_level, role="up")
    if os.geteuid() != 0:
        raise NotRootError("`jobfs up` must run as root: try sudo")
    catalog = Catalog(config.database_url)
    migrate.check(catalog)
    arguments = [] if config_file is None else ["--config", str(config_file.absolute())]
    trio.run(_Supervisor(config, Database(catalog), arguments).run)


def wait(config: Config, timeout: float) -> None:
    """Return when mount, login and a worker are ready; raises NotReadyError after *timeout* seconds."""
    catalog = Catalog(config.database_url)
    migrate.check(catalog)
    trio.run(_wait, Database(catalog), timeout)


async def _wait(database: Database, seconds: float) -> None:
    missing = list(KINDS)
    async with bell(database.catalog, nap=_NAP) as rings:
        with trio.move_on_after(seconds):
            while missing := await database.read(_missing):
                await rings.wait()
    if missing:
        raise NotReadyError(f"not ready after {seconds:g} s: {', '.join(missing)}")


def _missing(connection: Connection) -> list[str]:
    now = datetime.now(UTC)
    ready = {role.kind for role in roles.known(connection) if role.ready and role.is_alive(now)}
    return [kind for kind in KINDS if kind not in ready]


@dataclass(frozen=True, slots=True)
class _Child:
    """A role's process; it ends by itself when *lifeline* is closed."""

    process: trio.Process
    lifeline: int

    async def end(self) -> None:
        """Ask it to end, and make it end."""
        if self.process.poll() is None:
            self.process.terminate()
        with trio.move_on_after(_LONGEST_END):
            await self.process.wait()
            return
        log.error("process %d does not end: killing it", self.process.pid)
        self.process.kill()
        await self.process.wait()


class _Supervisor:
    def __init__(self, config: Config, database: Database, arguments: list[str]) -> None:
        self._config = config
        self._database = database
        self._command = [sys.executable, "-m", "jobfs", *arguments]

    async def run(self) -> None:
        """Run all roles until a signal comes."""
        mountpoint.clear_dead_mount(self._config.jobfs.mountpoint)
        shared = mounts.share_parent(self._config.jobfs.mountpoint)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_end_at_signal, nursery.cancel_scope)
                nursery.start_soon(self._keep, self._serve_photographers)
                for _ in range(self._config.ingest.workers):
                    nursery.start_soon(self._keep, self._work)
        finally:
            if shared:
                mounts.unshare_parent(self._config.jobfs.mountpoint)

    async def _keep(self, life: Callable[[], Awaitable[None]]) -> None:
        """Live again and again, with a pause that grows while lives are short."""
        pause = _FIRST_PAUSE
        while True:
            began = trio.current_time()
            await life()
            if trio.current_time() - began > _GOOD_LIFE:
                pause = _FIRST_PAUSE
            await trio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _work(self) -> None:
        """Run one worker until it dies."""
        async with self._child("worker") as worker:
            await worker.process.wait()
            _report("worker", worker.process)

    async def _serve_photographers(self) -> None:
        """Run mount and login until one dies; then the other ends, too."""
        await trio.to_thread.run_sync(mountpoint.clear_dead_mount, self._config.jobfs.mountpoint)
        async with self._child("mount") as mount:
            if not await self._ready(mount.process):
                _report("mount", mount.process)
                return
            while mount.process.poll() is None:
                async with self._child("login") as login:
                    await _first_to_end(mount.process, login.process)
                    _report("mount" if login.process.poll() is None else "login", login.process)

    @asynccontextmanager
    async def _child(self, kind: str) -> AsyncIterator[_Child]:
        """Give a running role that is ended with the block."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            process = await trio.lowlevel.open_process(
                [*self._command, kind, "--supervised"], stdin=reading, start_new_session=True
            )
        finally:
            os.close(reading)
        child = _Child(process, writing)
        try:
            yield child
        finally:
            with trio.CancelScope(shield=True):
                await child.end()
            os.close(writing)

    async def _ready(self, process: trio.Process) -> bool:
        """Wait until a role says that it is ready; false if it has died."""
        async with bell(self._database.catalog, nap=_NAP) as rings:
            while process.poll() is None:
                if await self._database.read(_is_ready, process.pid):
                    return True
                await rings.wait()
        return False


async def _first_to_end(*processes: trio.Process) -> None:
    async with trio.open_nursery() as nursery:

        async def wait_for(process: trio.Process) -> None:
            await process.wait()
            nursery.cancel_scope.cancel()

        for process in processes:
            nursery.start_soon(wait_for, process)


def _is_ready(connection: Connection, pid: int) -> bool:
    now = datetime.now(UTC)
    return any(
        role.process.pid == pid and role.ready and role.is_alive(now)
        for role in roles.known(connection)
    )


def _report(kind: str, process: trio.Process) -> None:
    status = process.poll()
    if status is not None and status < 0:
        log.error("%s was killed by %s; starting it again", kind, signal.Signals(-status).name)
    else:
        log.error("%s ended with status %s; starting it again", kind, status)


async def _end_at_signal(everything: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("ending: %s", signal.Signals(number).name)
            everything.cancel()
