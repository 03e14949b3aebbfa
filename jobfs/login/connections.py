"""The processes behind the connections, found in /proc, and how to end them.

A connection is a tree: a monitor with the rights of root, started by the listener; below it the
account's own processes, one of which is internal-sftp. Only what descends from our own listener is
ever ended, and what other processes may know of it is used: parents, titles and uids, since a
container's root may look no deeper into processes of other uids.
"""

import logging
import os
import re
import signal
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobfs.domain.accounts import FIRST_UID
from jobfs.login.files import EXTRAUSERS
from jobfs.processes import Process, process

log = logging.getLogger(__name__)

#: How a monitor calls itself, as soon as the client has named an account.
_MONITOR = re.compile(r"sshd(?:-session)?: (?P<account>\S+) \[priv\]")
#: What a process may do to us between two looks at it: end, or be none of our business.
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One process of a connection.

    account_uid   whose it is; 0 for the monitor
    account_name  whom the monitor serves, or checks; "" for the other processes
    """

    process: Process
    account_uid: int
    account_name: str


def roots(sshd_config: Path, extrausers: Path) -> list[Process]:
    """Return the listeners started with *sshd_config*, and monitors, with or without a listener.

    A monitor sees *extrausers* in EXTRAUSERS' place, and is found only where we may look at that.
    """
    listener = re.compile(rf"sshd: \S+ .*-f {re.escape(str(sshd_config))} \[listener\].*")
    titles = {pid: _title(pid) for pid in _pids() if _uid(pid) == 0}
    ours = [
        process(pid)
        for pid, title in titles.items()
        if listener.fullmatch(title) or (_MONITOR.fullmatch(title) and _sees(pid, extrausers))
    ]
    return [one for one in ours if one is not None]


def descendants(ancestors: Iterable[Process]) -> list[Process]:
    """Return the processes that *ancestors* have started, and those that these have."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid in _pids():
        children[_parent(pid)].append(pid)
    found: dict[int, Process | None] = {}
    ahead = [child for one in ancestors for child in children[one.pid]]
    while ahead:
        pid = ahead.pop()
        if pid not in found:
            found[pid] = process(pid)
            ahead += children[pid]
    return [one for one in found.values() if one is not None]


def connections(ancestors: Iterable[Process]) -> list[Connection]:
    """Return what serves an account, or is about to, among *ancestors* and their descendants."""
    known = set(ancestors)
    processes = known | set(descendants(known))
    return [one for one in map(_connection, processes) if one.account_uid or one.account_name]


def logged_in(ancestors: Iterable[Process]) -> list[Connection]:
    """Return the monitors of those who have proved who they are: an account's process is below."""
    known = connections(ancestors)
    parents = {_parent(one.process.pid) for one in known if one.account_uid}
    return [one for one in known if one.account_name and one.process.pid in parents]


def end_others(ancestors: Iterable[Process], *, staying: dict[str, int]) -> int:
    """End the connections of everybody but *staying*, names with their uids; return their number.

    SIGKILL, since internal-sftp ignores SIGTERM and would go on until the end of its upload. A
    connection that has just passed its check is caught by the name which its monitor serves.
    """
    known, uids = list(ancestors), frozenset(staying.values())
    ended: set[Connection] = set()
    # Again until nothing new is found: a process may have started another before it died.
    while (
        fresh := {
            one
            for one in connections(known)
            if one.account_uid not in uids and one.account_name not in staying
        }
        - ended
    ):
        for one in fresh:
            _kill(one.process)
        ended |= fresh
    return sum(one.account_name != "" for one in ended)


def end_all(processes: Iterable[Process]) -> set[Process]:
    """End *processes* and all their descendants; return them."""
    ended: set[Process] = set()
    fresh = set(processes)
    while fresh:
        below = set(descendants(one for one in fresh if one.is_running()))
        for one in fresh:
            _kill(one)
        ended |= fresh
        fresh = below - ended
    return ended


def is_uploading(one: Process) -> bool:
    """Tell whether a process has a file open for writing; raises PermissionError if we may not look."""
    try:
        handles = [int(name) for name in os.listdir(f"/proc/{one.pid}/fd")]  # noqa: PTH208 (names)
        return any(_is_upload(one.pid, handle) for handle in handles)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_upload(pid: int, handle: int) -> bool:
    target = os.readlink(f"/proc/{pid}/fd/{handle}")  # noqa: PTH115 (need not be a path)
    state = Path(f"/proc/{pid}/fdinfo/{handle}").read_text("ascii")
    flags = int(state.partition("flags:")[2].split()[0], 8)
    is_file = target.startswith("/") and not target.startswith("/dev/")
    return is_file and flags & os.O_ACCMODE != os.O_RDONLY


def _connection(one: Process) -> Connection:
    uid = _uid(one.pid)
    monitor = _MONITOR.fullmatch(_title(one.pid)) if uid == 0 else None
    return Connection(
        process=one,
        account_uid=uid if uid > FIRST_UID else 0,
        account_name=monitor["account"] if monitor else "",
    )


def _sees(pid: int, extrausers: Path) -> bool:
    """Tell whether *extrausers* lies where a process looks for accounts. Monitors never chroot."""
    try:
        return Path(f"/proc/{pid}/root{EXTRAUSERS}").samefile(extrausers)
    except _GONE:
        return False


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (names)


def _parent(pid: int) -> int:
    """Return the parent's pid; 0 when the process has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except _GONE:
        return 0
    return int(stat[stat.rindex(")") + 2 :].split()[1])


def _title(pid: int) -> str:
    """Return the command line of a process; "" when it has ended."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except _GONE:
        return ""
    return line.replace(b"\0", b" ").decode("utf-8", errors="replace").strip()


def _uid(pid: int) -> int:
    """Return the effective uid; -1 when the process has ended."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except _GONE:
        return -1


def _kill(one: Process) -> None:
    if not one.is_running():
        return
    try:
        os.kill(one.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("process %s has ended by itself", one.pid)
