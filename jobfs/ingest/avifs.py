"""AVIFs whose boxes are not quite as the standard says, though the picture is whole. Runs in the decoder.

libavif, below Pillow, refuses a file for any such fault and has no switch here. So the faults that
encoders are known for are mended in memory, byte for byte and without moving anything, and the file is
tried once more. What accompanies the main picture and is not needed to show it is renamed, so that it is
passed over: it may be what the fault is in.

Source: ISO/IEC 14496-12, 8.11; 23008-12, 9.3; ITU-T H.273, table 4.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from PIL import Image

from jobfs.ingest.pictures import UNREADABLE

_HEADER, _FULL_HEADER = 8, 12  # bytes of a box's header; with version and flags
_FREE = b"free"
_GROUPS, _GAIN_MAP, _EXIF = b"grpl", b"tmap", b"Exif"
_CONSTANT_LUMINANCE, _NOT_CONSTANT = 10, 9  # matrices of BT.2020, as good as equal to the eye
_TRANSFORMS = (b"clap", b"irot", b"imir")
_ESSENTIAL = 0x80
_MOST = 4096  # boxes


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def opened(file: IO[bytes]) -> Image.Image:
    """Open an AVIF; raises what Pillow raises."""
    data = bytearray(file.read())
    _change_matrix(data)
    try:
        return _open(data)
    except UNREADABLE as error:
        refusal: Exception = error
    for mend in (_mend, _hide_exif):  # what the file says goes only if nothing else helps
        if mend(data):
            try:
                return _open(data)
            except UNREADABLE as error:
                refusal = error
    raise refusal


def _open(data: bytearray) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=("AVIF",))


def _change_matrix(data: bytearray) -> None:
    """Replace a matrix that libavif does not convert from."""
    for box in _at(data, b"meta", b"iprp", b"ipco"):
        place = box.start + _HEADER
        if box.kind == b"colr" and data[place : place + 4] == b"nclx":
            matrix = data[place + 8 : place + 10]
            if int.from_bytes(matrix, "big") == _CONSTANT_LUMINANCE:
                data[place + 8 : place + 10] = _NOT_CONSTANT.to_bytes(2, "big")


def _hide_exif(data: bytearray) -> bool:
    """Pass over Exif, which libavif may not be able to read; returns whether there is any."""
    before = bytes(data)
    for items in _at(data, b"meta"):
        if items.kind == b"iinf":
            count = 4 if data[items.start + _HEADER] else 2
            for entry in _boxes(data, items.start + _FULL_HEADER + count, items.end):
                number = 4 if data[entry.start + _HEADER] > 2 else 2  # noqa: PLR2004 - version 3
                at = entry.start + _FULL_HEADER + number + 2
                if data[at : at + 4] == _EXIF:
                    data[at : at + 4] = _FREE
    return data != before


def _mend(data: bytearray) -> bool:
    """Mend what can be; returns whether anything was."""
    before = bytes(data)
    for box in list(_at(data, b"meta")):
        if box.kind == _GROUPS:
            data[box.start + 4 : box.start + 8] = _FREE
        elif box.kind == b"iinf":
            _hide_gain_maps(data, box)
        elif box.kind == b"iprp":
            _mend_properties(data, box)
    return data != before


def _hide_gain_maps(data: bytearray, items: _Box) -> None:
    """Pass over the picture with a gain map; the main one is the same without."""
    types = [box for box in _at(data) if box.kind == b"ftyp"]
    for box, instead in ((items, _FREE), *((box, b"mif1") for box in types)):
        at = data.find(_GAIN_MAP, box.start, box.end)
        if at >= 0:
            data[at : at + 4] = instead


def _mend_properties(data: bytearray, properties: _Box) -> None:
    """Join the lists of which item has which properties, and call essential what has to be."""
    inside = _boxes(data, properties.start + _HEADER, properties.end)
    lists = [box for box in inside if box.kind == b"ipma"]
    if not lists or lists[-1].end != properties.end:
        return
    flags = bytes(data[lists[0].start + _HEADER : lists[0].start + _FULL_HEADER])
    if any(data[one.start + _HEADER : one.start + _FULL_HEADER] != flags for one in lists):
        return
    entries = bytearray().join(data[one.start + _FULL_HEADER + 4 : one.end] for one in lists)
    count = sum(_number(data, one.start + _FULL_HEADER, 4) for one in lists)
    _mend_entries(data, entries, wide=4 if flags[0] else 2, width=2 if flags[3] & 1 else 1)
    joined = _boxed(b"ipma", flags + count.to_bytes(4, "big") + bytes(entries))
    start, end = lists[0].start, lists[0].start + len(joined)
    rest = _boxed(_FREE, bytes(properties.end - end - _HEADER)) if end < properties.end else b""
    length = end - properties.start  # only lists may be in there: what is left over comes behind
    data[start : properties.end] = joined + rest
    data[properties.start : properties.start + 4] = length.to_bytes(4, "big")


def _mend_entries(data: bytearray, entries: bytearray, *, wide: int, width: int) -> None:
    """Mend a list of an item's number, *wide* bytes, and those of its properties, each *width*.

    Alpha that has no size among its properties is passed over.
    """
    kinds = [b"", *(box.kind for box in _at(data, b"meta", b"iprp", b"ipco"))]
    at, sizeless = 0, set()
    while at + wide < len(entries):
        item, behind = _number(entries, at, wide), at + wide + 1
        at = behind + width * entries[behind - 1]
        having = set()
        for place in range(behind, min(at, len(entries)), width):
            index = _number(entries, place, width) & ((1 << (8 * width - 1)) - 1)
            kind = kinds[index] if index < len(kinds) else b""
            having.add(kind)
            if kind in _TRANSFORMS:
                entries[place] |= _ESSENTIAL
        if b"ispe" not in having:
            sizeless.add(item)
    _pass_over(data, sizeless)


def _pass_over(data: bytearray, items: set[int]) -> None:
    """Call items thumbnails that are alpha: shown is then the colour alone."""
    for references in _at(data, b"meta"):
        if references.kind == b"iref":
            width = 4 if data[references.start + _HEADER] else 2
            for box in _boxes(data, references.start + _FULL_HEADER, references.end):
                if box.kind == b"auxl" and _number(data, box.start + _HEADER, width) in items:
                    data[box.start + 4 : box.start + _HEADER] = b"thmb"


def _boxed(kind: bytes, content: bytes) -> bytes:
    return (_HEADER + len(content)).to_bytes(4, "big") + kind + content


def _at(data: bytearray, *path: bytes) -> list[_Box]:
    """Return the boxes inside the one at a path."""
    start, end = 0, len(data)
    for kind in path:
        box = next((box for box in _boxes(data, start, end) if box.kind == kind), None)
        if box is None:
            return []
        start, end = box.start + (_FULL_HEADER if kind == b"meta" else _HEADER), box.end
    return list(_boxes(data, start, end))


def _boxes(data: bytearray, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two places."""
    for _ in range(_MOST):
        length = _number(data, start, 4)
        if length < _HEADER or start + length > end:
            return
        yield _Box(bytes(data[start + 4 : start + _HEADER]), start, start + length)
        start += length


def _number(data: bytes | bytearray, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")
