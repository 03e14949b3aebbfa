"""How long listings take: over SFTP from a connected client, and in a shell on the mount."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.bench import crowd
from tests.bench.comparing import Figure, Options, Pair
from tests.bench.sending import Login
from tests.bench.sides import FolderSide, JobfsSide, jobfs_side, plain_side

#: Photos of the directory that is listed.
_PHOTOS = 5_000
#: The tree that is walked: 100,000 entries.
_ALBUMS, _EACH = 100, 999
#: What sftp is told to print behind its answer.
_END = "-- that was it --"


class Client:
    """OpenSSH's sftp with a connection of its own, which is told what to do line by line."""

    def __init__(self, login: Login) -> None:
        self._process = subprocess.Popen(
            login.sftp(Path("-")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ask("pwd")

    def ask(self, command: str) -> list[str]:
        """Return the lines that a command answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n!echo {_END}\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.rstrip("\n") == _END:
                return lines
            lines.append(line)
        raise AssertionError(f"sftp has ended: {lines[-3:]}")

    def close(self) -> None:
        """End the connection."""
        self._process.communicate()


def listed(client: Client, place: str, number: int) -> float:
    """Return the seconds of `ls -l`."""
    began = monotonic()
    lines = client.ask(f'ls -l "{place}"')
    took = monotonic() - began
    assert len([line for line in lines if ".JPG" in line]) == number, lines[:3]
    return took


@contextmanager
def connected(login: Login) -> Iterator[Client]:
    client = Client(login)
    try:
        yield client
    finally:
        client.close()


def _warm(options: Options) -> Iterator[Pair]:
    number = _photos(options)
    with (
        _sides(options) as (ours, theirs, place),
        connected(ours.login) as here,
        connected(theirs.login) as there,
    ):
        while True:
            yield Pair(listed(here, place, number), listed(there, place, number))


def _cold(options: Options) -> Iterator[Pair]:
    """List with a mount that has just been started, and what the kernel remembers forgotten."""
    number = _photos(options)
    with _sides(options) as (ours, theirs, place):
        while True:
            ours.studio.stop()
            ours.studio.start()
            yield Pair(_first(ours.login, place, number), _first(theirs.login, place, number))


def _first(login: Login, place: str, number: int) -> float:
    with connected(login) as client:
        _forget()
        return listed(client, place, number)


def _forget() -> None:
    """Have the kernel forget names and inodes of all file systems; for root alone."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("2\n", encoding="ascii")


def _photos(options: Options) -> int:
    return 500 if options.quick else _PHOTOS


@contextmanager
def _sides(options: Options) -> Iterator[tuple[JobfsSide, FolderSide, str]]:
    """Give both sides, each with a directory of the same name that holds the same photos' names."""
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        place = ours.fresh()
        names = crowd.add_photos(ours.studio.catalog, place, _photos(options))
        assert theirs.fresh() == place
        _make_files(theirs.folder(place), names)
        yield ours, theirs, place


@contextmanager
def _trees(options: Options) -> Iterator[tuple[JobfsSide, FolderSide, str]]:
    """Give both sides with the same tree of albums."""
    albums = 5 if options.quick else _ALBUMS
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        place = ours.fresh()
        crowd.add_albums(ours.studio.catalog, place, albums, _EACH)
        assert theirs.fresh() == place
        seen = ours.studio.mountpoint / "anna" / place
        for album in seen.glob("*/"):
            copy = theirs.folder(place) / album.name
            copy.mkdir()
            _make_files(copy, [photo.name for photo in album.iterdir()])
        yield ours, theirs, place


def _make_files(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).write_bytes(b"small")


def _tree_over_sftp(options: Options) -> Iterator[Pair]:
    with _trees(options) as (ours, theirs, place):
        while True:
            yield Pair(_walked_by_lftp(ours.login, place), _walked_by_lftp(theirs.login, place))


def _walked_by_lftp(login: Login, place: str) -> float:
    options = " ".join(word for word in login.sftp(Path("-")) if word.startswith("-o"))
    commands = (
        f'set sftp:connect-program "ssh -a -x -F none {options}"; set net:max-retries 1;'
        f' open -u anna, sftp://{login.host}:{login.port}; find "{place}"'
    )
    return _walked(["lftp", "-c", commands], environment={"HOME": str(login.home)})


def _tree_in_shell(options: Options) -> Iterator[Pair]:
    with _trees(options) as (ours, theirs, place):
        here, there = ours.studio.mountpoint / "anna" / place, theirs.folder(place)
        while True:
            yield Pair(_walked(["find", str(here)]), _walked(["find", str(there)]))


def _walked(command: list[str], *, environment: Mapping[str, str] | None = None) -> float:
    """Return the seconds of a walk through the tree."""
    began = monotonic()
    done = subprocess.run(
        command, env={"PATH": os.defpath, **(environment or {})}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    took = monotonic() - began
    assert done.stdout.count(".JPG") % _EACH == 0, done.stdout[-500:]
    assert done.stdout.count(".JPG"), done.stderr
    return took


_PLAIN = "the same sshd and client over a plain directory with the same names"

FIGURES = (
    Figure(
        name="list-warm", what=f"ls -l of {_PHOTOS:,} photos by a connected sftp, again and again",
        against=_PLAIN, unit="s", goal=1.1, turns=_warm,
    ),
    Figure(
        name="list-cold",
        what=f"ls -l of {_PHOTOS:,} photos by a connected sftp, after a start, dentries dropped",
        against=_PLAIN, unit="s", goal=2.0, turns=_cold,
    ),
    Figure(
        name="tree-sftp", what="find over SFTP by lftp, 100,000 entries", against=_PLAIN,
        unit="s", goal=2.0, turns=_tree_over_sftp,
    ),
    Figure(
        name="tree-shell", what="find in a shell on the mount, 100,000 entries",
        against="the same in a plain directory with the same names",
        unit="s", goal=2.0, turns=_tree_in_shell,
    ),
)  # fmt: skip
