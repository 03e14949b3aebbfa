"""Bytes for the kernel: at once if they are in memory, else from a thread that waits for the disk."""

import os

import trio


async def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return *size* bytes from *offset* on; fewer only where the file ends. Raises OSError."""
    found = _remembered(descriptor, size, offset)
    if found is None:
        return await trio.to_thread.run_sync(os.pread, descriptor, size, offset)
    return found


def _remembered(descriptor: int, size: int, offset: int) -> bytes | None:
    """Return them if Linux has them in memory; None: the disk has to be asked, or nobody knows."""
    size = max(0, min(size, os.fstat(descriptor).st_size - offset))
    found = bytearray(size)
    try:
        got = os.preadv(descriptor, [found], offset, os.RWF_NOWAIT)
    except (
        OSError
    ):  # it would wait, or is a file system that cannot tell; reading says what is wrong
        return None
    return bytes(found) if got == size else None
