"""Where a TIFF ends, and raw files built like one (DNG, CR2, NEF, ARW, PEF, ORF, RW2, ...).

A header points to a directory of tagged values, that to the next directory and to others below
it. The picture lies where values say: in strips, in tiles, or in one JPEG. The file is whole if
no directory, no value and no piece of a picture reaches beyond its end.

What begins as a TIFF is a raw file if one of its directories has what a sensor saw; its first
directory may still be a small preview in the best of TIFF.

Sources: Adobe, TIFF 6.0; DNG 1.7; for RW2, ExifTool, lib/Image/ExifTool/PanasonicRaw.pm.
"""

import operator
from collections.abc import Iterator

from jobfs.domain.formats.directories import (
    CutError,
    Directory,
    ExhaustedError,
    Layout,
    Reader,
    directories,
)
from jobfs.domain.formats.finding import Finding, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

_READ_AHEAD = 4096  # bytes; a directory with its short values

_STRIP_OFFSETS, _STRIP_SIZES = 273, 279
_TILE_OFFSETS, _TILE_SIZES = 324, 325
_JPEG_OFFSET, _JPEG_SIZE = 513, 514
_PIECES = ((_STRIP_OFFSETS, _STRIP_SIZES), (_TILE_OFFSETS, _TILE_SIZES), (_JPEG_OFFSET, _JPEG_SIZE))
_DNG_VERSION = 50706
_COMPRESSION, _PHOTOMETRIC, _MAKE = 259, 262, 271
#: Of pixels as the sensor has them: one colour each, or before they are given their final brightness.
_SENSORS = {32803, 34892}
#: Of sensors only. Source: ExifTool, lib/Image/ExifTool/Exif.pm, %compression.
_SENSORS_COMPRESSIONS = {32767, 32769, 32770, 32772, 34713, 65000, 65535}
#: What the raw files of a maker are called, by how the make begins; of all others, simply "raw".
_BY_MAKE = {b"NIKON": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"RICOH": "PEF"}
_LONGEST_MAKE = 6  # of those
_PHASE_ONE = {b"IIII", b"MMMM"}  # at offset 8: raw files that begin with a preview
_PANASONIC_OFFSET = 0x118
_ELSEWHERE = 0xFFFFFFFF  # as an RW2's strip offset: see _PANASONIC_OFFSET

#: By the first four bytes: the format's name, and how it is laid out.
_LAYOUTS = {
    b"II*\0": ("TIFF", Layout("<", "H", "L", 4)),
    b"MM\0*": ("TIFF", Layout(">", "H", "L", 4)),
    b"II+\0": ("TIFF", Layout("<", "Q", "Q", 8)),
    b"MM\0+": ("TIFF", Layout(">", "Q", "Q", 8)),
    b"IIRO": ("ORF", Layout("<", "H", "L", 4)),
    b"IIRS": ("ORF", Layout("<", "H", "L", 4)),
    b"MMOR": ("ORF", Layout(">", "H", "L", 4)),
    b"IIU\0": ("RW2", Layout("<", "H", "L", 4)),
}
SIGNATURES = tuple(_LAYOUTS)


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether all that the directories speak of is there."""
    window = Window(read, size, ahead=_READ_AHEAD)
    name, layout = _LAYOUTS[window.at(0, 4)]
    if window.at(8, 2) == b"CR":
        name = "CR2"
    reader = Reader(window, layout)
    try:
        found = list(directories(reader))
        if name == "TIFF":
            name = _name(reader, found)
        return _judged(reader, found, name)
    except CutError:
        return truncated(name, size)
    except ExhaustedError:
        return unknown_end(name, "it is divided into too many pieces")


def _name(reader: Reader, found: list[Directory]) -> str:
    """Tell a TIFF from the raw files that begin like one."""
    if any(_DNG_VERSION in directory for directory in found):
        return "DNG"
    if any(_is_of_a_sensor(reader, directory) for directory in found):
        make = found[0].get(_MAKE)
        letters = reader.window.at(make.position, _LONGEST_MAKE).upper() if make else b""
        return next((name for maker, name in _BY_MAKE.items() if letters.startswith(maker)), "raw")
    return "raw" if reader.window.at(8, 4) in _PHASE_ONE else "TIFF"


def _is_of_a_sensor(reader: Reader, directory: Directory) -> bool:
    values = {*reader.values(directory.get(_PHOTOMETRIC))}
    compressions = {*reader.values(directory.get(_COMPRESSION))}
    return bool(values & _SENSORS or compressions & _SENSORS_COMPRESSIONS)


def _judged(reader: Reader, found: list[Directory], name: str) -> Finding:
    ends = [end for directory in found for end in _piece_ends(reader, directory)]
    if name == "RW2" and found:
        sizes = reader.values(found[0].get(_STRIP_SIZES))
        if reader.values(found[0].get(_STRIP_OFFSETS)) == (_ELSEWHERE,):
            offsets = reader.values(found[0].get(_PANASONIC_OFFSET))
            ends.extend(map(operator.add, offsets, sizes))
        elif max(ends, default=0) > reader.window.size:
            # Models before that (DMC-LX1, FZ30, ...) give the size that the picture unpacks to.
            return unknown_end(name, "this camera does not say how long its pictures are")
    if not ends:
        return unknown_end(name, "it does not say where its picture is")
    if max(ends) > reader.window.size:
        raise CutError
    return whole(name)


def _piece_ends(reader: Reader, directory: Directory) -> Iterator[int]:
    """Yield where each strip, tile or JPEG of a directory ends; empty ones are none."""
    for offsets, sizes in _PIECES:
        starts = reader.values(directory.get(offsets))
        for start, size in zip(starts, reader.values(directory.get(sizes)), strict=False):
            if size and start != _ELSEWHERE:
                yield start + size
