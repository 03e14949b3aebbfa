r"""Where a JPEG ends: at the end-of-image marker (EOI) of its first picture.

A JPEG is a row of segments, each a marker (FF and a code) and a length, and after each
start-of-scan segment (SOS) coded data without a length. In coded data an FF is followed by 00 or
a restart code, so that the first other marker after SOS is real: a further segment (progressive
files have several scans) or EOI. The EOI of the preview inside an APP1 segment is passed over
with its segment.

Cameras and phones append things after EOI: further pictures (MPO), a film, their own records.
Those may be cut, hold an EOI or end in zeros without saying anything about the picture; only an
MPF segment says how far appended pictures reach.

Reading it all takes about 1 ms per MB, so the end is tried first. If the 64 KiB before a final
EOI hold coded data alone, no segment can reach over that EOI (segments are at most 64 KiB), so it
is real. A file that was cut has no such end. Segments are leapt over, so little is read of each.

Source: ITU-T T.81, annex B.
"""

import re

from jobfs.domain.formats import mpf
from jobfs.domain.formats.finding import Finding, not_an_image, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xef\xfe]")  # all but restarts and reserved codes
_MARKER_SIZE, _HEAD_SIZE = 2, 4  # bytes; of a marker, and of it with the length that follows
_SOI, _EOI, _SOS, _APP2 = 0xD8, 0xD9, 0xDA, 0xE2
_LONGEST_SEGMENT = _MARKER_SIZE + 0xFFFF
_TAIL = 2 * _LONGEST_SEGMENT  # so up to 64 KiB of zeros may follow the EOI

_LEAP, _LOOK_THROUGH = 4 * 1024, 64 * 1024  # bytes read at once
#: 65,535 bytes each: enough for 650 MB of metadata. More are an attempt to keep us busy.
_MOST_SEGMENTS = 10_000
_FURTHEST = 512 * 1024 * 1024  # bytes searched for the EOI, in case a sparse file goes on for ever


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether the first picture's EOI, and every picture that it announces, is there."""
    window = Window(read, min(size, _FURTHEST), ahead=_LEAP, furthest=_LOOK_THROUGH)
    appended: int | None = None  # where the index of appended pictures stands
    in_picture = False
    position = _MARKER_SIZE
    for _ in range(_MOST_SEGMENTS):
        marker = window.search(_MARKER, position, _MARKER_SIZE)
        if marker is None:
            return _without_end(size, in_picture=in_picture)
        head = window.at(marker, _HEAD_SIZE)
        code = head[1]
        if code == _EOI:
            if not in_picture:
                return not_an_image("this JPEG file holds no picture")
            return _ended(Window(read, size, ahead=_LEAP), marker + _MARKER_SIZE, appended)
        if code == _SOI:
            return truncated("JPEG", size, "breaks off, and another picture begins")
        length = int.from_bytes(head[_MARKER_SIZE:], "big") if len(head) == _HEAD_SIZE else size
        position = marker + _MARKER_SIZE + length
        if code == _APP2 and window.at(marker + 4, len(mpf.SIGNATURE)) == mpf.SIGNATURE:
            appended = marker + 4 + len(mpf.SIGNATURE)
        if code == _SOS and not in_picture:
            in_picture = True
            if _ends_with_coded_data(read, position, size):
                return whole("JPEG")
    return unknown_end("JPEG", f"it has more than {_MOST_SEGMENTS:,} segments")


def _without_end(size: int, *, in_picture: bool) -> Finding:
    if size > _FURTHEST:
        return unknown_end("JPEG", "it is too long to be looked through")
    if in_picture:
        return truncated("JPEG", size)
    return truncated("JPEG", size, "ends before the picture begins")


def _ended(window: Window, end: int, appended: int | None) -> Finding:
    if appended is not None and mpf.is_cut(window, appended, end):
        return truncated("JPEG", window.size, "ends in the middle of a picture appended to it")
    return whole("JPEG")


def _ends_with_coded_data(read: ReadAt, scan: int, size: int) -> bool:
    """Tell whether the file ends in coded data and EOI, but for zeros; *scan* is where data begin.

    False does not say that the picture has no end, only that this quick look did not show it.
    """
    start = max(scan, size - _TAIL)
    tail = read(start, size - start).rstrip(b"\0") if start < size else b""
    eoi = len(tail) - _MARKER_SIZE
    found = _MARKER.search(tail)
    is_last = found is not None and found.start() == eoi and tail[eoi + 1] == _EOI
    return is_last and (start == scan or eoi >= _LONGEST_SEGMENT)
