"""System calls that Python's `os` lacks, and short ways to say common sequences."""

import ctypes
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobfs.domain.reports.files import Report

#: The names of the files that jobfs writes; most tests are about those that clients send.
STATUS_FILES = frozenset(report.file_name for report in Report)
_LIBC = ctypes.CDLL(None, use_errno=True)

RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
_AT_FDCWD = -100


def renameat2(old: str, new: str, flags: int) -> None:
    """Rename with flags, as RENAME_NOREPLACE."""
    _require(_LIBC.renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags))


def _require(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def put(path: str, content: bytes, flags: int = os.O_CREAT | os.O_TRUNC) -> None:
    """Open, write and close, as an SFTP server does."""
    descriptor = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything at the descriptor's place, in SFTP's blocks."""
    block = 261_120  # bytes; what OpenSSH's clients send at once
    for start in range(0, len(content), block):
        part = content[start : start + block]
        assert os.write(descriptor, part) == len(part)


def get(path: str) -> bytes:
    """Open, read to the end and close."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def names(folder: os.PathLike[str] | str) -> list[str]:
    """Return the names in a directory, in order, but for those of the files that jobfs writes."""
    return sorted({path.name for path in Path(folder).iterdir()} - STATUS_FILES)


def read_all(descriptor: int) -> bytes:
    """Read from the descriptor's place to the end."""
    blocks = []
    while block := os.read(descriptor, 131_072):
        blocks.append(block)
    return b"".join(blocks)


def open_in_a_thread(path: str, flags: int) -> int:
    """Open a file in a thread that has ended when this returns."""
    found: list[int] = []
    thread = threading.Thread(target=_open_into, args=(found, path, flags))
    thread.start()
    thread.join()
    return found[0]


def _open_into(found: list[int], path: str, flags: int) -> None:
    found.append(os.open(path, flags, 0o644))


class Listing:
    """A directory stream, as opendir(3) gives it: it can tell its place and go back there."""

    def __init__(self, path: str) -> None:
        _LIBC.opendir.restype = ctypes.c_void_p
        _LIBC.readdir64.restype = ctypes.POINTER(_Dirent)
        _LIBC.telldir.restype = ctypes.c_long
        self._stream = ctypes.c_void_p(_LIBC.opendir(os.fsencode(path)))
        if not self._stream:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)

    def next(self) -> tuple[str, int] | None:
        """Return the next name and its inode number; None at the end."""
        entry = _LIBC.readdir64(self._stream)
        return (os.fsdecode(entry.contents.name), entry.contents.inode) if entry else None

    def rest(self) -> list[str]:
        """Return all names that follow."""
        names = []
        while (entry := self.next()) is not None:
            names.append(entry[0])
        return names

    def tell(self) -> int:
        """Return the present place."""
        return int(_LIBC.telldir(self._stream))

    def seek(self, place: int) -> None:
        """Go on at a place that `tell` returned."""
        _LIBC.seekdir(self._stream, ctypes.c_long(place))

    def close(self) -> None:
        """Close the stream."""
        _LIBC.closedir(self._stream)


class _Dirent(ctypes.Structure):
    """struct dirent64 of glibc on 64-bit Linux; see readdir(3)."""

    _fields_ = (
        ("inode", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("length", ctypes.c_ushort),
        ("kind", ctypes.c_ubyte),
        ("name", ctypes.c_char * 256),
    )


def set_mtime(path: str, mtime_ns: int) -> None:
    """Set one time and leave the other (UTIME_OMIT), which Python cannot say."""
    seconds, nanoseconds = divmod(mtime_ns, 10**9)
    omit = (1 << 30) - 2  # UTIME_OMIT in <sys/stat.h>
    times = (ctypes.c_long * 4)(0, omit, seconds, nanoseconds)
    _require(_LIBC.utimensat(_AT_FDCWD, os.fsencode(path), times, 0))


def write_in_threads(descriptor: int, content: bytes, threads: int) -> None:
    """Write *content* in blocks of 4096 bytes by several threads, all at once."""
    blocks = range(0, len(content), 4096)
    with ThreadPoolExecutor(threads) as pool:
        writes = [pool.submit(os.pwrite, descriptor, content[b : b + 4096], b) for b in blocks]
    assert sum(write.result() for write in writes) == len(content)


def write_while_closing(descriptor: int, other: int, content: bytes) -> None:
    """Write *content* through one descriptor while a thread closes the other."""
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(os.close, other)
        write_in_threads(descriptor, content, 2)
    closing.result()
