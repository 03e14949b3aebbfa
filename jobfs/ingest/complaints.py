"""What a library says of a file on standard error, and tells its caller in no other way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_STANDARD_ERROR = 2
_MOST = 64 * 1024  # bytes; what a pipe holds


@contextmanager
def complaints() -> Iterator[list[bytes]]:
    """Give a list that holds, after the block, what was written to standard error in it.

    For a process of one thread. A pipe takes it, as a decoder can write to no file; what does not fit is
    lost, and nobody waits.
    """
    heard: list[bytes] = []
    reading, writing, kept = _ends()
    os.dup2(writing, _STANDARD_ERROR, inheritable=False)
    try:
        yield heard
    finally:
        os.dup2(kept, _STANDARD_ERROR, inheritable=False)
        with suppress(BlockingIOError):  # nothing was said
            heard.append(os.read(reading, _MOST))


@cache
def _ends() -> tuple[int, int, int]:
    """Return a pipe's two ends and the true standard error; once, while descriptors can be made."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing, os.dup(_STANDARD_ERROR)
