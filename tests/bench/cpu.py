"""What the processes of a server cost, those included that nobody waits for.

A connection's sftp-server often outlives its monitor, so no parent learns what it took. A control group
counts everybody; see cgroups(7).
"""

import errno
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.served.studio import until


class Group:
    """A control group of version 2 of its own; None for *folder* where the machine gives none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def seconds(self) -> float | None:
        """Return the CPU seconds that all its processes have taken since they were in it."""
        if self._folder is None:
            return None
        words = (self._folder / "cpu.stat").read_text("ascii").split()
        return int(words[words.index("usage_usec") + 1]) / 1_000_000

    def take(self, roots: Iterable[int]) -> None:
        """Take in processes, and those that descend from them."""
        if self._folder is None:
            return
        for pid in _descendants(roots):
            with suppress(ProcessLookupError):
                (self._folder / "cgroup.procs").write_text(str(pid), "ascii")


@contextmanager
def group(roots: Iterable[int]) -> Iterator[Group]:
    """Give a group of these processes, of those they have started, and of all they will start."""
    folder = _new_folder()
    made = Group(folder)
    made.take(roots)
    try:
        yield made
    finally:
        if folder is not None:
            until(partial(_removed, folder))


def _new_folder() -> Path | None:
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        _, at, kind, *_ = line.split()
        if kind == "cgroup2":
            folder = Path(at) / f"jobfs-bench-{secrets.token_hex(4)}"
            with suppress(OSError):  # read-only in most containers
                folder.mkdir()
                return folder
    return None


def _removed(folder: Path) -> bool:
    """Remove a group, with whoever is left sent to the one above; whether nobody was still ending in it."""
    for pid in (folder / "cgroup.procs").read_text("ascii").split():
        with suppress(ProcessLookupError):
            (folder.parent / "cgroup.procs").write_text(pid, "ascii")
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _descendants(roots: Iterable[int]) -> Iterator[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and (parent := _parent(place)):
            children[parent].append(int(place.name))
    left = list(roots)
    while left:
        pid = left.pop()
        left += children[pid]
        yield pid


def _parent(place: Path) -> int:
    """Return the parent's pid, which follows the name, which may hold spaces; 0 if it has ended."""
    try:
        stat = (place / "stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[1])
