"""Bytes as handles read them, whether Linux has them in memory or not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobfs.mount.reading import read_at

_CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """A file on the disk."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(_CONTENT)
    descriptor = os.open(file, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


async def test_what_is_not_in_memory_is_read_from_the_disk(descriptor: int) -> None:
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    assert await read_at(descriptor, len(_CONTENT), 0) == _CONTENT
    assert await read_at(descriptor, len(_CONTENT), 0) == _CONTENT


async def test_a_part_that_is_in_memory_does_not_end_a_read(descriptor: int) -> None:
    """A read that may not wait tells what there is, which is less than was asked for."""
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # Linux reads nothing ahead
    os.pread(descriptor, 4096, 0)

    assert await read_at(descriptor, len(_CONTENT), 0) == _CONTENT


async def test_a_read_ends_where_the_file_does(descriptor: int) -> None:
    assert await read_at(descriptor, 1000, len(_CONTENT) - 10) == _CONTENT[-10:]
    assert await read_at(descriptor, 1000, len(_CONTENT)) == b""
    assert await read_at(descriptor, 1000, len(_CONTENT) + 10) == b""
