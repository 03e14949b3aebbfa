"""Who is connected: the account, from where, since when; and how to end some of it."""

import os
import select
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from jobfs import processes
from jobfs.domain.accounts import HEALTH_ACCOUNT
from jobfs.login import connections
from jobfs.login.sshd import LoginConfig
from jobfs.processes import Process

#: Seconds that ended connections have to be gone; longer only if the mount does not answer.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One connection that has logged in.

    monitor  sshd's own process of it, which ends with it
    address  where the client is; None if we may not look
    """

    monitor: Process
    account: str
    address: str | None
    since: datetime


def listing(config: LoginConfig) -> list[Served]:
    """Return every connection of the sshd that this machine runs, the oldest first.

    Whoever has not proved yet who it is, is none.
    """
    ancestors = connections.roots(config.sshd_config, config.extrausers)
    found = [
        Served(
            monitor=one.process, account=one.account_name,
            address=processes.peer(one.process.pid), since=processes.started_at(one.process),
        )
        for one in connections.logged_in(ancestors)
    ]  # fmt: skip
    return sorted(found, key=_age)


def photographers(config: LoginConfig) -> int:
    """Return how many connections have logged in, but for the health check's own."""
    ancestors = connections.roots(config.sshd_config, config.extrausers)
    names = [one.account_name for one in connections.logged_in(ancestors)]
    return len(names) - names.count(HEALTH_ACCOUNT)


def end(those: Iterable[Served]) -> list[Process]:
    """End connections, and no other of their accounts; return the processes that are still there.

    As of an account that is disabled: at once, also in the middle of an upload, which is then
    `interrupted`. Returns when they are gone, so that the mount has heard of it, too.
    """
    ended = connections.end_all(one.monitor for one in those)
    give_up = monotonic() + PATIENCE
    return [one for one in ended if not _is_gone(one, give_up)]


def _age(one: Served) -> tuple[int, int]:
    return one.monitor.start_tick, one.monitor.pid


def _is_gone(one: Process, give_up: float) -> bool:
    """Wait until a process has ended, but not beyond *give_up*."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return True
    try:
        if processes.process(one.pid) != one:
            return True
        readable, _, _ = select.select([handle], [], [], max(0.0, give_up - monotonic()))
        return bool(readable)
    finally:
        os.close(handle)
