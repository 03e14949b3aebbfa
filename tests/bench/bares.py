"""File systems that do next to nothing: `bare.py` on pyfuse3, with or without rows; `bare.c`, `passing.c`.

They are mounted alone, or below the sshd of jobfs in its place.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobfs import mounts
from jobfs.mount import mountpoint as places
from tests.bench.comparing import MissingPeerError, Options
from tests.bench.sides import FolderSide, JobfsSide, mountpoint, on_disk, serving
from tests.served.studio import until

_CHECKOUT = Path(__file__).parents[2]
#: The exit status of passing.c if the kernel refuses.
_REFUSED = 3

#: Gives the command of a bare file system, to which folder and mountpoint are added.
Bare = Callable[[Path], list[str]]


def in_python(_folder: Path) -> list[str]:
    """Return the command of the one on pyfuse3."""
    return [sys.executable, "-m", "tests.bench.bare"]


def with_rows(_folder: Path) -> list[str]:
    """Return the command of the one on pyfuse3 that records its files."""
    return [sys.executable, "-m", "tests.bench.bare_rows"]


def in_c(folder: Path) -> list[str]:
    """Return the command of the one on libfuse, compiled in a folder."""
    if shutil.which("pkg-config") is None:
        raise MissingPeerError("pkg-config; apt install gcc pkg-config libfuse3-dev")
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise MissingPeerError("libfuse's headers; apt install libfuse3-dev")
    return [_compiled(folder, "bare.c", *found.stdout.split())]


def passing(folder: Path) -> list[str]:
    """Return the command of the one that lets the kernel read and write by itself, compiled in a folder."""
    return [_compiled(folder, "passing.c")]


def _compiled(folder: Path, name: str, *flags: str) -> str:
    source = Path(__file__).with_name(name)
    program = folder / source.stem
    if shutil.which("gcc") is None:
        raise MissingPeerError("gcc; apt install gcc libc6-dev")
    subprocess.run(["gcc", "-O2", "-o", str(program), str(source), *flags], check=True)
    return str(program)


@contextmanager
def _mounted(bare: Bare, folder: Path, root: Path) -> Iterator[int]:
    """Mount a bare file system that keeps bytes in a folder; gives its pid. Raises MissingPeerError."""
    kept, said = folder / "kept", folder / "said"
    kept.mkdir()
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [*bare(folder), str(kept), str(root)], cwd=_CHECKOUT, stderr=errors
        )
    try:
        until(lambda: _is_mounted(root) or process.poll() is not None)
        if process.poll() == _REFUSED:
            raise MissingPeerError(said.read_text("utf-8").strip())
        assert process.poll() is None, said.read_text("utf-8")
        yield process.pid
    finally:
        while _is_mounted(root):
            places.unmount(root)
        process.terminate()
        process.wait()


def _is_mounted(place: Path) -> bool:
    return any(mount.at == place for mount in mounts.table())


@contextmanager
def bare_side(bare: Bare, options: Options, jobfs: JobfsSide) -> Iterator[FolderSide]:
    """Give the sshd of jobfs over a bare file system."""
    with (
        on_disk(options) as disk,
        mountpoint() as root,
        _mounted(bare, disk, root) as pid,
    ):
        home = root / "anna"
        home.mkdir()
        os.chown(home, 0, (jobfs.studio.mountpoint / "anna").stat().st_gid)
        home.chmod(0o750)
        with serving(disk, root, jobfs, beside=[pid], home=home) as side:
            yield side


@dataclass(frozen=True, slots=True)
class Alone:
    """A bare file system that nobody else uses: where it is mounted, and its pid."""

    root: Path
    pid: int

    def cpu_of(self, act: Callable[[Path], None], number: int, *, filled: bool) -> float:
        """Return the microseconds of CPU that it takes for each of so many files in a new folder."""
        place = self.root / "files"
        place.mkdir()
        if filled:
            make(place, number, b"small")
        began = self._used()
        act(place)
        took = self._used() - began
        shutil.rmtree(place)
        return took / number / 1000

    def _used(self) -> int:
        """Return the nanoseconds it has run. Source: Documentation/scheduler/sched-stats in Linux."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((one / "schedstat").read_text("ascii").split()[0]) for one in threads)


@contextmanager
def alone(bare: Bare, options: Options) -> Iterator[Alone]:
    """Mount a bare file system beside no other."""
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        mountpoint() as root,
        _mounted(bare, Path(folder), root) as pid,
    ):
        yield Alone(root, pid)


def make(folder: Path, number: int, content: bytes) -> None:
    """Make so many files, each in one write."""
    for one in range(number):
        descriptor = os.open(folder / f"IMG_{1_000_000 + one}.JPG", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, content)
        os.close(descriptor)
