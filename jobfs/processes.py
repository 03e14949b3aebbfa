"""Which process is which: a pid alone may have been given to another since."""

import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: The task is on its way out. Source: PF_EXITING in include/linux/sched.h.
_PF_EXITING = 0x4
#: Places in /proc/PID/stat behind the command's closing parenthesis: proc(5) counts from 1, and the
#: state, the first of them, is number 3.
_STATE, _FLAGS, _START_TICK, _EXIT_CODE = 3 - 3, 9 - 3, 22 - 3, 52 - 3


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
    whole = _process_of_thread(pid)
    fields = None if whole is None else _stat(whole)
    if whole is None or fields is None:
        return None
    return Process(whole, int(fields[_START_TICK]))


@cache
def host() -> str:
    """Return the name of this machine and of its boot: within it a Process means one process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {boot}"


def is_this_machine(name: str) -> bool:
    """Whether `host` has returned *name* on this machine since it booted, in whatever container."""
    return name.rpartition(" ")[2] == host().rpartition(" ")[2]


def _process_of_thread(number: int) -> int | None:
    """Return the pid that the threads of one process share. Source: Tgid in proc_pid_status(5)."""
    try:
        status = Path(f"/proc/{number}/status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    line = next(line for line in status.splitlines() if line.startswith("Tgid:"))
    return int(line.split()[1])


def _stat(pid: int) -> list[str] | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return line[line.rindex(")") + 2 :].split()
