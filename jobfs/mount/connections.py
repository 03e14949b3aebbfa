"""Who uses this mount at the moment, as far as /proc and the open handles tell.

The mount knows which processes have opened files, and the kernel which run under an account's uid. A
connection is the topmost of those and what it has started: the process above is sshd's monitor, by whose
number `jobfs connections` calls it, and whose socket leads to the client.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobfs import processes
from jobfs.domain.accounts import account_of
from jobfs.processes import Process

#: How a monitor calls itself.
_MONITOR = re.compile(rb"sshd(?:-session)?: \S+ \[priv\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What processes do with files here: how many they have open, and bytes moved, either way."""

    open_files: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Processes of one account that belong together.

    pid      of sshd's monitor; of the account's own topmost process if none is above it
    address  where the client is; None if no sshd is above, or we may not look into it
    since    when the account's topmost process was started, which is after the login
    """

    account_id: int
    pid: int
    address: str | None
    since: datetime
    use: Use


def listing(uses: Mapping[Process, Use]) -> list[Connection]:
    """Return the connections there are, the oldest first; reads all of /proc.

    *uses*: of processes, also of such as have ended.
    """
    parents = {pid: parent for pid in _pids() if (parent := _account_parent(pid)) is not None}
    tops: dict[int, list[int]] = {}
    for pid in parents:
        tops.setdefault(_top(pid, parents), []).append(pid)
    by_pid = {one.pid: use for one, use in uses.items() if one.is_running()}
    found = [
        _connection(
            top, parents[top].pid, parents[top].account_id, [by_pid.get(pid) for pid in its]
        )
        for top, its in tops.items()
    ]
    return sorted((one for one in found if one is not None), key=_age)


@dataclass(frozen=True, slots=True)
class _Parent:
    """Whose a process is, and what started it."""

    account_id: int
    pid: int


def _connection(top: int, above: int, account_id: int, uses: list[Use | None]) -> Connection | None:
    first = processes.process(top)
    if first is None:  # it has ended since
        return None
    is_served = _MONITOR.match(_title(above)) is not None
    its = [use for use in uses if use is not None]
    return Connection(
        account_id=account_id, pid=above if is_served else top,
        address=processes.peer(above) if is_served else None, since=processes.started_at(first),
        use=Use(
            open_files=sum(use.open_files for use in its), moved=sum(use.moved for use in its)
        ),
    )  # fmt: skip


def _age(one: Connection) -> tuple[datetime, int]:
    return one.since, one.pid


def _top(pid: int, parents: Mapping[int, _Parent]) -> int:
    """Return the topmost process above one that is the same account's."""
    while True:
        above = parents.get(parents[pid].pid)
        if above is None or above.account_id != parents[pid].account_id:
            return pid
        pid = parents[pid].pid


def _account_parent(pid: int) -> _Parent | None:
    """Return whose a process is, and its parent; None if it is no account's, or has ended."""
    try:
        account_id = account_of(Path(f"/proc/{pid}").stat().st_uid)
        if account_id is None:
            return None
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return _Parent(account_id, int(stat[stat.rindex(")") + 2 :].split()[1]))


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (names)


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
