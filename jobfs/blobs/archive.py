"""The folder of a backup.

    jobfs-backup          says whose backup this is
    blobs/ renditions/    files that never change, shared by this backup and the next into the same folder
    20260601T120000Z/     what belongs to one backup alone: database, host keys, unfinished uploads
    SHA256SUMS            every file of the backup, as `sha256sum -c` reads it; written last

Nothing that SHA256SUMS names is touched until it is replaced, in one step: at every moment the folder
holds a whole backup, or none, but never one that is half this and half that.
"""

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jobfs.blobs.refusals import (
    BusyArchiveError,
    CopyFailedError,
    DamagedFileError,
    ForeignFolderError,
    NoRoomError,
    NotABackupError,
    UnfinishedRestoreError,
)
from jobfs.syncing import sync

OWNER, SUMS = "jobfs-backup", "SHA256SUMS"
#: The folder in a studio's data that is there while a restore has not come to its end.
RESTORING = "restoring"
_HEAD = "# A backup made by jobfs."
_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+(?:/[\w.-]+)*)")
_STAMP = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_SHARED = ("blobs", "renditions")
_CHUNK = 1024**2  # bytes


class Archive:
    """A backup's folder, and the SHA-256 of each file that its last whole backup consists of."""

    def __init__(self, root: Path, sums: dict[str, str]) -> None:
        self.root = root
        self.sums = sums
        self.touched: set[Path] = set()  # folders whose names are not on the disk yet

    @property
    def owner(self) -> str:
        """The studio of the backup, as `writing` was told."""
        return (self.root / OWNER).read_text(encoding="utf-8").rstrip("\n")

    def path(self, name: str) -> Path:
        """Return where a file of the backup lies."""
        return self.root / name

    def holds(self, name: str, size: int, sha256: str | None) -> bool:
        """Whether the last whole backup has this file."""
        known = self.sums.get(name)
        if known is None or (sha256 is not None and sha256 != known):
            return False
        try:
            return self.path(name).stat().st_size == size
        except FileNotFoundError:
            return False

    def place(self, name: str) -> Path:
        """Return where a file of the backup is to be written; its folder is there."""
        target = self.path(name)
        for folder in reversed(target.relative_to(self.root).parents):
            (self.root / folder).mkdir(mode=0o700, exist_ok=True)
            self.touched.add(self.root / folder)
        return target

    def add(self, name: str, source: Path, *, size: int | None = None) -> str:
        """Copy a file, or its first *size* bytes; returns the SHA-256 of what was copied."""
        return copy(source, self.place(name), size=size)

    def write(self, name: str, text: str) -> str:
        """Write a file; returns its SHA-256."""
        _write(self.place(name), text)
        return hashlib.sha256(text.encode()).hexdigest()

    def verify(self, name: str) -> None:
        """Read a file back; raises DamagedFileError, which names it."""
        path = self.path(name)
        try:
            found = digest(path)
        except OSError as error:
            raise DamagedFileError(f"{path} cannot be read: {error.strerror}") from error
        if found != self.sums[name]:
            raise DamagedFileError(f"{path} is damaged: its SHA-256 is not the one in {SUMS}")

    def extract(self, name: str, target: Path) -> int:
        """Copy a file out of the backup, unless it is there; returns how many bytes were copied.

        Raises DamagedFileError, which names it; then there is no target.
        """
        if target.exists() and digest(target) == self.sums[name]:
            return 0
        source = self.path(name)
        try:
            found = copy(source, target)
        except FileNotFoundError as error:
            raise DamagedFileError(f"{source} is missing in the backup") from error
        if found != self.sums[name]:
            target.unlink()
            raise DamagedFileError(f"{source} is damaged: its SHA-256 is not the one in {SUMS}")
        return target.stat().st_size

    def complete(self, sums: dict[str, str]) -> None:
        """Make these files the backup, when all of them are on the disk; then drop all others."""
        for folder in self.touched:
            sync(folder)
        lines = [f"{_HEAD} Files: {len(sums)}"]
        lines += [f"{sha256}  {name}" for name, sha256 in sorted(sums.items())]
        _write(self.root / SUMS, "".join(f"{line}\n" for line in lines))
        self.sums = sums
        self._prune()

    def _prune(self) -> None:
        """Delete what earlier backups held, and what backups that were killed have left."""
        kept = {name.partition("/")[0] for name in self.sums}
        for path in self.root.iterdir():
            if _STAMP.fullmatch(path.name) and path.name not in kept:
                shutil.rmtree(path)
        for kind in _SHARED:
            for path in self.root.glob(f"{kind}/??/*"):
                if str(path.relative_to(self.root)) not in self.sums:
                    path.unlink()


@contextmanager
def writing(root: Path, studio: str) -> Iterator[Archive]:
    """Give the folder to make a backup of *studio* in; nobody else reads or writes it meanwhile.

    Raises ForeignFolderError, BusyArchiveError.
    """
    with _telling(f"the folder {root} cannot be made"):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(root, fcntl.LOCK_EX):
        _claim(root, studio)
        try:
            sums = _read_sums(root / SUMS)
        except (FileNotFoundError, NotABackupError):  # nothing in the folder can be relied on
            sums = {}
        yield Archive(root, sums)


@contextmanager
def reading(root: Path) -> Iterator[Archive]:
    """Give a whole backup, that nobody replaces meanwhile.

    Raises NotABackupError, BusyArchiveError.
    """
    if not (root / OWNER).is_file():
        raise NotABackupError(f"{root} is no backup made by jobfs: it has no file {OWNER}")
    if not (root / SUMS).is_file():
        raise NotABackupError(
            f"{root} holds no whole backup: the first one into it was never finished;"
            f" it has no file {SUMS}"
        )
    with _locked(root, fcntl.LOCK_SH):
        yield Archive(root, _read_sums(root / SUMS))


@contextmanager
def _locked(root: Path, how: int) -> Iterator[None]:
    """Hold the folder for a block; the kernel lets it go when the process ends, however it does."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyArchiveError(f"another backup or restore is at work in {root}") from error
        yield
    finally:
        os.close(descriptor)


def refuse_unfinished(data: Path) -> None:
    """Raise UnfinishedRestoreError if a restore into *data* has not come to its end."""
    if (data / RESTORING).exists():
        raise UnfinishedRestoreError(
            f"a restore into {data} was interrupted: repeat `jobfs restore` with the same folder"
        )


def copy(source: Path, target: Path, *, size: int | None = None) -> str:
    """Copy a file, or its first *size* bytes, so that it survives a power cut; returns its SHA-256.

    The target has its name only when all of it is there; its folder is still to be synced.
    Raises FileNotFoundError if there is no source, and CopyFailedError.
    """
    draft = target.with_name(f".{target.name}.new")
    with source.open("rb", buffering=0) as old:
        with _telling(f"{source} cannot be copied to {target}"), _made(draft) as new:
            sha256 = _copy(old, new, size)
        draft.replace(target)
    return sha256


def _copy(old: BinaryIO, new: BinaryIO, size: int | None) -> str:
    sha256, left = hashlib.sha256(), sys.maxsize if size is None else size
    while left and (data := old.read(min(left, _CHUNK))):
        new.write(data)
        sha256.update(data)
        left -= len(data)
    return sha256.hexdigest()


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Turn what the system refuses in the block into a sentence."""
    try:
        yield
    except OSError as error:
        raise CopyFailedError(f"{what}: {error.strerror}") from error


@contextmanager
def _made(path: Path) -> Iterator[BinaryIO]:
    """Give a new file, in the place of one that was left there; it is on the disk at the end."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prefix(path: Path) -> int:
    """Return how many bytes of a file have arrived without a gap."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return os.lseek(file.fileno(), 0, os.SEEK_HOLE) if size else 0


def refuse_full(folder: Path, needed: int) -> None:
    """Raise NoRoomError if *needed* bytes more do not fit on the disk below *folder*."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoRoomError(
            f"{folder} has room for {free:,} bytes, and {needed:,} are to be written there"
        )


def _claim(root: Path, studio: str) -> None:
    """Make the folder this studio's; raises ForeignFolderError."""
    owner = root / OWNER
    if not owner.exists():
        drafts = {f".{OWNER}.new", "lost+found"}  # the latter: the root of a disk
        if {path.name for path in root.iterdir()} - drafts:
            raise ForeignFolderError(f"{root} is neither empty nor an earlier backup")
        _write(owner, f"{studio}\n")
    elif Archive(root, {}).owner != studio:
        raise ForeignFolderError(f"{root} holds the backup of another studio: name another folder")


def _write(path: Path, text: str) -> None:
    """Give a file this text, in one step, so that it survives a power cut."""
    draft = path.with_name(f".{path.name}.new")
    with _telling(f"{path} cannot be written"), _made(draft) as file:
        file.write(text.encode())
    draft.replace(path)
    sync(path.parent)


def _read_sums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its name; raises NotABackupError."""
    head, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    matches = [_LINE.fullmatch(line) for line in lines]
    sums = {match[2]: match[1] for match in matches if match is not None}
    if head != f"{_HEAD} Files: {len(lines)}" or len(sums) != len(lines):
        raise NotABackupError(f"{path} is damaged: it does not list a whole backup")
    if any(".." in name.split("/") for name in sums):
        raise NotABackupError(f"{path} names files outside the backup")
    return sums
