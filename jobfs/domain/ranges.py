"""Which bytes of a file have been written."""

import bisect
from operator import itemgetter

_STOP = itemgetter(1)


class Ranges:
    """The written byte ranges of one upload: half-open, ordered, merged.

    Clients send blocks out of order and leave holes when they die; what counts is how far the
    bytes reach without a gap. One handle's writes, one thread at a time.
    """

    def __init__(self) -> None:
        # Neither overlapping nor touching, in ascending order.
        self._ranges: list[tuple[int, int]] = []

    def add(self, start: int, stop: int) -> None:
        """Record that the bytes from *start* up to, not including, *stop* were written."""
        if start >= stop:
            return
        if self._ranges and self._ranges[-1][0] <= start <= self._ranges[-1][1]:
            # Sequential writing, by far the most common case: no search, no list to rebuild.
            last_start, last_stop = self._ranges[-1]
            self._ranges[-1] = (last_start, max(last_stop, stop))
            return
        self._merge(start, stop)

    def _merge(self, start: int, stop: int) -> None:
        first = bisect.bisect_left(self._ranges, start, key=_STOP)
        beyond = first
        while beyond < len(self._ranges) and self._ranges[beyond][0] <= stop:
            beyond += 1
        touched = self._ranges[first:beyond]
        if touched:
            start = min(start, touched[0][0])
            stop = max(stop, touched[-1][1])
        self._ranges[first:beyond] = [(start, stop)]

    def copy(self) -> "Ranges":
        """Return the same ranges, to be changed on their own."""
        copied = Ranges()
        copied._ranges = list(self._ranges)
        return copied

    def truncate(self, size: int) -> None:
        """Forget everything from *size* on. Growing a file writes nothing, so it adds nothing."""
        while self._ranges and self._ranges[-1][0] >= size:
            self._ranges.pop()
        if self._ranges and self._ranges[-1][1] > size:
            self._ranges[-1] = (self._ranges[-1][0], size)

    def contiguous_prefix(self) -> int:
        """Return how many bytes from the file's beginning on were written without a gap."""
        if self._ranges and self._ranges[0][0] <= 0:
            return self._ranges[0][1]
        return 0

    def covers(self, size: int) -> bool:
        """Tell whether each of the first *size* bytes was written."""
        return self.contiguous_prefix() >= size

    def first_gap(self, size: int) -> int | None:
        """Return the offset of the first unwritten byte below *size*, or None without one."""
        prefix = self.contiguous_prefix()
        return prefix if prefix < size else None
