"""Small raw files, made as cameras make them: what a sensor saw, and perhaps a preview."""

import io
import struct
from collections.abc import Sequence

import numpy
from PIL import Image

BYTE, TEXT, SHORT, LONG, RATIONAL, SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10  # types of TIFF
_CODES = {BYTE: "B", TEXT: "B", SHORT: "H", LONG: "I", RATIONAL: "2I", SIGNED_RATIONAL: "2i"}
_HEADER = 8

Entry = tuple[int, int, Sequence[int]]

#: From XYZ to a sensor that sees red, green and blue as sRGB has them, in 1/10000.
_MATRIX = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)


def seen(picture: Image.Image) -> bytes:
    """Return what a sensor (red and green, green and blue) sees of a picture, in 16 bits of light."""
    values = numpy.asarray(picture.convert("RGB"), dtype=numpy.float64) / 255
    light = numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    dots = light[:, :, 1].copy()
    dots[::2, ::2] = light[::2, ::2, 0]
    dots[1::2, 1::2] = light[1::2, 1::2, 2]
    return bytes((dots * 65535).astype("<u2").tobytes())


def dng(picture: Image.Image, *, preview: Image.Image | None = None, orientation: int = 1) -> bytes:
    """Return a DNG of a picture as the sensor has it; its preview is of any size, or missing."""
    return raw(
        picture, preview=preview, orientation=orientation, extra=((50706, BYTE, (1, 4, 0, 0)),)
    )


def raw(
    picture: Image.Image,
    *,
    make: bytes = b"jobfs",
    preview: Image.Image | None = None,
    orientation: int = 1,
    extra: Sequence[Entry] = (),
) -> bytes:
    """Return a raw file: the preview's directory, with the sensor's below it."""
    file = _File()
    data = file.put(seen(picture))
    sensor = file.directory(
        (
            (254, LONG, (0,)), (256, LONG, (picture.width,)), (257, LONG, (picture.height,)),
            (258, SHORT, (16,)), (259, SHORT, (1,)), (262, SHORT, (32803,)), (273, LONG, (data,)),
            (277, SHORT, (1,)), (278, LONG, (picture.height,)),
            (279, LONG, (2 * picture.width * picture.height,)),
            (33421, SHORT, (2, 2)), (33422, BYTE, (0, 1, 1, 2)),
        )
    )  # fmt: skip
    shown = _jpeg(preview or Image.new("RGB", (16, 16)))
    place = file.put(shown)
    width, height = (preview or Image.new("RGB", (16, 16))).size
    main = file.directory(
        (
            (254, LONG, (1,)), (256, LONG, (width,)), (257, LONG, (height,)),
            (258, SHORT, (8, 8, 8)), (259, SHORT, (7,)), (262, SHORT, (6,)),
            (271, TEXT, make + b"\0"), (272, TEXT, b"sample\0"), (273, LONG, (place,)),
            (274, SHORT, (orientation,)), (277, SHORT, (3,)), (278, LONG, (height,)),
            (279, LONG, (len(shown),)), (330, LONG, (sensor,)), *extra,
            (50721, SIGNED_RATIONAL, [n for value in _MATRIX for n in (value, 10000)]),
            (50728, RATIONAL, (1,) * 6),
        )
    )  # fmt: skip
    return file.whole(main)


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=95)
    return data.getvalue()


class _File:
    """A little-endian TIFF that is put together piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray(_HEADER)

    def put(self, piece: bytes) -> int:
        """Add bytes; returns where they are."""
        place = len(self._data)
        self._data += piece + bytes(len(piece) % 2)
        return place

    def directory(self, entries: Sequence[Entry]) -> int:
        """Add a directory, its longer values before it; returns where it is."""
        packed = [self._entry(*entry) for entry in sorted(entries)]
        return self.put(struct.pack("<H", len(packed)) + b"".join(packed) + bytes(4))

    def _entry(self, tag: int, kind: int, values: Sequence[int]) -> bytes:
        code = _CODES[kind]
        count = len(values) // len(code)
        value = struct.pack("<" + count * code, *values)
        if len(value) > 4:
            value = struct.pack("<I", self.put(value))
        return struct.pack("<HHI4s", tag, kind, count, value)

    def whole(self, first: int) -> bytes:
        """Return the file, with its first directory at *first*."""
        return b"II*\0" + struct.pack("<I", first) + bytes(self._data[_HEADER:])
