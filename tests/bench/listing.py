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
PHOTOS = 5_000
#: The tree that is walked: 100,000 entries, or a fifth of them in a quick run.
_ALBUMS, _QUICK_ALBUMS, _EACH = 100, 20, 999
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


def listed(client: Client, place: str) -> float:
    """Return the seconds of `ls -l` of a folder that was filled."""
    began = monotonic()
    lines = client.ask(f'ls -l "{place}"')
    took = monotonic() - began
    assert len([line for line in lines if ".JPG" in line]) == PHOTOS, lines[:3]
    return took


@contextmanager
def connected(login: Login) -> Iterator[Client]:
    """Give a client."""
    client = Client(login)
    try:
        yield client
    finally:
        client.close()


def _warm(options: Options) -> Iterator[Pair]:
    with (
        jobfs_side(options) as ours,
        plain_side(options, ours) as theirs,
        connected(ours.login) as here,
        connected(theirs.login) as there,
    ):
        place = fill(ours, [theirs])
        while True:
            yield Pair(listed(here, place), listed(there, place))


def _cold(options: Options) -> Iterator[Pair]:
    """List with a mount that has just been started, and what the kernel remembers forgotten."""
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        place = fill(ours, [theirs])
        while True:
            ours.studio.stop()
            ours.studio.start()
            yield Pair(first_listed(ours.login, place), first_listed(theirs.login, place))


def first_listed(login: Login, place: str) -> float:
    """Return the seconds of `ls -l` while the kernel remembers nothing; for root alone."""
    with connected(login) as client:
        os.sync()
        # Names and inodes of all file systems. Source: Documentation/admin-guide/sysctl/vm.rst in Linux.
        Path("/proc/sys/vm/drop_caches").write_text("2\n", encoding="ascii")
        return listed(client, place)


def fill(ours: JobfsSide, others: Sequence[FolderSide]) -> str:
    """Make a folder of the same name on all sides, with photos of the same names; return its name."""
    place = ours.fresh()
    names = crowd.add_photos(ours.studio.catalog, place, PHOTOS)
    for side in others:
        assert side.fresh() == place
        _make_files(side.folder(place), names)
    return place


def fill_tree(ours: JobfsSide, others: Sequence[FolderSide], options: Options) -> str:
    """Make the same tree of albums on all sides; return the name of the folder that holds it."""
    place = ours.fresh()
    number = _QUICK_ALBUMS if options.quick else _ALBUMS
    crowd.add_albums(ours.studio.catalog, place, number, _EACH)
    albums = {
        album.name: [photo.name for photo in album.iterdir()]
        for album in ours.folder(place).glob("*/")
    }
    for side in others:
        assert side.fresh() == place
        for name, photos in albums.items():
            (side.folder(place) / name).mkdir()
            _make_files(side.folder(place) / name, photos)
    return place


def _make_files(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).write_bytes(b"small")


def _tree_over_sftp(options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        place = fill_tree(ours, [theirs], options)
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
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        place = fill_tree(ours, [theirs], options)
        while True:
            yield Pair(walked_in_shell(ours.folder(place)), walked_in_shell(theirs.folder(place)))


def walked_in_shell(folder: Path) -> float:
    """Return the seconds of `find`."""
    return _walked(["find", str(folder)])


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
        name="list-warm", what=f"ls -l of {PHOTOS:,} photos by a connected sftp, again and again",
        against=_PLAIN, unit="s", goal=1.1, together=3, turns=_warm,
    ),
    Figure(
        name="list-cold",
        what=f"ls -l of {PHOTOS:,} photos by a connected sftp, after a start, dentries dropped",
        against=_PLAIN, unit="s", goal=2.0, turns=_cold,
    ),
    Figure(
        name="tree-sftp", what="find over SFTP by lftp, 100,000 entries", against=_PLAIN,
        unit="s", goal=2.0, turns=_tree_over_sftp,
    ),
    Figure(
        name="tree-shell", what="find in a shell on the mount, 100,000 entries",
        against="the same in a plain directory with the same names",
        unit="s", goal=2.0, together=5, turns=_tree_in_shell,
    ),
)  # fmt: skip
