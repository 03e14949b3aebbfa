"""`jobfs up`: mount, login and workers as processes of their own, started again when one dies.

Login needs the mount: it serves after it and ends before it, though both are started at once. When the
mount dies, its clients are stuck on it for ever, so every connection is ended, and mount and login start
anew. What cannot even start for the first time (a taken port, a mountpoint in use) is not tried again:
`jobfs up` ends with it.
"""

import errno
import fcntl
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trio

from jobfs import logs, mounts, processes
from jobfs.bells import bell
from jobfs.catalog import migrate, roles
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.roles import Role
from jobfs.config import Config
from jobfs.daemon import KINDS, NotRootError, ended_by_signals
from jobfs.database import Database
from jobfs.errors import JobfsError
from jobfs.login import connections
from jobfs.mount import mountpoint

log = logging.getLogger(__name__)

#: Seconds before a role that died is started again; doubled each time up to the second number, and back
#: to the first once one has lived for the third.
_FIRST_PAUSE, _LONGEST_PAUSE, _GOOD_LIFE = 0.01, 10.0, 60.0
#: Seconds a role gets to end: login drains for 30, then connections are ended.
_LONGEST_END = 45.0
#: Seconds between two looks at a role that is awaited, if no bell rings: it may have died.
_NAP = 0.2


class NotReadyError(JobfsError):
    """Not every role became ready in time.

    EIO.
    """

    advice = "Look at the log of those that are named, and at `jobfs doctor`; then wait again."


class RunsAlreadyError(JobfsError):
    """Another `jobfs up` runs the same studio.

    EBUSY, since ending it helps.
    """

    errno = errno.EBUSY
    advice = "Leave it running, or end that process first."


class CannotStartError(JobfsError):
    """The studio is not there, or a role has ended before it was ready for the first time.

    EIO.
    """

    advice = "The role's own sentence stands above, and says why; look it up on this page."


def up(config: Config, *, config_file: Path | None) -> None:
    """Run everything until a signal ends it; the roles read *config_file*, too.

    Raises RunsAlreadyError, CannotStartError.
    """
    logs.configure(config.jobfs.log_level, role="up")
    if os.geteuid() != 0:
        raise NotRootError("`jobfs up` must run as root: try sudo")
    catalog = Catalog(config.database_url)
    migrate.check(catalog)
    arguments = [] if config_file is None else ["--config", str(config_file.absolute())]
    with _alone(config.jobfs.data):
        trio.run(_Supervisor(config, Database(catalog), arguments).run)


def wait(config: Config, timeout: float) -> None:
    """Return when one of each of `kinds` is ready; raises NotReadyError after *timeout* seconds."""
    catalog = Catalog(config.database_url)
    migrate.check(catalog)
    trio.run(_wait, Database(catalog), kinds(config), timeout)


def kinds(config: Config) -> tuple[str, ...]:
    """Return the kinds of roles that `up` runs: workers may be elsewhere."""
    return KINDS if config.ingest.workers else tuple(kind for kind in KINDS if kind != "worker")


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Be the only `jobfs up` of a studio for the length of a block; raises RunsAlreadyError.

    The kernel takes the lock away when the process ends, however it does.
    """
    if not data.is_dir():  # the database is elsewhere, and another machine has made it
        raise CannotStartError(f"there is no folder {data}: run `jobfs init`")
    with (data / "up.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise RunsAlreadyError(
                f"`jobfs up` runs this studio already, as process {file.read()}: end that one first"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


async def _wait(database: Database, wanted: tuple[str, ...], seconds: float) -> None:
    missing = list(wanted)
    async with bell(database.catalog, nap=_NAP) as rings:
        with trio.move_on_after(seconds):
            while missing := await database.read(_missing, wanted):
                await rings.wait()
    if missing:
        raise NotReadyError(f"not ready after {seconds:g} s: {', '.join(missing)}")


def _missing(connection: Connection, wanted: tuple[str, ...]) -> list[str]:
    ready = {role.kind for role in alive(connection) if role.ready}
    return [kind for kind in wanted if kind not in ready]


def alive(connection: Connection) -> list[Role]:
    """Return the roles at work on this machine; others may share its database."""
    now, host = datetime.now(UTC), processes.host()
    return [role for role in roles.known(connection) if role.host == host and role.is_alive(now)]


@dataclass(frozen=True, slots=True)
class _Child:
    """A role's process; it ends by itself when *lifeline*, its standard input, is closed."""

    kind: str
    process: trio.Process
    lifeline: int

    @property
    def has_ended(self) -> bool:
        """Whether it has died or ended."""
        return self.process.poll() is not None

    def tell_of_mount(self) -> None:
        """Let login go on: the mount serves."""
        with suppress(BrokenPipeError):  # it has ended
            os.write(self.lifeline, b"\n")

    async def end(self) -> None:
        """Ask it to end, and make it end."""
        if not self.has_ended:
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
        self._proven: set[str] = set()  # kinds of roles that were ready once

    async def run(self) -> None:
        """Run all roles until a signal comes."""
        try:
            async with ended_by_signals(), trio.open_nursery() as nursery:
                await self._let_predecessor_end()
                nursery.start_soon(self._keep, self._serve_photographers)
                for _ in range(self._config.ingest.workers):
                    nursery.start_soon(self._keep, self._work)
        finally:
            mountpoint.clear_dead_mount(self._config.jobfs.mountpoint)
            mounts.unshare_parent(self._config.jobfs.mountpoint)

    async def _let_predecessor_end(self) -> None:
        """Wait for the mount of a `jobfs up` that was killed: it ends by itself, but not at once."""
        known = await self._database.read(alive)
        left = [role.process for role in known if role.kind == "mount"]
        if any(one.is_running() for one in left):
            log.info("waiting for the mount of an earlier run to end")
        with trio.move_on_after(_LONGEST_END):
            while any(one.is_running() for one in left):  # noqa: ASYNC110 (not our children)
                await trio.sleep(_NAP)

    async def _keep(
        self, life: Callable[[], Awaitable[None]], *, above: _Child | None = None
    ) -> None:
        """Live again and again, with a pause that grows while lives are short.

        Until the role that this life needs, *above*, has ended.
        """
        pause = _FIRST_PAUSE
        while above is None or not above.has_ended:
            began = trio.current_time()
            await life()
            if trio.current_time() - began > _GOOD_LIFE:
                pause = _FIRST_PAUSE
            await trio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _work(self) -> None:
        """Run one worker until it dies."""
        async with self._child("worker") as worker:
            await self._ready(worker)
            await worker.process.wait()
            _report(worker)

    async def _serve_photographers(self) -> None:
        """Run the mount until it dies, and login on it."""
        await trio.to_thread.run_sync(self._clear_the_way)
        async with self._child("mount") as mount:
            await self._keep(partial(self._let_in, mount), above=mount)
            _report(mount)

    def _clear_the_way(self) -> None:
        mountpoint.clear_dead_mount(self._config.jobfs.mountpoint)
        mounts.share_parent(self._config.jobfs.mountpoint)

    async def _let_in(self, mount: _Child) -> None:
        """Run login until it or the mount dies. It loads what it needs while the mount does, too."""
        async with self._child("login") as login:
            if not await self._ready(mount):
                return
            login.tell_of_mount()
            await self._ready(login, above=mount)
            await _first_to_end(mount.process, login.process)
            if mount.has_ended:
                await trio.to_thread.run_sync(_end_connections, login)
            else:
                _report(login)

    @asynccontextmanager
    async def _child(self, kind: str) -> AsyncIterator[_Child]:
        """Give a running role that is ended with the block."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            process = await trio.lowlevel.open_process(
                [*self._command, kind, "--supervised"], stdin=reading, start_new_session=True
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        child = _Child(kind, process, writing)
        try:
            yield child
        finally:
            with trio.CancelScope(shield=True):
                await child.end()
            os.close(writing)

    async def _ready(self, child: _Child, *, above: _Child | None = None) -> bool:
        """Wait until a role says that it is ready; false if it, or the role it needs, has died.

        Raises CannotStartError if that has never been seen of its kind, and it was not killed.
        """
        async with bell(self._database.catalog, nap=_NAP) as rings:
            while not child.has_ended:
                if await self._says_ready(child.process.pid):
                    self._proven.add(child.kind)
                    return True
                await rings.wait()
        status = child.process.returncode
        if above is not None and above.has_ended:
            return False
        if child.kind not in self._proven and status is not None and status > 0:
            raise CannotStartError(f"{child.kind} cannot start: see above")
        return False

    async def _says_ready(self, pid: int) -> bool:
        try:
            known = await self._database.read(alive)
        except CatalogUnavailableError as error:
            log.warning("cannot see whether a role is ready, looking again: %s", error)
            return False
        return any(role.process.pid == pid and role.ready for role in known)


async def _first_to_end(*those: trio.Process) -> None:
    async with trio.open_nursery() as nursery:

        async def wait_for(process: trio.Process) -> None:
            await process.wait()
            nursery.cancel_scope.cancel()

        for process in those:
            nursery.start_soon(wait_for, process)


def _end_connections(login: _Child) -> None:
    """End login without mercy for what is under way.

    On a dead mount every request of a client fails, file by file; only a lost connection tells it to
    connect again.
    """
    role = processes.process(login.process.pid)
    served = [] if role is None else connections.descendants([role])
    login.process.terminate()  # first, so that it does not take the end of sshd for an accident
    connections.end_all(served)


def _report(child: _Child) -> None:
    status = child.process.poll()
    if status is not None and status < 0:
        how = f"was killed by {signal.Signals(-status).name}"
    else:
        how = f"ended with status {status}"
    log.error("%s %s; starting it again", child.kind, how)
