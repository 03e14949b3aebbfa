"""Where a WebP ends: where the length in its RIFF header says.

Source: Google, WebP container specification.
"""

from jobfs.domain.formats.finding import Finding, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

_BEFORE_LENGTH_COUNTS = 8  # bytes of "RIFF" and the length itself
_SHORTEST = 12  # "WEBP" and one chunk's header
_READ_AHEAD = 64


def is_webp(head: bytes) -> bool:
    """Tell whether a file that begins with *head* (12 bytes) is a WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether as many bytes are there as the header announces, or more."""
    length = int.from_bytes(Window(read, size, ahead=_READ_AHEAD).at(4, 4), "little")
    if length < _SHORTEST:
        return unknown_end("WebP", "it announces no length")
    if _BEFORE_LENGTH_COUNTS + length > size:
        return truncated("WebP", size)
    return whole("WebP")
