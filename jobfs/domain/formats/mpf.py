"""The index of pictures appended to a JPEG (3-D pairs, large previews, gain maps).

It is a TIFF directory in an APP2 segment that says where each picture stands, counted from the
directory's own beginning. Source: CIPA DC-007, Multi-Picture Format.
"""

from typing import Literal

from jobfs.domain.formats.window import Window

SIGNATURE = b"MPF\0"

_ENTRY_SIZE = 12  # tag, type, count, value
_PICTURE_SIZE = 16  # attributes, size, offset, two dependants
_PICTURES = 0xB002
_MOST_ENTRIES = 64  # the standard has about twenty tags
_MOST_PICTURES = 256
_EOI = b"\xff\xd9"


def is_cut(window: Window, index: int, end: int) -> bool:
    """Tell whether appended pictures began to arrive, but did not all arrive.

    *index* is where the directory stands, *end* where the first picture ends. Programs that drop
    what follows the first picture, or that change the metadata's length, often leave the index as
    it was: so it is only believed if something follows that does not end like a JPEG.
    """
    if end >= window.size or _end_of_pictures(window, index) <= window.size:
        return False
    tail = window.at(max(end, window.size - 1024), 1024).rstrip(b"\0")
    return bool(tail) and not tail.endswith(_EOI)


def _end_of_pictures(window: Window, index: int) -> int:
    """Return where the last of the pictures ends; 0 if the index cannot be read."""
    order: Literal["big", "little"] = "little" if window.at(index, 2) == b"II" else "big"
    directory = index + (window.number(index + 4, 4, order) or 0)
    entries = window.number(directory, 2, order) or 0
    for entry in range(min(entries, _MOST_ENTRIES)):
        position = directory + 2 + entry * _ENTRY_SIZE
        if window.number(position, 2, order) == _PICTURES:
            size = window.number(position + 4, 4, order) or 0
            first = index + (window.number(position + 8, 4, order) or 0)
            pictures = min(size // _PICTURE_SIZE, _MOST_PICTURES)
            return max(
                (_end(window, index, first + n * _PICTURE_SIZE, order) for n in range(pictures)),
                default=0,
            )
    return 0


def _end(window: Window, index: int, picture: int, order: Literal["big", "little"]) -> int:
    size = window.number(picture + 4, 4, order) or 0
    offset = window.number(picture + 8, 4, order) or 0
    return index + offset + size if offset else 0  # offset 0 is the first picture itself
