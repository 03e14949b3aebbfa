"""What the boxes of a HEIC or AVIF file say of its pictures, read without the libraries.

Source: ISO/IEC 14496-12, 4.2 and 8.11, and 23008-12, 9.3: meta, iprp, ipco, and in it the properties.
"""

import math
import operator
import os
import struct
from collections.abc import Iterator
from typing import IO

_HEADER = 8  # bytes
_MOST = 4096  # boxes in one; a grid of many tiles has a few properties only
_APERTURE = struct.Struct(">IIIIiIiI")
_LONGEST = 64  # bytes of a property that are of use here
_PATH = ((b"meta", 4), (b"iprp", 0), (b"ipco", 0))  # and the bytes before the boxes in each


def largest(file: IO[bytes]) -> tuple[int, int]:
    """Return the size of the largest picture that the file declares; nothing, if it declares none."""
    sizes = (
        (int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big"))
        for kind, content in _properties(file)
        if kind == b"ispe"
    )
    return max(sizes, key=math.prod, default=(0, 0))


def colour_codes(file: IO[bytes]) -> tuple[int, int] | None:
    """Return primaries and transfer (ITU-T H.273) from the first property that has them.

    It is the main picture's: others (alpha, depth, gain map) come behind it or have none.
    """
    for kind, content in _properties(file):
        if kind == b"colr" and content[:4] == b"nclx":
            return int.from_bytes(content[4:6], "big"), int.from_bytes(content[6:8], "big")
    return None


def aperture(file: IO[bytes], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return what of a picture of this size is to be seen: left, top, right, bottom; None for all.

    Source: ISO/IEC 14496-12, 12.1.4: fractions of width and height, and of how far the middle is off.
    """
    for kind, content in _properties(file):
        if kind == b"clap" and len(content) == _APERTURE.size:
            numbers = _APERTURE.unpack(content)
            if 0 in numbers[1::2]:
                return None
            width, height, right, down = map(operator.truediv, numbers[::2], numbers[1::2])
            left, top = (size[0] - width) / 2 + right, (size[1] - height) / 2 + down
            box = round(left), round(top), round(left + width), round(top + height)
            is_inside = 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]
            return box if is_inside else None
    return None


def _properties(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and first bytes of each property."""
    start, end = 0, file.seek(0, os.SEEK_END)
    for wanted, skipped in _PATH:
        place = next((at for kind, *at in _boxes(file, start, end) if kind == wanted), None)
        if place is None:
            return
        start, end = place[0] + skipped, place[1]
    for kind, content, after in _boxes(file, start, end):
        file.seek(content)
        yield kind, file.read(min(_LONGEST, after - content))


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start of the content and end of each box between two places."""
    for _ in range(_MOST):
        file.seek(start)
        header = file.read(_HEADER)
        length = int.from_bytes(header[:4], "big")
        if len(header) < _HEADER or length < _HEADER or start + length > end:
            return
        yield header[4:], start + _HEADER, start + length
        start += length
