"""What a file declares of its size, where its library makes room for it, or balks, when opening it."""

import os
import struct
from typing import IO

from jobfs.ingest import boxes

Size = tuple[int, int]

_MOST_BLOCKS = 500_000  # of a GIF before its first picture; as many as judgement goes through
_GIF_HEADER = 13  # bytes
_TABLE = 0x80  # a flag: a table of colours follows


def size(file: IO[bytes], name: str) -> Size:
    """Return the width and height that a file of the format *name* declares; nothing if it says none."""
    file.seek(0)
    try:
        match name:
            case "WebP":
                return _of_webp(file)
            case "GIF":
                return _of_gif(file)
            case "AVIF" | "HEIC":
                return boxes.largest(file)
        return 0, 0
    finally:
        file.seek(0)


def _of_webp(file: IO[bytes]) -> Size:
    """Return what the first chunk declares. Source: RFC 9649, 2.5 to 2.7, and RFC 6386, 9.1."""
    head = file.read(30)
    kind, content = head[12:16], head[20:]
    if kind == b"VP8X":
        width, height = content[4:7], content[7:10]
        return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        across, down = struct.unpack_from("<2H", content, 6)
        return across & 0x3FFF, down & 0x3FFF
    return 0, 0


def _of_gif(file: IO[bytes]) -> Size:
    """Return the size of the canvas, or how far the first picture reaches beyond it: Pillow follows it.

    Source: CompuServe, GIF89a specification, 18 to 24.
    """
    header = file.read(_GIF_HEADER)
    width, height, flags = struct.unpack_from("<2HB", header, 6)
    if flags & _TABLE:
        file.seek(3 << ((flags & 7) + 1), os.SEEK_CUR)
    left, top, across, down = _place_in_gif(file)
    return max(width, left + across), max(height, top + down)


def _place_in_gif(file: IO[bytes]) -> tuple[int, int, int, int]:
    """Return where the next picture lies and how large it is; zeros, if none is found."""
    for _ in range(_MOST_BLOCKS):
        match file.read(1):
            case b"\x2c":
                descriptor = file.read(8)
                return struct.unpack("<4H", descriptor)
            case b"\x21":
                file.read(1)
                while length := int.from_bytes(file.read(1), "big"):
                    file.seek(length, os.SEEK_CUR)
            case _:
                break
    return 0, 0, 0, 0
