"""Bytes in a local directory: originals under `blobs/`, renditions under `renditions/`.

A key is random (32 hexadecimal digits); its first two name the folder, so that no folder grows
beyond what a file system likes.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jobfs.blobs.ledger import Ledger
from jobfs.blobs.refusals import LostBytesError, StoreFailedError
from jobfs.blobs.writers import Writers
from jobfs.syncing import sync

_KEY = re.compile(r"[0-9a-f]{32}")
#: What open(2) answers where the kernel or the file system (NFS, FAT) has no files without a name.
_NO_UNNAMED_FILES = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})


def new_key() -> str:
    """Return a key that was never used."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the store's disk, in bytes, and in files."""

    total: int
    free: int
    files: int
    free_files: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the store: *size* is bytes, *changed* seconds since 1970 of its last write."""

    key: str
    size: int
    changed: float


class BlobStore:
    """The bytes of one studio below *root*. With *durable* false nothing waits for the disk.

    writers  which mounts write here, and live
    ledger   the record of what was erased
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self._root = root
        self._durable = durable
        self.writers = Writers(root / "mounts")
        self.ledger = Ledger(root)

    @property
    def waits_for_disk(self) -> bool:
        """Whether `sync` does anything."""
        return self._durable

    def prepare(self) -> None:
        """Make every folder, so that no upload has to; safe to repeat."""
        for kind in ("blobs", "renditions"):
            for number in range(256):
                (self._root / kind / f"{number:02x}").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sync_folder(self._root / kind)
        self._sync_folder(self._root)

    def create(self, key: str) -> int:
        """Make an empty blob and return a descriptor for reading and writing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(self._name_of("blobs", key), flags, 0o600)

    def open(self, key: str, *, writing: bool = False) -> int:
        """Return a descriptor of a blob; raises LostBytesError."""
        try:
            flags = (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC
            return os.open(self.original(key), flags)
        except FileNotFoundError as error:
            raise LostBytesError(f"the store has no blob {key}") from error

    def begin_sync(self, descriptor: int, start: int, stop: int) -> None:
        """Let the disk begin with bytes that `sync` will wait for, while a client sends the next ones.

        Linux begins to write what it is told that nobody needs, and keeps it until it is written: what is
        read again soon is still in memory. Source: mm/fadvise.c.
        """
        os.posix_fadvise(descriptor, start, stop - start, os.POSIX_FADV_DONTNEED)

    def sync(self, key: str, descriptor: int) -> None:
        """Return when the blob's bytes and its name survive a power cut."""
        if self._durable:
            os.fsync(descriptor)
            self._sync_folder(self.original(key).parent)

    def copy(self, key: str, *, of: str) -> int:
        """Make a blob with the bytes *of* another and return a descriptor for reading and writing.

        The file system shares the bytes where it can (reflink).
        """
        with self.reading(of) as source, ExitStack() as undo:
            target = self.create(key)
            undo.callback(self.original(key).unlink)
            undo.callback(os.close, target)
            remaining = os.fstat(source).st_size
            while remaining > 0:
                copied = os.copy_file_range(source, target, remaining)
                if copied == 0:
                    break
                remaining -= copied
            undo.pop_all()
        return target

    def take(self, key: str, chunks: Iterable[bytes]) -> int:
        """Make a durable blob of *chunks* and return its size; raises StoreFailedError.

        It has no name until it is whole, so that nothing is left of it if this process dies.
        """
        try:
            with os.fdopen(self._create_unnamed(key), "wb") as file:
                file.writelines(chunks)
                file.flush()
                self._name(key, file.fileno())
                self.sync(key, file.fileno())
                return file.tell()
        except BaseException as error:
            self.drop_original(key)
            if isinstance(error, OSError):
                raise StoreFailedError(self._root, error.strerror) from error
            raise

    @contextmanager
    def reading(self, key: str) -> Iterator[int]:
        """Give a descriptor of a blob for the length of a block."""
        descriptor = self.open(key)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def cut_to_prefix(self, descriptor: int, written: int | None = None) -> int:
        """Cut a blob to the part before its first hole and return that size.

        *written* is the end of the contiguous part where it is known; without it the file system's
        own record of holes decides (SEEK_HOLE), which counts in its blocks.
        """
        size = os.fstat(descriptor).st_size
        end = written if written is not None else _first_hole(descriptor, size)
        if end < size:
            os.ftruncate(descriptor, end)
        return min(end, size)

    def put_renditions(self, renditions: Mapping[str, bytes]) -> None:
        """Store renditions so that they survive a power cut; if that fails, some may be there.

        All are written before the first is brought to the disk, which has less to do for the others then:
        a journal takes along what else has changed.
        """
        with ExitStack() as files:
            opened = [files.enter_context(self._new_rendition(key)) for key in renditions]
            for file, data in zip(opened, renditions.values(), strict=True):
                file.write(data)
                file.flush()
            if self._durable:
                for file in opened:
                    os.fsync(file.fileno())
        for folder in {self.rendition(key).parent for key in renditions}:
            self._sync_folder(folder)

    def _new_rendition(self, key: str) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.fdopen(os.open(self.rendition(key), flags, 0o600), "wb")

    def drop_original(self, key: str) -> None:
        """Delete a blob that no row has come to name."""
        self.original(key).unlink(missing_ok=True)

    def drop_rendition(self, key: str) -> None:
        """Delete a rendition that no row names any more."""
        self.rendition(key).unlink(missing_ok=True)

    def stored(self, kind: str, number: int) -> list[Stored]:
        """Return the files in one of the 256 folders of "blobs" or "renditions"."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self._root / kind / f"{number:02x}") as files:
            for file in files:
                if _KEY.fullmatch(file.name):
                    with suppress(FileNotFoundError):  # it was deleted just now
                        about = file.stat(follow_symlinks=False)
                        found.append(Stored(file.name, about.st_size, about.st_mtime))
        return found

    def set_aside(self, key: str) -> Path:
        """Move a blob that no row names into the folder `found`, for people to look at; returns where."""
        target = self._root / "found" / key
        target.parent.mkdir(mode=0o700, exist_ok=True)
        self.original(key).rename(target)
        return target

    def original(self, key: str) -> Path:
        """Return where a blob lies."""
        return self._place("blobs", key)

    def rendition(self, key: str) -> Path:
        """Return where a rendition lies; it is a JPEG."""
        return self._place("renditions", key)

    def space(self) -> Space:
        """Return the room on the disk below the store."""
        room = os.statvfs(self._root)
        return Space(
            total=room.f_blocks * room.f_frsize,
            free=room.f_bavail * room.f_frsize,
            files=room.f_files,
            free_files=room.f_favail,
        )

    def _create_unnamed(self, key: str) -> int:
        try:
            folder = self.original(key).parent
            return os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NO_UNNAMED_FILES:
                raise
            return self.create(key)

    def _name(self, key: str, descriptor: int) -> None:
        if os.fstat(descriptor).st_nlink == 0:
            # With a src_dir_fd Python calls linkat(2), which follows the link; link(2) does not.
            unnamed = f"/proc/self/fd/{descriptor}"
            os.link(unnamed, self.original(key), src_dir_fd=descriptor, follow_symlinks=True)

    def _place(self, kind: str, key: str) -> Path:
        return Path(self._name_of(kind, key))

    def _name_of(self, kind: str, key: str) -> str:
        assert _KEY.fullmatch(key), f"no key of the store: {key!r}"
        return f"{self._root}/{kind}/{key[:2]}/{key}"

    def _sync_folder(self, folder: Path) -> None:
        if self._durable:
            sync(folder)


def _first_hole(descriptor: int, size: int) -> int:
    return os.lseek(descriptor, 0, os.SEEK_HOLE) if size else 0
