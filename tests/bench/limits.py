"""A limit for what may hang, where nobody is there to end it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLongError(Exception):
    """Something was not done in time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TookTooLongError in the block after so many seconds; in a program's first thread only."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLongError(f"not done after {seconds:,g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
