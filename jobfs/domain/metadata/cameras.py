"""Where the blocks of metadata stand in raw files that are built like no TIFF: Canon's CR3, Fujifilm's RAF.

Source: ISO/IEC 14496-12 (boxes); what LibRaw, Exiv2 and ExifTool know of both, as the makers publish nothing.
"""

from collections.abc import Iterator

from jobfs.domain.formats.window import ReadAt
from jobfs.domain.metadata import blocks
from jobfs.domain.metadata.blocks import Blocks
from jobfs.domain.metadata.rdf import LARGEST
from jobfs.domain.metadata.tiff import Part

_HEADER, _LONG_HEADER = 8, 16  # bytes of a box's length and type
_IDENTITY = 16  # bytes of a box's own name, if its type is "uuid"
_MOST_BOXES = 200  # beside one another; cameras write fewer than twenty
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
#: Each is a TIFF of its own: the main directory, that of Exif, that of GPS.
_MAIN, _DETAILS, _GPS = b"CMT1", b"CMT2", b"CMT4"

_RAF_PREVIEW = 84  # offset of the offset and length of a JPEG that has the file's metadata


def in_raf(read: ReadAt, size: int) -> Blocks:
    """Return the blocks of a RAF: they are its preview's."""
    pointers = Part(read, size).at(_RAF_PREVIEW, 8)
    offset, length = int.from_bytes(pointers[:4], "big"), int.from_bytes(pointers[4:], "big")
    preview = _piece(Part(read, size), offset, length)
    return blocks.in_jpeg(preview.read, preview.size)


def in_cr3(read: ReadAt, size: int) -> Blocks:
    """Return the blocks of a CR3."""
    file = Part(read, size)
    canon: dict[bytes, Part] = {}
    xmp = None
    for kind, content in _boxes(file):
        if kind == b"moov":
            canon = dict(_own_boxes(content, _CANON))
        elif kind == b"uuid" and content.at(0, _IDENTITY) == _XMP:
            xmp = content.at(_IDENTITY, LARGEST + 1) or None
    return Blocks(exif=canon.get(_MAIN), details=canon.get(_DETAILS), gps=canon.get(_GPS), xmp=xmp)


def _own_boxes(parent: Part, identity: bytes) -> Iterator[tuple[bytes, Part]]:
    """Yield the boxes in a maker's own box."""
    for kind, content in _boxes(parent):
        if kind == b"uuid" and content.at(0, _IDENTITY) == identity:
            yield from _boxes(content.after(_IDENTITY))


def _boxes(parent: Part) -> Iterator[tuple[bytes, Part]]:
    """Yield the boxes beside one another with their contents, as far as they can be told."""
    position = 0
    for _ in range(_MOST_BOXES):
        header = parent.at(position, _LONG_HEADER)
        length, begin = int.from_bytes(header[:4], "big"), _HEADER
        if length == 1:
            length, begin = int.from_bytes(header[8:], "big"), _LONG_HEADER
        elif length == 0:
            length = parent.size - position
        if len(header) < begin or length < begin:
            return
        yield header[4:8], _piece(parent, position + begin, length - begin)
        position += length


def _piece(whole: Part, offset: int, length: int) -> Part:
    """Return a part of a part; an empty one if it begins behind its end."""
    rest = max(0, whole.size - offset)
    return Part(whole.after(offset).read, min(length, rest))
