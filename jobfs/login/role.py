"""The login role: sshd, and the files from which it knows the accounts, in step with the database."""

import logging
import math
import os
import re
import subprocess
from collections import deque
from datetime import timedelta
from functools import partial

import trio

from jobfs import metrics
from jobfs.bells import Bell
from jobfs.catalog import accounts, feed, roles, uploads
from jobfs.catalog.accounts import Account
from jobfs.catalog.engine import Connection
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.database import Database, follow
from jobfs.domain.accounts import HEALTH_ACCOUNT, uid_of
from jobfs.domain.events import EventKind
from jobfs.login import connections, files, hostkeys, namespace, ports, sshd
from jobfs.login.refusals import SshdDiedError
from jobfs.login.sshd import LoginConfig
from jobfs.processes import Process, host, process

log = logging.getLogger(__name__)
sshd_log = logging.getLogger("jobfs.sshd")

#: What changes the files.
_ACCOUNT_EVENTS = frozenset(
    {EventKind.ACCOUNT_ADDED, EventKind.ACCOUNT_CHANGED, EventKind.KEY_ADDED, EventKind.KEY_REMOVED}
)
#: After what commands wait for this role to say that it has gone so far.
_AWAITED_EVENTS = _ACCOUNT_EVENTS | {
    EventKind.GRANT_ADDED, EventKind.GRANT_CHANGED, EventKind.GRANT_REMOVED
}  # fmt: skip
#: Seconds until it is recorded how far this role has followed the feed, while nobody waits for that: each
#: record rings everybody's bell.
_REPORT_PAUSE = 1.0
#: Seconds between two looks for sshd's pid file, or for the end of uploads.
_LOOK_PAUSE = 0.05
#: Seconds that a client has, after its last byte, to set times, to look at the result and to log out:
#: one whose connection ends before that reports a failure, or sends the file again.
_LAST_WORDS = 1.0
#: Seconds that ended connections have to be gone; longer only if the mount does not answer.
_PATIENCE = 5
#: How many of sshd's last lines its death is explained with.
_LAST_LINES = 10

#: What sshd says that an operator must see, should see, and may want to see when asking for more.
_ALARMING = re.compile(
    r"bad ownership or modes for chroot|safely_chroot|chroot\(|unable to chdir to chroot"
    r"|Bind to port |Cannot bind "
)
_TELLING = re.compile(
    r"Accepted (password|publickey) |Failed |Invalid user |User .* not allowed |Server listening "
    r"|Disconnected from user |Authentication refused|maximum authentication|error|drop connection"
    r"|.*[Pp]enalty"
)
#: The health check's coming and going, several times a minute.
_ROUTINE = re.compile(rf"(Accepted publickey for|Disconnected from user) {HEALTH_ACCOUNT} ")

_LOGIN = re.compile(
    "(?P<accepted>Accepted (?:password|publickey) for )|(?P<wrong_password>Failed password for )"
)
_LOGINS = {outcome: metrics.LOGINS.of(outcome) for outcome in _LOGIN.groupindex}


async def serve(
    database: Database,
    catalog_bell: Bell,
    config: LoginConfig,
    role_id: int,
    *,
    drain: timedelta = timedelta(0),
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let accounts in until cancelled; started when sshd listens.

    When cancelled, nobody new gets in, uploads under way may end within *drain*, and then every
    connection is ended. Raises SshdDiedError, and what `ports.let_go` does.
    """
    await ports.let_go(config.listen, partial(_end_earlier, config))
    await trio.to_thread.run_sync(_prepare, config)
    progress = _Progress(await _render(database, config))
    listener = await _start(config)
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    reading = trio.CancelScope(shield=True)  # sshd would stop at a full pipe while it ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pass_on, listener, last_lines, reading)
        try:
            async with trio.open_nursery() as work:
                work.start_soon(_keep_in_step, database, catalog_bell, config, progress)
                work.start_soon(_report, database, role_id, progress)
                work.start_soon(_announce, config, task_status)
                await listener.wait()
                work.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await _stop(database, listener, config, drain)
            reading.deadline = trio.current_time() + 1
    await trio.sleep(_LOOK_PAUSE)  # whoever ends sshd with this role has told it first
    raise SshdDiedError(listener.returncode, last_lines)


def _end_earlier(config: LoginConfig) -> None:
    if connections.end_all(connections.roots(config.sshd_config, config.extrausers)):
        log.warning("ended sshd and its connections, which an earlier run had left")


def _prepare(config: LoginConfig) -> None:
    """Make everything that sshd needs but the accounts."""
    config.folder.mkdir(parents=True, exist_ok=True)
    config.folder.chmod(0o700)
    config.pid_file.unlink(missing_ok=True)
    hostkeys.make(config.hostkeys)
    sshd.write_config(config)
    namespace.prepare(config)


async def _start(config: LoginConfig) -> trio.Process:
    return await trio.lowlevel.open_process(
        namespace.command(config), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=namespace.ENVIRONMENT,
    )  # fmt: skip


async def _announce(config: LoginConfig, task_status: trio.TaskStatus[None]) -> None:
    """Say that the role has started, once sshd listens: then it writes its pid file."""
    while not config.pid_file.exists():  # noqa: ASYNC110 (sshd tells in no other way)
        await trio.sleep(_LOOK_PAUSE)
    task_status.started()


# --- accounts ---


class _Progress:
    """How far the feed has been followed, and whether that was recorded."""

    def __init__(self, position: feed.Position) -> None:
        self._news = trio.Event()
        self._awaited = trio.Event()
        self.reach(position)

    def reach(self, position: feed.Position, *, awaited: bool = True) -> None:
        """Note that everything up to *position* is done; *awaited*: somebody waits to hear of it."""
        self.position = position
        self._news.set()
        if awaited:
            self._awaited.set()

    async def due(self) -> feed.Position:
        """Return what is new as soon as somebody waits for its record, or a while after it was reached."""
        await self._news.wait()
        with trio.move_on_after(_REPORT_PAUSE):
            await self._awaited.wait()
        self._news, self._awaited = trio.Event(), trio.Event()
        return self.position


async def _keep_in_step(
    database: Database, catalog_bell: Bell, config: LoginConfig, progress: _Progress
) -> None:
    """Act on every event about accounts and keys."""
    async for position, events in follow(
        database, catalog_bell, progress.position, _AWAITED_EVENTS
    ):
        if any(event.kind in _ACCOUNT_EVENTS for event in events):
            await _render(database, config)
        progress.reach(position, awaited=bool(events))


async def _report(database: Database, role_id: int, progress: _Progress) -> None:
    """Record the progress for those who wait for it, and not at each of a thousand uploads."""
    while True:
        position = await progress.due()
        try:
            await database.write_lazily(roles.took, role_id, position)
        except CatalogUnavailableError as error:
            log.warning("cannot record what login has taken over, trying again: %s", error)
            progress.reach(progress.position, awaited=False)


async def _render(database: Database, config: LoginConfig) -> feed.Position:
    """Make files and connections what the database says; return a place in the feed they have seen."""
    position, known = await _read_patiently(database)
    await trio.to_thread.run_sync(_admit, config, known)
    return position


async def _read_patiently(database: Database) -> tuple[feed.Position, list[Account]]:
    """Return the accounts, and first a place in the feed: they are not older than that."""
    pause = 0.1  # seconds, doubled up to ten
    while True:
        try:
            return await database.read(feed.end), await database.read(accounts.listing)
        except CatalogUnavailableError as error:
            log.warning("cannot read the accounts, trying again: %s", error)
            await trio.sleep(pause)
            pause = min(pause * 2, 10)


def _admit(config: LoginConfig, known: list[Account]) -> None:
    """Let in who may log in; end the connections of all others, once they cannot come back."""
    admitted = files.admitted(known)
    files.write(config.extrausers, admitted)
    staying = {account.name: uid_of(account.id) for account in admitted}
    ancestors = connections.roots(config.sshd_config, config.extrausers)
    ended = connections.end_others(ancestors, staying=staying)
    if ended:
        log.info("ended %s connections of accounts that may not log in any more", ended)


# --- sshd ---


async def _pass_on(
    listener: trio.Process, last_lines: deque[str], reading: trio.CancelScope
) -> None:
    """Log what sshd says, line by line, until no process of it is left."""
    assert listener.stderr is not None
    rest = b""
    with reading:
        async for chunk in listener.stderr:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                text = line.decode("utf-8", errors="replace").strip()
                last_lines.append(text)
                sshd_log.log(level(text), "%s", text)
                count(text)


def level(line: str) -> int:
    """Return how urgent a line of sshd is."""
    if _ALARMING.match(line) and not line.endswith("[preauth]"):
        return logging.WARNING
    return logging.INFO if _TELLING.match(line) and not _ROUTINE.match(line) else logging.DEBUG


def count(line: str) -> None:
    """Count a login, or one with a wrong password, that a line of sshd tells of."""
    found = _LOGIN.match(line)
    if found is not None and found.lastgroup is not None and not _ROUTINE.match(line):
        _LOGINS[found.lastgroup].add()


async def _stop(
    database: Database, listener: trio.Process, config: LoginConfig, drain: timedelta
) -> None:
    """Close the door, let uploads end, and end what is left."""
    door = process(listener.pid)
    served = [] if door is None else connections.descendants([door])
    if listener.returncode is None:
        listener.terminate()
    await listener.wait()
    with trio.move_on_after(drain.total_seconds()):
        await _uploads_end(database, served)
    ended = await trio.to_thread.run_sync(_end_all, config, served)
    with trio.move_on_after(_PATIENCE):
        for one in ended:
            await _gone(one)


async def _uploads_end(database: Database, served: list[Process]) -> None:
    """Return when nothing is being sent any more, and whoever sent has had its last words."""
    quiet_at = -math.inf
    while served := [one for one in served if one.is_running()]:
        if await _are_uploading(database, served):
            quiet_at = trio.current_time() + _LAST_WORDS
        if trio.current_time() > quiet_at:
            return
        await trio.sleep(_LOOK_PAUSE)


async def _are_uploading(database: Database, served: list[Process]) -> bool:
    """Tell whether one of these sends something.

    The root of a container may not look into processes of other uids, lacking CAP_SYS_PTRACE. Then the
    rows tell, which know of the uploads themselves, but of nothing else that a client does.
    """
    try:
        return any(map(connections.is_uploading, served))
    except PermissionError:
        pass
    try:
        return await database.read(_is_receiving)
    except CatalogUnavailableError:
        return True


def _is_receiving(connection: Connection) -> bool:
    """Whether an upload is under way through a mount of this machine."""
    mounts = [role for role in roles.known(connection, kind="mount") if role.host == host()]
    return any(uploads.receiving(connection, role.id) for role in mounts)


def _end_all(config: LoginConfig, served: list[Process]) -> set[Process]:
    """End every connection, also of those who came in at the very last moment."""
    ended = connections.end_all(served)
    return ended | connections.end_all(connections.roots(config.sshd_config, config.extrausers))


async def _gone(one: Process) -> None:
    """Return when a process has ended, so that the mount has heard of it, too."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return
    try:
        if process(one.pid) == one:
            await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)
