"""What the processes of a running studio hold in memory."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.served.studio import Studio


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one process holds, in MiB.

    name          its role, or decoder, or the beginning of its title
    peak          its highest resident memory so far
    resident      as of now
    proportional  the same, without what it shares with others
    """

    name: str
    peak: float
    resident: float
    proportional: float

    def __str__(self) -> str:
        return f"{self.name} {self.peak:.0f}/{self.resident:.0f}/{self.proportional:.0f}"


def of(studio: Studio) -> list[Held]:
    """Return what every process from `jobfs up` down holds."""
    titles = _titles(studio)
    return [held for pid in titles if (held := _held(pid, titles[pid])) is not None]


def pids(studio: Studio) -> list[int]:
    """Return the processes from `jobfs up` down."""
    return sorted(_titles(studio))


def _titles(studio: Studio) -> dict[int, str]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in shown.splitlines()}
    titles = {int(line.split()[0]): " ".join(line.split()[2:]) for line in shown.splitlines()}
    return {pid: titles[pid] for pid in parents if studio.up in _ancestors(pid, parents)}


def _ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    found = [pid]
    while found[-1] in parents:
        found.append(parents[found[-1]])
    return found


def _held(pid: int, title: str) -> Held | None:
    """Return what a process holds; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Held(
        name=_name(title), peak=_field(status, "VmHWM"), resident=_field(status, "VmRSS"),
        proportional=_field(rollup, "Pss"),
    )  # fmt: skip


def _name(title: str) -> str:
    if " -m jobfs " in title:
        return title.removesuffix(" --supervised").rpartition(" ")[2]
    if "python" in title:
        return "decoder" if "jobfs.ingest.child" in title else "tracker"
    return title[:34]


def _field(text: str, name: str) -> float:
    """Return a number that /proc tells in KiB, in MiB."""
    return int(text.partition(f"{name}:")[2].split()[0]) / 1024
