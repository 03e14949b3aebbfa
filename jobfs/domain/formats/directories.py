"""Directories of tagged values, as TIFF has them, read from files of strangers.

Directories are visited once each and everything counts against one allowance, so that no file
keeps us busy. Source: Adobe, TIFF 6.0 and TIFF technical note 1; BigTIFF design by AWare Systems.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from jobfs.domain.formats.window import Window

_ALLOWANCE = 1_000_000  # steps; about a second of work at the very worst
_ENTRY_COST = 10  # steps; a value is one
_BELOW = (330, 34665, 34853)  # tags that point to further directories: SubIFDs, Exif, GPS

#: Bytes of a value by its type's number, for the types of the two standards.
_SIZES = (
    dict.fromkeys((1, 2, 6, 7), 1)
    | dict.fromkeys((3, 8), 2)
    | dict.fromkeys((4, 9, 11, 13), 4)
    | dict.fromkeys((5, 10, 12, 16, 17, 18), 8)
)
#: Struct codes of the types that are unsigned integers: BYTE, SHORT, LONG, IFD, LONG8, IFD8.
_CODES = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}


class CutError(Exception):
    """Something that the file speaks of lies beyond its end."""


class ExhaustedError(Exception):
    """The allowance is used up."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How numbers are written: byte order, and classic (32 bits) or BigTIFF (64 bits)."""

    order: str
    count: str  # struct code of a directory's number of entries
    offset: str  # struct code of offsets and of a value's count
    first: int  # where the header has the first directory's offset

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, count, and the value itself or its offset."""
        return struct.Struct(f"{self.order}HH{self.offset}{struct.calcsize('=' + self.offset)}s")


@dataclass(frozen=True, slots=True)
class Field:
    """The values of one tag: how many, of which type, and where in the file they stand."""

    type: int
    count: int
    position: int


Directory = dict[int, Field]


@dataclass(slots=True)
class Reader:
    """Reads directories and values, within the allowance and the file."""

    window: Window
    layout: Layout
    allowance: int = _ALLOWANCE

    def _exactly(self, position: int, size: int, *, steps: int) -> bytes:
        """Return *size* bytes, for which *steps* of the allowance are spent."""
        self._check(position, size)
        self.allowance -= steps
        if self.allowance < 0:
            raise ExhaustedError
        raw = self.window.at(position, size)
        if len(raw) < size:
            raise CutError
        return raw

    def _check(self, position: int, size: int) -> None:
        if position + size > self.window.size:
            raise CutError

    def number(self, position: int, code: str) -> int:
        """Return the number at *position* that the struct code describes."""
        packed = struct.Struct(self.layout.order + code)
        (value,) = packed.unpack(self._exactly(position, packed.size, steps=1))
        return int(value)

    def directory(self, position: int) -> tuple[Directory, int]:
        """Return the directory at *position*, and where the next one's offset stands."""
        count = self.number(position, self.layout.count)
        entry = self.layout.entry
        start = position + struct.calcsize("=" + self.layout.count)
        raw = self._exactly(start, count * entry.size, steps=(count + 1) * _ENTRY_COST)
        value_at = entry.size - struct.calcsize("=" + self.layout.offset)
        fields = {
            tag: self._field(kind, number, value, start + n * entry.size + value_at)
            for n, (tag, kind, number, value) in enumerate(entry.iter_unpack(raw))
        }
        return fields, start + len(raw)

    def _field(self, kind: int, count: int, value: bytes, inline: int) -> Field:
        size = count * _SIZES.get(kind, 0)
        if size <= len(value):
            return Field(kind, count, inline)
        (position,) = struct.unpack(self.layout.order + self.layout.offset, value)
        self._check(position, size)
        return Field(kind, count, position)

    def values(self, field: Field | None) -> tuple[int, ...]:
        """Return the values of *field*; none if it is absent or not of unsigned integers."""
        if field is None or field.type not in _CODES:
            return ()
        size = field.count * _SIZES[field.type]
        raw = self._exactly(field.position, size, steps=field.count)
        return struct.unpack(f"{self.layout.order}{field.count}{_CODES[field.type]}", raw)


def directories(reader: Reader) -> Iterator[Directory]:
    """Yield the directories in the header's chain, each followed by those below it, once each.

    Only the chain is followed onwards: cameras leave garbage in the other directories' links.
    """
    seen: set[int] = set()
    following = reader.number(reader.layout.first, reader.layout.offset)
    while following and following not in seen:
        seen.add(following)
        directory, link = reader.directory(following)
        yield directory
        yield from _below(reader, directory, seen)
        following = reader.number(link, reader.layout.offset)


def _below(reader: Reader, directory: Directory, seen: set[int]) -> Iterator[Directory]:
    waiting = _offsets(reader, directory)
    while waiting:
        position = waiting.pop()
        if position in seen:
            continue
        seen.add(position)
        below, _ = reader.directory(position)
        yield below
        waiting.extend(_offsets(reader, below))


def _offsets(reader: Reader, directory: Directory) -> list[int]:
    return [offset for tag in _BELOW for offset in reader.values(directory.get(tag)) if offset]
