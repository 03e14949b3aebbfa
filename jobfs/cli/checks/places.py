"""Are the studio's folders and files fit: the mountpoint, the data, the settings, the keys?"""

import errno
import os
import re
import stat
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import trio

from jobfs import selftest
from jobfs.blobs.store import BlobStore, Space
from jobfs.cli.checks.findings import Finding, ok, unfit, warning
from jobfs.config import Config
from jobfs.domain.quotas import size_in_words
from jobfs.errors import JobfsError
from jobfs.login import connections, hostkeys, ports
from jobfs.login.sshd import LoginConfig
from jobfs.mount import mountpoint as places
from jobfs.settings import redacted

#: Seconds that a mount has to say whose its root is.
_PATIENCE = 10
#: Room below which the store is as good as full, in bytes and in files.
_LEAST_FREE, _LEAST_FILES = 1024**3, 1000
#: Share of the room that should be free; `jobfs status` and docs/monitoring.md say the same.
_SCARCE = 0.2

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def mountpoint(place: Path) -> Iterator[Finding]:
    """Look at the mountpoint: free, or served; and then let the mount prove what it sees."""
    if not places.mounted(place):
        yield from _bare(place)
        yield ok("processes", "to be seen when the mount serves")
        return
    try:
        done = subprocess.run(  # another process, since a mount may never answer
            ["stat", "--", place], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        yield unfit("mountpoint", f"the mount at {place} has not answered for {_PATIENCE} s")
        return
    if done.returncode != 0:
        yield unfit("mountpoint", f"the mount at {place} is dead: {done.stderr.strip()}")
        return
    yield ok("mountpoint", f"{place} is served")
    yield from _ends(place)


def _bare(place: Path) -> Iterator[Finding]:
    """Look at a mountpoint on which nothing is mounted."""
    try:
        found = place.stat()
        is_empty = stat.S_ISDIR(found.st_mode) and not any(place.iterdir())
    except FileNotFoundError:
        yield ok("mountpoint", f"{place} will be made")
        return
    if found.st_uid != 0 or not is_empty:
        yield unfit("mountpoint", f"{place} is no empty folder of root's")
    else:
        yield ok("mountpoint", f"{place} is free")


def _ends(place: Path) -> Iterator[Finding]:
    """Let the mount tell whole from cut off uploads, of processes that are started here."""
    try:
        trio.run(selftest.require_seen_ends, place)
    except JobfsError as error:
        yield unfit("processes", str(error))
    else:
        yield ok("processes", "the mount sees how processes end")


def chroot(place: Path) -> Iterator[Finding]:
    """Look at every folder above the mountpoint, as sshd does: safely_chroot() in its session.c."""
    bad = [folder for folder in reversed(place.parents) if not _is_roots_alone(folder)]
    if bad:
        yield unfit("chroot", f"others than root can write: {', '.join(map(str, bad))}")
    else:
        yield ok("chroot", f"all folders above {place} are root's alone")


def _is_roots_alone(folder: Path) -> bool:
    """Tell whether root alone can write to a folder; one that is not there yet will be made so."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return True
    return found.st_uid == 0 and not found.st_mode & _OTHERS_WRITE


def addresses(config: LoginConfig) -> Iterator[Finding]:
    """Try to listen, unless this studio's own sshd does."""
    listed = ", ".join(config.listen)
    if connections.roots(config.sshd_config, config.extrausers):
        yield ok("addresses", f"this studio listens on {listed}")
        return
    try:
        ports.check(config.listen)
    except (JobfsError, OSError) as error:
        yield unfit("addresses", str(error))
    else:
        yield ok("addresses", f"free: {listed}")


def data(folder: Path) -> Iterator[Finding]:
    """Look at the folder of data."""
    if not folder.exists():
        yield ok("data", f"{folder} is not there yet: `jobfs init` makes it")
    elif not _is_roots_alone(folder):
        yield unfit("data", f"others than root can write to {folder}")
    else:
        try:
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(b"jobfs")
        except OSError as error:
            yield _unwritable(folder, error)
        else:
            yield ok("data", f"{folder} can be written")


def _unwritable(folder: Path, error: OSError) -> Finding:
    check = "space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "data"
    return unfit(check, f"{folder} cannot be written: {error.strerror}")


def space(folder: Path) -> Iterator[Finding]:
    """Look at the room for the store, where it is or will be."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    yield judged(BlobStore(there).space())


def judged(room: Space) -> Finding:
    """Judge the room on a disk."""
    bytes_free = room.free / max(1, room.total)
    files_free = room.free_files / room.files if room.files else 1.0  # 0: there is no limit
    text = f"{size_in_words(room.free)} free ({bytes_free:.0%}), {files_free:.0%} of the files"
    if room.free < _LEAST_FREE or (room.files and room.free_files < _LEAST_FILES):
        return unfit("space", text)
    if min(bytes_free, files_free) < _SCARCE:
        return warning("space", text)
    return ok("space", text)


def host_keys(folder: Path) -> Iterator[Finding]:
    """Look at the modes of the server's keys."""
    made = [file for file in hostkeys.files(folder) if file.exists()]
    bad = [file for file in made if file.stat().st_uid != 0 or file.stat().st_mode & 0o077]
    if bad:
        yield unfit("host keys", f"others can read: {', '.join(map(str, bad))}")
    elif not made:
        yield ok("host keys", "not there yet: `jobfs init` makes them")
    else:
        yield ok("host keys", f"root's alone: {len(made)}")


def secrets(config: Config, file: Path | None) -> Iterator[Finding]:
    """Look who can read the database's password: in the file of settings, or in its own."""
    own = config.jobfs.database_password_file
    holding = [one for one in (file if _has_password(file) else None, own) if one is not None]
    open_ones = [one for one in holding if one.stat().st_mode & stat.S_IROTH]
    if open_ones:
        named = ", ".join(map(str, open_ones))
        yield unfit("settings", f"everybody on this machine can read a password in: {named}")
    elif holding:
        yield ok("settings", "nobody else can read the password of the database")
    else:
        yield ok("settings", "no password in a file" if file else "no file of settings")


def _has_password(file: Path | None) -> bool:
    if file is None:
        return False
    sections = tomllib.loads(file.read_text(encoding="utf-8"))
    url = str(sections.get("jobfs", {}).get("database", ""))
    return redacted(url) != url or re.search("(?i)password=", url) is not None


def newest(folders: Iterable[Path]) -> tuple[Path, float] | None:
    """Return what was changed last of what lies in *folders*, and when; seconds since 1970."""
    found = [
        (Path(entry.path), entry.stat(follow_symlinks=False).st_mtime)
        for folder in folders
        if folder.is_dir()
        for entry in os.scandir(folder)
    ]
    return max(found, key=_when, default=None)


def _when(found: tuple[Path, float]) -> float:
    return found[1]
