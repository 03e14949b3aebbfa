"""Directories of tagged values, as TIFF and Exif have them, from files that lie.

Unlike `formats.directories`, which finds what is missing, this takes what is there: a value that lies
beyond the end is not there. What it costs is bounded by the limits below, whatever the file says.
Source: Adobe, TIFF 6.0; CIPA DC-008 (Exif 3.0) for UTF-8.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobfs.domain.formats.window import ReadAt
from jobfs.domain.refusals import UnreadableMetadataError

Numbers = tuple[int | float | None, ...]  # None is a fraction with nothing below its line

_HEADER = 8  # bytes: byte order, a version, the first directory's offset
_ENTRY = 12  # bytes: tag, type, count, value or its offset
_MOST_ENTRIES = 512  # the fullest directory of a camera has about a hundred
_MOST_BYTES = 4096  # of a value, unless the caller says otherwise
_EXIF_PREFIX = b"Exif\0\0"  # how the block begins in JPEG files, and in some others
_BIG_TIFF = 43  # the version whose offsets have 64 bits

_BYTES = frozenset({1, 2, 6, 7, 129})  # BYTE, ASCII, SBYTE, UNDEFINED, UTF-8
_FRACTIONS = frozenset({5, 10})  # RATIONAL, SRATIONAL
#: Struct codes of the other types' numbers; a fraction is two.
_CODES = {3: "H", 4: "L", 5: "L", 8: "h", 9: "l", 10: "l", 11: "f", 12: "d", 13: "L"}


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes to be read at will: a whole file, or one block of it. What *read* raises, reading raises."""

    read: ReadAt
    size: int

    def at(self, offset: int, count: int) -> bytes:
        """Return up to *count* bytes from *offset*, fewer where the part ends."""
        count = min(count, self.size - offset)
        return self.read(offset, count) if count > 0 else b""

    def after(self, offset: int) -> "Part":
        """Return what follows *offset*."""

        def read(at: int, count: int) -> bytes:
            return self.read(offset + at, count)

        return Part(read, self.size - offset)


def part(block: bytes) -> Part:
    """Return *block* as a part."""

    def read(offset: int, count: int) -> bytes:
        return block[offset : offset + count]

    return Part(read, len(block))


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    inline: bytes  # the value itself, if it has four bytes or fewer; else its offset


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory's values, by their tags."""

    source: Part
    order: str  # struct code of the byte order
    entries: Mapping[int, _Entry]

    def __iter__(self) -> Iterator[int]:
        return iter(self.entries)

    def size(self, tag: int) -> int:
        """Return how many bytes the value of *tag* is said to have; 0 if there is none."""
        entry = self.entries.get(tag)
        return 0 if entry is None else entry.count * _width(entry.type)

    def raw(self, tag: int, most: int = _MOST_BYTES) -> bytes:
        """Return the value's first *most* bytes as they stand there."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        wanted = min(self.size(tag), most)
        if self.size(tag) <= len(entry.inline):
            return entry.inline[:wanted]
        (offset,) = struct.unpack(self.order + "L", entry.inline)
        return self.source.at(offset, wanted)

    def value(self, tag: int) -> bytes | Numbers:
        """Return the value's start: bytes or texts as bytes, all else as numbers; empty if absent."""
        raw = self.raw(tag)
        entry = self.entries.get(tag)
        if entry is None or entry.type in _BYTES or entry.type not in _CODES:
            return raw
        code = _CODES[entry.type]
        count = len(raw) // struct.calcsize("=" + code)
        numbers = struct.unpack_from(f"{self.order}{count}{code}", raw)
        return _fractions(numbers) if entry.type in _FRACTIONS else numbers

    def below(self, tag: int) -> "Directory":
        """Return the directory whose offset is the value of *tag*; an empty one if it is not there."""
        match self.value(tag):
            case (int(offset), *_):
                return _directory(self.source, self.order, offset)
            case _:
                return Directory(self.source, self.order, {})


def main_directory(source: Part) -> Directory:
    """Return the first directory of a TIFF file or an Exif block.

    Raises UnreadableMetadataError if it is neither.
    """
    if source.at(0, len(_EXIF_PREFIX)) == _EXIF_PREFIX:
        source = source.after(len(_EXIF_PREFIX))
    header = source.at(0, _HEADER)
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < _HEADER:
        raise UnreadableMetadataError("the block of Exif does not begin as one")
    version, offset = struct.unpack(order + "HL", header[2:])
    if version == _BIG_TIFF:
        raise UnreadableMetadataError("the file is a BigTIFF, whose metadata jobfs does not read")
    return _directory(source, order, offset)


def _directory(source: Part, order: str, offset: int) -> Directory:
    raw_count = source.at(offset, 2)
    count = struct.unpack(order + "H", raw_count)[0] if len(raw_count) == 2 else 0  # noqa: PLR2004
    raw = source.at(offset + 2, min(count, _MOST_ENTRIES) * _ENTRY)
    whole = raw[: len(raw) // _ENTRY * _ENTRY]
    entries: dict[int, _Entry] = {}
    for tag, kind, number, inline in struct.iter_unpack(order + "HHL4s", whole):
        entries.setdefault(tag, _Entry(kind, number, inline))
    return Directory(source, order, entries)


def _width(kind: int) -> int:
    """Return the bytes of one value of a type; 0 for types of no standard."""
    if kind in _BYTES:
        return 1
    code = _CODES.get(kind)
    return 0 if code is None else struct.calcsize("=" + code) * (2 if kind in _FRACTIONS else 1)


def _fractions(numbers: tuple[int, ...]) -> Numbers:
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    return tuple(above / below if below else None for above, below in pairs)
