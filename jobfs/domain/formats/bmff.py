"""Where a file of boxes ends (ISO base media: HEIC, AVIF, Canon's CR3): with its last box.

A box is a length, a type and its content. A description (meta, or moov for sequences and CR3)
comes before the coded pictures (mdat) or behind them, so a file with one but not the other was
cut between two boxes. Source: ISO/IEC 14496-12 and 23008-12.
"""

from jobfs.domain.formats.finding import Finding, not_an_image, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

_HEADER = 8  # bytes of length and type
_LONG_HEADER = 16  # with the 64-bit length that a length of 1 announces
_LENGTH_FOLLOWS = 1
_TO_THE_END = 0
_READ_AHEAD = 64  # boxes are leapt over
_LONGEST_BRANDS = 1024  # bytes of the first box that are looked at
_MOST_BOXES = 4096  # on the top level; cameras write fewer than twenty

#: The first format one of whose brands the file bears: many AVIFs bear HEIC's "mif1" as well.
_BRANDS = {
    "CR3": {b"crx "},
    "AVIF": {b"avif", b"avis"},
    "HEIC": {
        *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
        *(b"mif1", b"mif2", b"msf1"),
    },
}


def is_boxes(head: bytes) -> bool:
    """Tell whether a file that begins with *head* (8 bytes) is made of boxes."""
    return head[4:8] == b"ftyp"


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether every box is inside the file, the pictures' description and data among them."""
    window = Window(read, size, ahead=_READ_AHEAD)
    format_name = _format(window)
    if format_name is None:
        return not_an_image("this is a film or another file that is not an image")
    return _walk(window, format_name)


def _format(window: Window) -> str | None:
    length = min(window.number(0, 4, "big") or 0, _LONGEST_BRANDS)
    content = window.at(_HEADER, length - _HEADER)
    brands = {content[:4]} | {content[n : n + 4] for n in range(8, len(content), 4)}
    for name, own in _BRANDS.items():
        if brands & own:
            return name
    return None


def _walk(window: Window, format_name: str) -> Finding:
    seen: set[bytes] = set()
    position = 0
    for _ in range(_MOST_BOXES):
        kind, length = _box(window, position)
        if length is None:  # the end, or an appended record that is no box
            return whole(format_name) if _is_complete(seen) else truncated(format_name, window.size)
        if length == _TO_THE_END:
            return unknown_end(format_name, "its last part has no length")
        if position + length > window.size:
            return truncated(format_name, window.size)
        seen.add(kind)
        position += length
    return unknown_end(format_name, f"it has more than {_MOST_BOXES:,} parts")


def _is_complete(seen: set[bytes]) -> bool:
    return b"mdat" in seen and not seen.isdisjoint({b"meta", b"moov"})


def _box(window: Window, position: int) -> tuple[bytes, int | None]:
    """Return type and length of the box at *position*; the length is None if no box is there.

    A header that was cut is a box that reaches beyond the end.
    """
    header = window.at(position, _HEADER)
    if not header.strip(b"\0"):
        return b"", None
    if len(header) < _HEADER:
        return b"", _HEADER
    kind, length = header[4:], int.from_bytes(header[:4], "big")
    shortest = _HEADER
    if length == _LENGTH_FOLLOWS:
        shortest = _LONG_HEADER
        length = window.number(position + _HEADER, 8, "big") or _LONG_HEADER
    is_box = kind.isascii() and kind.decode("ascii").isprintable()
    is_box = is_box and (length >= shortest or length == _TO_THE_END)
    return kind, length if is_box else None
