"""A folder tree that is not ours, as an import reads it: no link is followed, what changes is noticed.

Files and folders are opened by a name within an open folder. So somebody who exchanges a folder for a
link, while root reads the tree, leads it nowhere else.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobfs.cli.refusals import ChangingError, NotImportableError, UnreadableError
from jobfs.errors import JobfsError

_CHUNK = 1024 * 1024  # bytes
#: How deep folders may stand in each other; each costs a file descriptor while it is read.
_DEEPEST = 200
_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An open file, with what was known of it at the opening."""

    descriptor: int
    found: os.stat_result

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raises UnreadableError, and ChangingError behind the last ones."""
        offset = 0
        with _in_a_sentence():
            while data := os.pread(self.descriptor, _CHUNK, offset):
                offset += len(data)
                yield data
            now = os.fstat(self.descriptor)
        if offset != self.found.st_size or _version(now) != _version(self.found):
            raise ChangingError(
                "it was changed while it was read: import again when it is finished"
            )

    def sha256(self) -> str:
        """Return the hash of the bytes; raises as `chunks` does."""
        digest = hashlib.sha256()
        for data in self.chunks():
            digest.update(data)
        return digest.hexdigest()


@contextmanager
def folder(path: str | Path, *, within: int | None = None, depth: int = 0) -> Iterator[int]:
    """Give a descriptor of a folder; only the first one may be reached over a link."""
    if depth > _DEEPEST:
        raise NotImportableError(f"more than {_DEEPEST} folders stand in each other")
    flags = os.O_RDONLY if within is None else _NOT_FOLLOWED
    with _in_a_sentence(str(path) if within is None else "it"):
        descriptor = os.open(path, flags | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def file(name: str, *, within: int) -> Iterator[SourceFile]:
    """Give an open file; raises NotImportableError for what is none, by now."""
    with _in_a_sentence():
        descriptor = os.open(name, _NOT_FOLLOWED, dir_fd=within)
    try:
        found = os.fstat(descriptor)
        require_file(found)
        yield SourceFile(descriptor, found)
    finally:
        os.close(descriptor)


def names_in(descriptor: int) -> list[str]:
    """Return the names in an open folder, in an order that does not change."""
    with _in_a_sentence():
        return sorted(os.listdir(descriptor), key=os.fsencode)


def look(name: str, *, within: int) -> os.stat_result:
    """Return what stands under a name, which is not opened: a device's opening may do things."""
    with _in_a_sentence():
        return os.stat(name, dir_fd=within, follow_symlinks=False)


def require_file(found: os.stat_result) -> None:
    """Raise NotImportableError for a link, a device, a socket or a pipe."""
    if stat.S_ISLNK(found.st_mode):
        raise NotImportableError("it is a symbolic link, which is not followed")
    if not stat.S_ISREG(found.st_mode):
        raise NotImportableError("it is neither a file nor a folder")


def bytes_below(descriptor: int, *, depth: int = 0) -> int:
    """Return the size of all files below a folder; what cannot be read counts nothing."""
    total = 0
    for name in names_in(descriptor):
        try:
            found = look(name, within=descriptor)
            if stat.S_ISREG(found.st_mode):
                total += found.st_size
            elif stat.S_ISDIR(found.st_mode):
                with folder(name, within=descriptor, depth=depth + 1) as below:
                    total += bytes_below(below, depth=depth + 1)
        except JobfsError:  # the import itself will say it
            continue
    return total


def _version(found: os.stat_result) -> tuple[int, int, int]:
    # A writer can set the one time back, the other not.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _in_a_sentence(what: str = "it") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableError(f"{what} cannot be read: {error.strerror}") from error
