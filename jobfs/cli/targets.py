"""A folder that an export fills: whole files or none, and never a byte outside of it.

Every folder is opened by its name within an open folder, and no link is followed: neither a photo's
name nor what somebody has put into the folder leads anywhere else.
"""

import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jobfs.cli.refusals import (
    ExportRunsError,
    NotAnExportError,
    NotWritableError,
    TargetFailedError,
)

#: Files of ours in the folder: what it is an export of, and what is being copied.
MARK, PART = ".jobfs-export", ".jobfs-export.part"
#: What no other file would fare better with.
_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})

#: A path below the folder.
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The open folder."""

    root: int

    def look(self, path: Names) -> os.stat_result | None:
        """Return what stands at a path; None if nothing does."""
        try:
            with self._above(path) as folder:
                return os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def sha256(self, path: Names) -> str:
        """Return the hash of the file at a path."""
        with _in_a_sentence(), self._above(path) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(path[-1], flags, dir_fd=folder), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

    def put(self, path: Names, chunks: Iterable[bytes], *, mtime_ns: int) -> None:
        """Make *chunks* the file at a path in one step; what they raise leaves everything as it was.

        Raises TargetFailedError or NotWritableError.
        """
        with _in_a_sentence(), self._above(path, make=True) as folder, ExitStack() as undo:
            undo.callback(self._drop_part)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(PART, flags, 0o666, dir_fd=self.root), "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
                os.fsync(file.fileno())
            os.replace(PART, path[-1], src_dir_fd=self.root, dst_dir_fd=folder)
            undo.pop_all()

    def set_time(self, path: Names, mtime_ns: int) -> None:
        """Give the file at a path its time; a disk that cannot keep it does not matter."""
        with self._above(path) as folder, suppress(OSError):
            os.utime(path[-1], ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)

    @contextmanager
    def _above(self, path: Names, *, make: bool = False) -> Iterator[int]:
        """Give a descriptor of the folder in which a path's file stands."""
        folder = os.dup(self.root)
        try:
            for name in path[:-1]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=folder)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(name, flags, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)

    def _drop_part(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(PART, dir_fd=self.root)


@contextmanager
def opened(folder: Path, about: Mapping[str, str | None]) -> Iterator[Target]:
    """Give a folder for an export that *about* describes: a new one, an empty one, or its earlier one.

    Raises NotAnExportError, ExportRunsError, TargetFailedError.
    """
    with ExitStack() as opened_here:
        with _in_a_sentence(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened_here.callback(os.close, root)
            _refuse_others(folder, root)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            mark = os.open(MARK, flags, 0o666, dir_fd=root)
            opened_here.callback(os.close, mark)
            _lock(folder, mark)
            _refuse_other(folder, mark, about)
        yield Target(root)


def _refuse_others(folder: Path, root: int) -> None:
    there = os.listdir(root)
    if there and MARK not in there:
        raise NotAnExportError(
            f"{folder} is neither empty nor an earlier export: name another folder"
        )


def _lock(folder: Path, mark: int) -> None:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ExportRunsError(f"another export into {folder} is at work") from error


def _refuse_other(folder: Path, mark: int, about: Mapping[str, str | None]) -> None:
    text = json.dumps(about) + "\n"
    if not stat.S_ISREG(os.fstat(mark).st_mode):
        raise NotAnExportError(f"{folder}/{MARK} is no file: name another folder")
    before = os.pread(mark, os.fstat(mark).st_size, 0)
    if not before:
        os.pwrite(mark, text.encode(), 0)
    elif before != text.encode():
        raise NotAnExportError(
            f"{folder} holds an export of something else, see its file {MARK}: name another folder"
        )


@contextmanager
def _in_a_sentence(what: str = "it") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FATAL:
            raise TargetFailedError(f"the folder cannot take more: {error.strerror}") from error
        raise NotWritableError(f"{what} cannot be written: {error.strerror}") from error
