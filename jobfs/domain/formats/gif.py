"""Where a GIF ends: with its trailer byte, at the place of a block.

Source: CompuServe, GIF89a specification, appendix A.
"""

from jobfs.domain.formats.finding import Finding, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

SIGNATURES = (b"GIF87a", b"GIF89a")

_HEADER = 13  # bytes of signature and screen descriptor
_DESCRIPTOR = 10  # bytes of an image's introducer and descriptor
_READ_AHEAD = 64 * 1024  # bytes; sub-blocks are at most 255
_MOST_SUBBLOCKS = 500_000  # 127 MB


class _TooManyError(Exception):
    """More sub-blocks than an honest GIF has."""


class _Walk:
    """A place in a GIF, moved from block to block."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._subblocks = 0
        self.position = _HEADER + _color_table(window, 10)

    def block(self) -> int | None:
        """Return the next block's introducer; None at the end of the bytes."""
        return self._window.number(self.position, 1, "big")

    def skip_image(self) -> None:
        """Go behind an image: descriptor, color table, code size, data."""
        table = _color_table(self._window, self.position + _DESCRIPTOR - 1)
        self.position += _DESCRIPTOR + table + 1
        self._skip_subblocks()

    def skip_extension(self) -> None:
        """Go behind an extension: introducer, label, data."""
        self.position += 2
        self._skip_subblocks()

    def _skip_subblocks(self) -> None:
        while length := self._window.number(self.position, 1, "big"):
            self.position += 1 + length
            self._subblocks += 1
            if self._subblocks > _MOST_SUBBLOCKS:
                raise _TooManyError
        self.position += 1


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether the trailer is there. What follows it does not matter."""
    try:
        return _walk(_Walk(Window(read, size, ahead=_READ_AHEAD)), size)
    except _TooManyError:
        return unknown_end("GIF", f"it has more than {_MOST_SUBBLOCKS:,} blocks")


def _walk(walk: _Walk, size: int) -> Finding:
    while True:
        match walk.block():
            case 0x3B:  # the trailer
                return whole("GIF")
            case 0x2C:
                walk.skip_image()
            case 0x21:
                walk.skip_extension()
            case _:
                return truncated("GIF", size)


def _color_table(window: Window, flags_at: int) -> int:
    """Return the bytes of the color table that the packed flags at *flags_at* announce."""
    flags = window.number(flags_at, 1, "big") or 0
    return 3 << ((flags & 0x07) + 1) if flags & 0x80 else 0
