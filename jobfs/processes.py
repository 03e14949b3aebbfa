"""Which process is which: a pid alone may have been given to another since."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path

#: The task is on its way out. Source: PF_EXITING in include/linux/sched.h.
_PF_EXITING = 0x4
#: Places in /proc/PID/stat behind the command's closing parenthesis: proc(5) counts from 1, and the
#: state, the first of them, is number 3.
_STATE, _FLAGS, _START_TICK, _EXIT_CODE = 3 - 3, 9 - 3, 22 - 3, 52 - 3
#: The state of a TCP socket that only listens. Source: TCP_LISTEN in include/net/tcp_states.h.
_LISTENING = "0A"
#: Bytes that /proc/PID/stat and the first lines of /proc/PID/status do not exceed.
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine: *start_tick* is clock ticks since boot."""

    pid: int
    start_tick: int

    def is_running(self) -> bool:
        """Whether it is alive and not on its way out (dead, a zombie, exiting, or another by now).

        The kernel sends FLUSH while the closing process waits for the answer, so this does not change
        under the one who asks from there.
        """
        fields = self._own_stat()
        return (
            fields is not None
            and fields[_STATE] not in {"Z", "X"}
            and not int(fields[_FLAGS]) & _PF_EXITING
        )

    def is_ending_well(self) -> bool:
        """Whether it is on its way out because it has called exit(0)."""
        fields = self._own_stat()
        return (
            fields is not None
            and bool(int(fields[_FLAGS]) & _PF_EXITING)
            and int(fields[_EXIT_CODE]) == 0
        )

    def _own_stat(self) -> list[str] | None:
        fields = _stat(self.pid)
        same = fields is not None and int(fields[_START_TICK]) == self.start_tick
        return fields if same else None


def process(pid: int) -> Process | None:
    """Return the process that has *pid* now; None if there is none, or none that can be seen.

    *pid* may also be the number of one of its threads: the kernel names the one that asks, which may
    have ended before the file it opened is closed by another.
    """
    fields = _stat(pid)
    return None if fields is None else _process(pid, int(fields[_START_TICK]))


def started_at(one: Process) -> datetime:
    """Return when a process was started, to the second: clocks are set, ticks only count."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return datetime.fromtimestamp(round(booted + one.start_tick / os.sysconf("SC_CLK_TCK")), tz=UTC)


def peer(pid: int) -> str | None:
    """Return the address that a process is connected to over TCP; IPv4 stays IPv4 on an IPv6 socket.

    None if it has no connection, has ended, or may not be looked into. Sources: proc_pid_fd(5) and
    proc_pid_net(5), whose tables are of the process's own network namespace.
    """
    try:
        links = [os.readlink(handle) for handle in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115
        sockets = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
        return next((address for inode, address in _peers(pid) if inode in sockets), None)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _peers(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the number and the other end of every TCP socket that a process's namespace has."""
    for name in ("tcp", "tcp6"):
        table = Path(f"/proc/{pid}/net/{name}")
        lines = table.read_text("ascii").splitlines()[1:] if table.exists() else []
        for line in lines:
            fields = line.split()
            if fields[3] != _LISTENING:
                yield fields[9], _address(fields[2].partition(":")[0])


def _address(digits: str) -> str:
    """Return an address of which the kernel prints each four bytes as a number of this machine."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    address = ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@cache
def host() -> str:
    """Return the name of this machine and of its boot: within it a Process means one process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {boot}"


def is_this_machine(name: str) -> bool:
    """Whether `host` has returned *name* on this machine since it booted, in whatever container."""
    return name.rpartition(" ")[2] == host().rpartition(" ")[2]


@lru_cache(maxsize=4096)
def _process(thread: int, start_tick: int) -> Process | None:
    """Return the process of a thread, which has the same one for as long as it is there.

    Remembered, since a connection opens many files.
    """
    whole = _process_of_thread(thread)
    if whole is None or whole == thread:
        return None if whole is None else Process(whole, start_tick)
    fields = _stat(whole)
    return None if fields is None else Process(whole, int(fields[_START_TICK]))


def _process_of_thread(number: int) -> int | None:
    """Return the pid that the threads of one process share. Source: Tgid in proc_pid_status(5)."""
    status = _told(number, "status")
    return None if status is None else int(status.partition(b"\nTgid:")[2].split(None, 1)[0])


def _stat(pid: int) -> list[str] | None:
    line = _told(pid, "stat")
    return None if line is None else line[line.rindex(b")") + 2 :].decode("ascii").split()


def _told(pid: int, what: str) -> bytes | None:
    """Return what the kernel tells of a process; None if it has ended or may not be looked into.

    Twice for each upload: so without what Python's files cost.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/{what}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _LONGEST)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
