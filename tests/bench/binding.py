"""What the binding to the kernel takes by itself: file systems that do next to nothing, in Python and in C.

`bare.py` is what a program on pyfuse3 can be at best, `bare.c` the same on libfuse. Where the first misses a
figure's goal, no program on pyfuse3 reaches it; between both lies what a better binding would gain.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobfs import mounts
from jobfs.mount import mountpoint as places
from tests.bench import small_ops, uploading
from tests.bench.comparing import Figure, MissingPeerError, Options, Pair
from tests.bench.listing import connected, listed
from tests.bench.sides import (
    FolderSide,
    JobfsSide,
    jobfs_side,
    mountpoint,
    on_disk,
    plain_side,
    serving,
)
from tests.served.studio import until

_CHECKOUT = Path(__file__).parents[2]
_C = Path(__file__).with_name("bare.c")
#: Files that are made and listed without a client, and the bytes of each, which come in one write.
_FILES, _SIZE = 2_000, 60 * 1024

#: Gives the command of a bare file system, to which folder and mountpoint are added.
Bare = Callable[[Path], list[str]]


def in_python(_folder: Path) -> list[str]:
    """Return the command of the one on pyfuse3."""
    return [sys.executable, "-m", "tests.bench.bare"]


def in_c(folder: Path) -> list[str]:
    """Return the command of the one on libfuse, compiled in a folder."""
    program = folder / "bare"
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        raise MissingPeerError("gcc and pkg-config; apt install gcc pkg-config libfuse3-dev")
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise MissingPeerError("libfuse's headers; apt install libfuse3-dev")
    subprocess.run(["gcc", "-O2", "-o", str(program), str(_C), *found.stdout.split()], check=True)
    return [str(program)]


@contextmanager
def _mounted(bare: Bare, folder: Path, root: Path) -> Iterator[int]:
    """Mount a bare file system that keeps bytes in a folder; gives its pid."""
    kept = folder / "kept"
    kept.mkdir()
    process = subprocess.Popen(
        [*bare(folder), str(kept), str(root)], cwd=_CHECKOUT, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: _is_mounted(root) or process.poll() is not None)
        assert process.poll() is None, "it has ended"
        yield process.pid
    finally:
        while _is_mounted(root):
            places.unmount(root)
        process.terminate()
        process.wait()


def _is_mounted(place: Path) -> bool:
    return any(mount.at == place for mount in mounts.table())


# --- in the place of jobfs ---


@contextmanager
def _bare_side(bare: Bare, options: Options, jobfs: JobfsSide) -> Iterator[FolderSide]:
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


def _small(bare: Bare, options: Options) -> Iterator[Pair]:
    with _sides(bare, options) as (ours, theirs):
        yield from uploading.pairs(ours, theirs, uploading.small(options))


def _listing(bare: Bare, options: Options) -> Iterator[Pair]:
    number = 500 if options.quick else 5_000
    with _sides(bare, options) as (ours, theirs):
        place = ours.fresh()
        assert theirs.fresh() == place
        for side in (ours, theirs):
            _make(side.folder(place), number, b"small")
        with connected(ours.login) as here, connected(theirs.login) as there:
            while True:
                yield Pair(listed(here, place, number), listed(there, place, number))


@contextmanager
def _sides(bare: Bare, options: Options) -> Iterator[tuple[FolderSide, FolderSide]]:
    """Give a bare and a plain side; a studio runs beside them, since it has accounts and keys."""
    with (
        jobfs_side(options) as jobfs,
        _bare_side(bare, options, jobfs) as ours,
        plain_side(options, jobfs) as theirs,
    ):
        yield ours, theirs


def _make(folder: Path, number: int, content: bytes) -> None:
    for one in range(number):
        descriptor = os.open(folder / f"IMG_{1_000_000 + one}.JPG", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, content)
        os.close(descriptor)


def _postmark(bare: Bare, options: Options) -> Iterator[Pair]:
    with _alone(bare, options) as ours, small_ops.example(options) as theirs:
        while True:
            us, them = (
                small_ops.postmark(small_ops.new(folder), options) for folder in (ours.root, theirs)
            )
            yield Pair(us, them)


# --- Python over C ---


@dataclass(frozen=True, slots=True)
class _Alone:
    """A bare file system that nobody else uses: where it is mounted, and its pid."""

    root: Path
    pid: int

    def cpu_of(self, act: Callable[[Path], None], number: int, *, filled: bool) -> float:
        """Return the microseconds of CPU that it takes for each of so many files in a new folder."""
        place = self.root / "files"
        place.mkdir()
        if filled:
            _make(place, number, b"small")
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
def _alone(bare: Bare, options: Options) -> Iterator[_Alone]:
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        mountpoint() as root,
        _mounted(bare, Path(folder), root) as pid,
    ):
        yield _Alone(root, pid)


def _files(options: Options) -> Iterator[Pair]:
    """Compare what a file takes that is looked for, made, written at once, and closed."""
    number = _number(options)
    content = bytes(_SIZE)
    with _alone(in_python, options) as ours, _alone(in_c, options) as theirs:
        while True:
            us, them = (
                side.cpu_of(partial(_make, number=number, content=content), number, filled=False)
                for side in (ours, theirs)
            )
            yield Pair(us, them)


def _entries(options: Options) -> Iterator[Pair]:
    """Compare what an entry takes that is listed."""
    number = _number(options)
    with _alone(in_python, options) as ours, _alone(in_c, options) as theirs:
        while True:
            us, them = (side.cpu_of(_list, number, filled=True) for side in (ours, theirs))
            yield Pair(us, them)


def _requests(options: Options) -> Iterator[Pair]:
    """Compare what a request takes: the kernel asks for each name that is not there."""
    number = _number(options)
    with _alone(in_python, options) as ours, _alone(in_c, options) as theirs:
        while True:
            us, them = (
                side.cpu_of(partial(_miss, number=number), number, filled=False)
                for side in (ours, theirs)
            )
            yield Pair(us, them)


def _miss(folder: Path, number: int) -> None:
    assert not any((folder / f"{one}.JPG").exists() for one in range(number))


def _list(folder: Path) -> None:
    assert list(folder.iterdir())


def _number(options: Options) -> int:
    return 500 if options.quick else _FILES


_PLAIN = "the same sshd and client over a plain directory"
_SIDES: tuple[tuple[str, str, Bare], ...] = (
    ("binding", "a program on pyfuse3 that does next to nothing (bare.py)", in_python),
    ("libfuse", "the same program in C on libfuse (bare.c)", in_c),
)

FIGURES = (
    *(
        Figure(
            name=f"{name}-upload-small", what=f"{what} in the place of jobfs in upload-small",
            against=_PLAIN, unit="s", goal=0.8, is_speed=True, turns=partial(_small, bare),
        )
        for name, what, bare in _SIDES
    ),
    *(
        Figure(
            name=f"{name}-list-warm", what=f"{what} in the place of jobfs in list-warm",
            against=_PLAIN, unit="s", goal=1.1, turns=partial(_listing, bare),
        )
        for name, what, bare in _SIDES
    ),
    *(
        Figure(
            name=f"{name}-postmark", what=f"{what} in the place of jobfs in small-ops-postmark",
            against="pyfuse3's example passthroughfs.py", unit="s", goal=3.0, is_speed=True,
            turns=partial(_postmark, bare),
        )
        for name, what, bare in _SIDES
    ),
    Figure(
        name="binding-request", what="CPU of bare.py for the shortest request, a name that is not there",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_requests,
    ),
    Figure(
        name="binding-file", what="CPU of bare.py for a file that is made, written at once and closed",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_files,
    ),
    Figure(
        name="binding-entry", what="CPU of bare.py for an entry that is listed",
        against="CPU of bare.c for it", unit="us", goal=2.0, turns=_entries,
    ),
)  # fmt: skip
