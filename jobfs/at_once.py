"""Short calls on the event loop's thread, where a disk that stalls would keep everybody waiting.

See `jobfs/decisions/0014-at-once-while-the-disk-is-quick.md`.
"""

import math
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

#: Seconds that a call may take on the event loop's thread, and for which threads take all of them when one
#: has waited for longer.
_LONGEST_CALL, _IN_THREADS = 0.05, 1.0


def _waits() -> int:
    """Return how often this thread has waited for something: having to wait for a processor is none."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class AtOnce:
    """Makes short calls on the event loop's thread: to SQLite, and to a disk that writes into memory.

    A disk that stalls is noticed by the first call that it keeps: then threads take over for a while, so that
    whoever wants nothing of that disk does not wait for it.
    """

    def __init__(self) -> None:
        self._threads_until = -math.inf

    @property
    def is_wise(self) -> bool:
        """Whether a call may be made on this thread now."""
        return time.monotonic() >= self._threads_until

    def call(self, call: Callable[[], T]) -> T:
        """Make a call here."""
        waits, began = _waits(), time.monotonic()
        try:
            return call()
        finally:
            now = time.monotonic()
            if now - began > _LONGEST_CALL and _waits() > waits:
                self._threads_until = now + _IN_THREADS

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call here if that is wise, else in a thread."""
        if not self.is_wise:
            return await trio.to_thread.run_sync(call)
        return self.call(call)
