"""Where a PNG ends: with its IEND chunk.

A PNG is a row of chunks: length, type, data, checksum. Source: W3C PNG, third edition, 5.3.
"""

from jobfs.domain.formats.finding import Finding, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_AROUND_DATA = 12  # bytes of length, type and checksum
_END = b"\0\0\0\0IEND\xaeB`\x82"  # the only IEND there is: no data, so one checksum
_READ_AHEAD = 64  # chunks are leapt over
_MOST_CHUNKS = 100_000  # 800 MB in the 8 KiB pieces that libpng writes


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether all chunks up to IEND are there. What follows IEND does not matter."""
    window = Window(read, size, ahead=_READ_AHEAD)
    position = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        head = window.at(position, 8)
        position += _AROUND_DATA + int.from_bytes(head[:4], "big")
        if len(head) < 8 or position > size:  # noqa: PLR2004 - length and type
            return truncated("PNG", size)
        if head.endswith(b"IEND"):
            return whole("PNG")
    if window.at(size - len(_END), len(_END)) == _END:
        return whole("PNG")
    return unknown_end("PNG", f"it has more than {_MOST_CHUNKS:,} chunks")
