import errno
import os
import re
from pathlib import Path

import pytest

from jobfs.blobs.refusals import LostBytesError
from jobfs.blobs.store import BlobStore, new_key

BLOCK = 1 << 20  # bytes; more than a block of any file system


def test_no_two_keys_are_the_same() -> None:
    keys = {new_key() for _ in range(1000)}

    assert len(keys) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in keys)


def test_what_was_written_is_read(store: BlobStore) -> None:
    key = filled(store, b"bytes of a photo")

    with store.reading(key) as descriptor:
        assert os.pread(descriptor, 100, 0) == b"bytes of a photo"


def test_nobody_but_root_may_look_into_the_store(store: BlobStore) -> None:
    key = filled(store, b"private")

    assert store.original(key).stat().st_mode & 0o777 == 0o600
    assert store.original(key).parent.stat().st_mode & 0o777 == 0o700


def test_a_store_can_be_prepared_again(store: BlobStore) -> None:
    key = filled(store, b"kept")

    store.prepare()

    assert store.original(key).read_bytes() == b"kept"


def test_a_key_is_used_once(store: BlobStore) -> None:
    key = filled(store, b"first")

    with pytest.raises(FileExistsError):
        store.create(key)

    assert store.original(key).read_bytes() == b"first"


def test_a_blob_that_is_not_there_is_lost_bytes(store: BlobStore) -> None:
    key = new_key()

    with pytest.raises(LostBytesError, match=key) as refusal:
        store.open(key)

    assert refusal.value.errno == errno.EIO


def test_a_blob_opened_for_reading_cannot_be_written(store: BlobStore) -> None:
    key = filled(store, b"received")

    with store.reading(key) as descriptor, pytest.raises(OSError, match="Bad file descriptor"):
        os.pwrite(descriptor, b"x", 0)


def test_a_blob_is_written_on(store: BlobStore) -> None:
    key = filled(store, b"half")

    descriptor = store.open(key, writing=True)
    os.pwrite(descriptor, b" and half", 4)
    store.sync(key, descriptor)
    os.close(descriptor)

    assert store.original(key).read_bytes() == b"half and half"


@pytest.mark.parametrize("size", [0, 1, 3 * BLOCK + 5])
def test_a_copy_has_the_bytes_and_goes_its_own_way(store: BlobStore, size: int) -> None:
    content = os.urandom(size)
    received, key = filled(store, content), new_key()

    descriptor = store.copy(key, of=received)
    os.pwrite(descriptor, b"changed", 0)
    os.close(descriptor)

    assert store.original(received).read_bytes() == content
    assert store.original(key).read_bytes() == b"changed" + content[7:]


def test_a_copy_that_cannot_be_made_leaves_nothing_behind(store: BlobStore) -> None:
    key, open_before = new_key(), open_files()

    with pytest.raises(LostBytesError):
        store.copy(key, of=new_key())

    assert not store.original(key).exists()
    assert open_files() == open_before


def test_a_copy_never_replaces_a_blob(store: BlobStore) -> None:
    received, taken = filled(store, b"received"), filled(store, b"taken")
    open_before = open_files()

    with pytest.raises(FileExistsError):
        store.copy(taken, of=received)

    assert store.original(taken).read_bytes() == b"taken"
    assert open_files() == open_before


def test_what_lies_behind_a_hole_is_cut_off(store: BlobStore) -> None:
    key = new_key()
    descriptor = store.create(key)
    os.pwrite(descriptor, b"a" * BLOCK, 0)
    os.pwrite(descriptor, b"b" * BLOCK, 3 * BLOCK)

    size = store.cut_to_prefix(descriptor)

    assert size == BLOCK
    assert os.fstat(descriptor).st_size == BLOCK
    os.close(descriptor)


def test_a_hole_at_the_beginning_leaves_nothing(store: BlobStore) -> None:
    descriptor = store.create(new_key())
    os.pwrite(descriptor, b"b" * BLOCK, 3 * BLOCK)

    assert store.cut_to_prefix(descriptor) == 0
    assert os.fstat(descriptor).st_size == 0
    os.close(descriptor)


@pytest.mark.parametrize("content", [b"", b"x", b"x" * (BLOCK + 1)])
def test_a_blob_without_a_hole_keeps_its_size(store: BlobStore, content: bytes) -> None:
    key = filled(store, content)
    descriptor = store.open(key, writing=True)

    assert store.cut_to_prefix(descriptor) == len(content)
    assert os.fstat(descriptor).st_size == len(content)
    os.close(descriptor)


@pytest.mark.parametrize(("written", "kept"), [(0, 0), (4, 4), (10, 10), (99, 10)])
def test_what_is_known_to_be_written_decides_over_the_holes(
    store: BlobStore, written: int, kept: int
) -> None:
    descriptor = store.open(filled(store, b"0123456789"), writing=True)

    assert store.cut_to_prefix(descriptor, written) == kept
    assert os.fstat(descriptor).st_size == kept
    os.close(descriptor)


def test_a_rendition_is_stored_and_dropped(store: BlobStore) -> None:
    key = new_key()

    store.put_renditions({key: b"a thumbnail"})

    assert store.rendition(key).read_bytes() == b"a thumbnail"
    store.drop_rendition(key)
    assert not store.rendition(key).exists()
    store.drop_rendition(key)


def test_a_rendition_is_not_an_original(store: BlobStore) -> None:
    key = new_key()

    store.put_renditions({key: b"a thumbnail"})

    with pytest.raises(LostBytesError):
        store.open(key)


def test_a_store_that_need_not_survive_a_power_cut_does_the_same(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, durable=False)
    store.prepare()
    key = filled(store, b"quick")
    store.put_renditions({key: b"small"})

    assert store.original(key).read_bytes() == b"quick"
    assert store.rendition(key).read_bytes() == b"small"


def test_the_room_is_the_disks_below_the_store(store: BlobStore, tmp_path: Path) -> None:
    room, disk = store.space(), os.statvfs(tmp_path)

    assert room.total == disk.f_blocks * disk.f_frsize
    assert 0 < room.free <= room.total
    assert 0 < room.free_files <= room.files


@pytest.mark.parametrize("key", ["", "..", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33])
def test_a_key_cannot_lead_out_of_the_store(store: BlobStore, key: str) -> None:
    with pytest.raises(AssertionError, match="no key of the store"):
        store.original(key)


def filled(store: BlobStore, content: bytes) -> str:
    key = new_key()
    with os.fdopen(store.create(key), "wb") as file:
        file.write(content)
        file.flush()
        store.sync(key, file.fileno())
    return key


def open_files() -> set[str]:
    return {str(path) for path in Path("/proc/self/fd").iterdir()}
