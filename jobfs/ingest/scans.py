"""What of a JPEG is its picture: the tables, the frame and the scans, without all that is put between them.

libjpeg tells of the first thing only that it finds strange. So that this is none of the junk, broken
metadata or odd versions in front of a picture, a decoder gets the file without them.

Source: ITU-T T.81, annex B; for the JFIF and the Adobe segment ITU-T T.871 and T.872.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xef\xfe]")  # all but restarts and reserved codes
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_JFIF, _ADOBE = 0xE0, 0xEE
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD})  # DHT, DAC, DQT, DRI
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Of these a picture is one run of bits, and as many bits again for every further run.
_HUFFMAN, _SEQUENTIAL = frozenset({0xC0, 0xC1}), frozenset({0xC0, 0xC1, 0xC9})
#: Baseline, extended and progressive ones, with either coding.
_DECODED = _SEQUENTIAL | {0xC2, 0xCA}
_LOSSLESS = frozenset({0xC3, 0xCB})
_BITS = 8  # of one number
_FRAME_HEAD = 10  # bytes, with the marker

_ADOBES = 16  # bytes, with the marker, of its segment; libjpeg passes over shorter ones
#: All that libjpeg takes from a JFIF segment: that there is one, so that three colours are no RGB.
_PLAIN_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


@dataclass(frozen=True, slots=True)
class _Segment:
    """A marker's *code*, and where it and its segment *start* and *end*."""

    code: int
    start: int
    end: int


def alone(data: bytes) -> bytes | None:
    """Return a JPEG's picture as a JPEG; None, if simplejpeg is not to be asked for it."""
    kept, frame = [b"\xff\xd8"], b""
    for segment in _segments(data):
        content = data[segment.start : segment.end]
        if segment.code == _SOS:
            if not _is_decoded(frame):
                return None
            end = b"\xff\xd9" if _is_single(frame, content) else b""
            return b"".join((*kept, memoryview(data)[segment.start :], end))
        if segment.code in _FRAMES:
            frame = content
        kept.append(_kept(segment.code, content))
    return None


def is_lossless(data: bytes) -> bool:
    """Tell whether a JPEG is of the lossless kind, which does not decode to less than its size.

    libjpeg does not refuse to: simplejpeg then writes beyond its memory, and Pillow finds it broken.
    """
    for segment in _segments(data):
        if segment.code in _FRAMES:
            return segment.code in _LOSSLESS
        if segment.code == _SOS:
            break
    return False


def number(data: bytes, *, most: int) -> int:
    """Return how many scans there are that can be long without many bytes; not counted beyond *most*."""
    found = 0
    for segment in _segments(data):
        if segment.code in _HUFFMAN:
            return 1
        found += segment.code == _SOS
        if found > most:
            break
    return found


def _segments(data: bytes) -> Iterator[_Segment]:
    """Yield what follows the first marker, up to the end of the picture."""
    position = 2
    while (found := _MARKER.search(data, position)) is not None:
        start, code = found.start(), data[found.start() + 1]
        if code == _EOI:
            return
        length = 0 if code == _SOI else int.from_bytes(data[start + 2 : start + 4])
        position = start + 2 + length
        yield _Segment(code, start, position)


def _kept(code: int, content: bytes) -> bytes:
    """Return what a decoder needs of a segment in front of the first scan."""
    if code in _TABLES or code in _FRAMES:
        return content
    if code == _JFIF and content[4:].startswith(b"JFIF\0") and len(content) >= len(_PLAIN_JFIF):
        return _PLAIN_JFIF
    if code == _ADOBE and content[4:].startswith(b"Adobe") and len(content) >= _ADOBES:
        return content
    return b""


def _is_decoded(frame: bytes) -> bool:
    return len(frame) >= _FRAME_HEAD and frame[1] in _DECODED and frame[4] == _BITS


def _is_single(frame: bytes, scan: bytes) -> bool:
    """Tell whether the picture is all in this scan, so that nothing but an end can be missing after it."""
    components, scanned = frame[9], scan[4:5]
    return frame[1] in _SEQUENTIAL and scanned == bytes([components])
