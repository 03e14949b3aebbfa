"""A view of a file's bytes that never fails: what is not there comes back short."""

import re
from collections.abc import Callable
from typing import Literal

#: Reads up to *size* (second) bytes from *offset* (first); short or empty at the end.
ReadAt = Callable[[int, int], bytes]


class Window:
    """The bytes of one file, with the piece that was read last kept.

    *ahead* is how many bytes one read fetches at least: many for a format that is walked in
    small steps, few for one that is walked in leaps. Where one read begins within the last, or right
    behind it, it fetches twice as many as that did, up to *furthest*: then all of it is looked through.
    """

    def __init__(self, read: ReadAt, size: int, *, ahead: int, furthest: int | None = None) -> None:
        self.size = size
        self._read = read
        self._ahead = self._next = ahead
        self._furthest = furthest or ahead
        self._start = 0
        self._piece = b""

    def at(self, offset: int, count: int) -> bytes:
        """Return up to *count* bytes from *offset*, fewer where the file ends."""
        count = min(count, self.size - offset)
        if offset < 0 or count <= 0:
            return b""
        first = offset - self._start
        if first < 0 or first + count > len(self._piece):
            goes_on = 0 <= first <= len(self._piece) and self._piece
            self._next = min(self._next * 2, self._furthest) if goes_on else self._ahead
            self._piece = self._read(offset, max(count, self._next))
            self._start = offset
            first = 0
        return self._piece[first : first + count]

    def number(self, offset: int, count: int, byteorder: Literal["big", "little"]) -> int | None:
        """Return the unsigned number in *count* bytes at *offset*, or None where they are not."""
        raw = self.at(offset, count)
        return int.from_bytes(raw, byteorder) if len(raw) == count else None

    def search(self, pattern: re.Pattern[bytes], offset: int, width: int) -> int | None:
        """Return where *pattern*, which matches *width* bytes, is found first from *offset* on."""
        while piece := self._piece_from(offset, width):
            found = pattern.search(piece, offset - self._start)
            if found:
                return self._start + found.start()
            offset = self._start + len(piece) - width + 1  # a match may straddle two pieces
        return None

    def _piece_from(self, offset: int, width: int) -> bytes:
        """Return the piece kept, once it has *width* bytes at *offset*; empty at the end."""
        return self._piece if len(self.at(offset, width)) == width else b""
