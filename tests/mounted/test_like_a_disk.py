"""The same calls on the mount and in a plain directory, which must come to the same."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mounted.studio import Job, errno_of, replace_file
from tests.mounted.syscalls import STATUS_FILES, names

_NEW = os.O_CREAT | os.O_EXCL


def _file(folder: Path, content: bytes = b"0123456789") -> str:
    path = folder / "file.txt"
    replace_file(path, content)
    return str(path)


def _seen(path: str) -> tuple[bytes, int]:
    return Path(path).read_bytes(), Path(path).stat().st_size


def writing_beyond_the_end_leaves_zeros(folder: Path) -> Any:
    path = _file(folder, b"abc")
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, b"xyz", 10_000)
    os.close(fd)
    return _seen(path)


def blocks_come_in_any_order(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDWR | _NEW)
    for number in (3, 0, 2, 1):
        os.pwrite(fd, bytes([number]) * 5000, number * 5000)
    during = os.pread(fd, 20_001, 0)
    os.close(fd)
    return during, _seen(str(folder / "f"))


def a_handle_reads_what_it_writes(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_RDWR)
    before = os.read(fd, 4)
    os.write(fd, b"XX")
    after = os.pread(fd, 100, 0)
    os.close(fd)
    return before, after, _seen(str(folder / "file.txt"))


def reading_at_and_beyond_the_end_gives_nothing(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_RDONLY)
    found = os.pread(fd, 5, 8), os.pread(fd, 5, 10), os.pread(fd, 5, 1000)
    os.close(fd)
    return found


def two_appending_handles_take_turns(folder: Path) -> Any:
    path = str(folder / "f")
    one = os.open(path, os.O_WRONLY | os.O_APPEND | _NEW)
    two = os.open(path, os.O_WRONLY | os.O_APPEND)
    for number in range(20):
        os.write(one, b"one%d;" % number)
        os.write(two, b"two%d;" % number)
    sizes = os.fstat(one).st_size, os.fstat(two).st_size
    os.close(one)
    os.write(two, b"end")
    os.close(two)
    return sizes, _seen(path)


def appending_ignores_the_offset(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_WRONLY | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b"tail")
    os.pwrite(fd, b"more", 1)
    place = os.lseek(fd, 0, os.SEEK_CUR)
    os.close(fd)
    return place, _seen(str(folder / "file.txt"))


def appending_follows_a_truncation(folder: Path) -> Any:
    path = _file(folder)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"abc")
    os.ftruncate(fd, 5)
    os.write(fd, b"xyz")
    os.close(fd)
    return _seen(path)


def truncate_cuts_and_grows_by_path(folder: Path) -> Any:
    path = _file(folder)
    found = []
    for size in (4, 4, 9, 0, 100_000):
        os.truncate(path, size)
        found.append(_seen(path))
    return found


def truncate_cuts_and_grows_an_open_file(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDWR | _NEW)
    os.write(fd, b"0123456789")
    found = []
    for size in (4, 12, 0, 5000):
        os.ftruncate(fd, size)
        found.append((os.fstat(fd).st_size, os.pread(fd, 6000, 0)))
    os.close(fd)
    return found, _seen(str(folder / "f"))


def a_file_truncated_by_path_is_short_for_the_handle(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDWR | _NEW)
    os.write(fd, b"0123456789")
    os.truncate(folder / "f", 3)
    found = os.fstat(fd).st_size, os.pread(fd, 100, 0)
    os.pwrite(fd, b"Z", 5)
    os.close(fd)
    return found, _seen(str(folder / "f"))


def ftruncate_of_a_reading_handle_is_refused(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_RDONLY)
    refused = errno_of(os.ftruncate, fd, 1), errno_of(os.write, fd, b"x")
    os.close(fd)
    return refused


def reading_from_a_writing_handle_is_refused(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_WRONLY)
    refused = errno_of(os.read, fd, 1)
    os.close(fd)
    return refused


def o_trunc_empties(folder: Path) -> Any:
    path = _file(folder)
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    during = _seen(path)
    os.write(fd, b"new")
    os.close(fd)
    return during, _seen(path)


def o_creat_of_what_is_there_keeps_it(folder: Path) -> Any:
    path = _file(folder)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    return _seen(path)


def o_excl_of_what_is_there_is_refused(folder: Path) -> Any:
    path = _file(folder)
    (folder / "folder").mkdir()
    return (
        errno_of(os.open, path, os.O_WRONLY | _NEW),
        errno_of(os.open, folder / "folder", os.O_WRONLY | _NEW),
        errno_of(os.open, folder / "folder", os.O_WRONLY | os.O_CREAT),
    )


def creating_for_reading_makes_an_empty_file(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDONLY | _NEW)
    found = os.read(fd, 10), errno_of(os.write, fd, b"x")
    os.close(fd)
    return found, _seen(str(folder / "f"))


def a_duplicate_goes_on_after_a_close(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_WRONLY | _NEW)
    os.write(fd, b"first")
    os.close(os.dup(fd))
    os.write(fd, b"second")
    os.close(fd)
    return _seen(str(folder / "f"))


def an_unlinked_file_goes_on(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDWR | _NEW)
    os.write(fd, b"before ")
    (folder / "f").unlink()
    os.write(fd, b"after")
    os.ftruncate(fd, 11)
    os.fsync(fd)
    os.utime(fd, ns=(5, 6))
    os.fchmod(fd, 0o644)
    found = os.fstat(fd)
    content = os.pread(fd, 100, 0)
    os.close(fd)
    return found.st_nlink, found.st_size, found.st_mtime_ns, content, names(folder)


def a_name_is_free_after_unlink(folder: Path) -> Any:
    path = _file(folder)
    old = os.open(path, os.O_RDONLY)
    Path(path).unlink()
    replace_file(Path(path), b"new")
    found = os.read(old, 100), os.fstat(old).st_nlink
    os.close(old)
    return found, _seen(path)


def a_reader_of_a_replaced_file_reads_the_old_one(folder: Path) -> Any:
    path = _file(folder)
    old = os.open(path, os.O_RDONLY)
    (folder / "new").write_bytes(b"new content")
    (folder / "new").rename(path)
    found = os.read(old, 100), os.fstat(old).st_nlink
    os.close(old)
    return found, _seen(path), names(folder)


def a_writer_goes_on_after_a_rename(folder: Path) -> Any:
    (folder / "a").mkdir()
    fd = os.open(folder / "f", os.O_WRONLY | _NEW)
    os.write(fd, b"before ")
    (folder / "f").rename(folder / "a" / "g")
    os.write(fd, b"after")
    os.close(fd)
    return _seen(str(folder / "a" / "g"))


def renames_that_cannot_be(folder: Path) -> Any:
    path = _file(folder)
    for name in ("a", "b", "a/deep"):
        (folder / name).mkdir()
    (folder / "b" / "f").write_bytes(b"")
    return [
        errno_of(os.rename, folder / old, folder / new)
        for old, new in (
            ("a", "a/deep/a"),
            ("a", "b"),
            ("file.txt", "a"),
            ("a", path),
            ("none", "x"),
            ("file.txt", "none/x"),
            ("file.txt", "file.txt"),
            ("file.txt", "file.txt/x"),
        )
    ]


def a_directory_moves_with_what_is_in_it(folder: Path) -> Any:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "f").write_bytes(b"content")
    (folder / "c").mkdir()
    (folder / "a").rename(folder / "c")
    listed = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return sorted(listed - STATUS_FILES)


def removals_that_cannot_be(folder: Path) -> Any:
    path = _file(folder)
    (folder / "full").mkdir()
    (folder / "full" / "f").write_bytes(b"")
    return (
        errno_of(os.rmdir, folder / "full"),
        errno_of(os.rmdir, path),
        errno_of(os.rmdir, folder / "none"),
        errno_of(os.unlink, folder / "none"),
        errno_of(os.unlink, folder / "full") in {errno.EISDIR, errno.EPERM},
        errno_of(os.mkdir, folder / "full"),
        errno_of(os.mkdir, folder / "none" / "x"),
        errno_of(os.open, path + "/x", os.O_WRONLY | os.O_CREAT),
        errno_of(os.listdir, path),
        errno_of(os.open, folder / "full", os.O_WRONLY),
    )


def a_removed_working_directory_takes_nothing(folder: Path) -> Any:
    (folder / "a").mkdir()
    fd = os.open(folder / "a", os.O_RDONLY)
    (folder / "a").rmdir()
    refused = errno_of(os.mkdir, "x", dir_fd=fd), errno_of(os.open, "x", os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    return refused


def an_empty_write_changes_nothing(folder: Path) -> Any:
    path = _file(folder)
    fd = os.open(path, os.O_WRONLY)
    written = os.write(fd, b"")
    os.close(fd)
    return written, _seen(path)


def vectors_and_big_blocks(folder: Path) -> Any:
    fd = os.open(folder / "f", os.O_RDWR | _NEW)
    content = bytes(range(256)) * 12_289
    written = os.write(fd, content), os.pwritev(fd, [b"ab", b"cd"], 7)
    found = os.pread(fd, len(content) + 1, 0)
    os.close(fd)
    return written, found == content[:7] + b"abcd" + content[11:]


def every_descriptor_syncs(folder: Path) -> Any:
    fd = os.open(_file(folder), os.O_RDWR)
    os.fsync(fd)
    os.write(fd, b"X")
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
    return _seen(str(folder / "file.txt"))


_CLAIMS: tuple[Callable[[Path], Any], ...] = (
    writing_beyond_the_end_leaves_zeros,
    blocks_come_in_any_order,
    a_handle_reads_what_it_writes,
    reading_at_and_beyond_the_end_gives_nothing,
    two_appending_handles_take_turns,
    appending_ignores_the_offset,
    appending_follows_a_truncation,
    truncate_cuts_and_grows_by_path,
    truncate_cuts_and_grows_an_open_file,
    a_file_truncated_by_path_is_short_for_the_handle,
    ftruncate_of_a_reading_handle_is_refused,
    reading_from_a_writing_handle_is_refused,
    o_trunc_empties,
    o_creat_of_what_is_there_keeps_it,
    o_excl_of_what_is_there_is_refused,
    creating_for_reading_makes_an_empty_file,
    a_duplicate_goes_on_after_a_close,
    an_unlinked_file_goes_on,
    a_name_is_free_after_unlink,
    a_reader_of_a_replaced_file_reads_the_old_one,
    a_writer_goes_on_after_a_rename,
    renames_that_cannot_be,
    a_directory_moves_with_what_is_in_it,
    removals_that_cannot_be,
    a_removed_working_directory_takes_nothing,
    an_empty_write_changes_nothing,
    vectors_and_big_blocks,
    every_descriptor_syncs,
)


@pytest.mark.parametrize("claim", _CLAIMS)
def test_like_a_plain_directory(job: Job, tmp_path: Path, claim: Callable[[Path], Any]) -> None:
    assert claim(job.path) == claim(tmp_path)
