"""Small real raw files: DNGs with the pixels of a sensor, written by hand."""

import struct
from dataclasses import dataclass

#: What a number of each TIFF type is packed as; rationals are two.
_CODES = {1: "B", 2: "B", 3: "H", 4: "L", 5: "L", 10: "l"}
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = _CODES
_RATIONALS = (_RATIONAL, _SRATIONAL)
_ENTRY = 12  # bytes

#: Type and numbers, by tag.
_Values = dict[int, tuple[int, list[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What a raw file says of its shot; None: nothing. *taken* is "YYYY:MM:DD HH:MM:SS"."""

    taken: str | None = "2026:05:04 10:11:12"
    subsecond: str | None = "34"
    offset: str | None = None
    serial: str | None = "42"
    make: str = "Seagull"
    model: str = "S1"
    orientation: int = 1


def dng(
    colour: tuple[int, int, int] = (180, 90, 40),
    *,
    size: tuple[int, int] = (96, 64),
    camera: Camera | None = None,
    preview: bytes | None = None,
) -> bytes:
    """Return a DNG of one colour (what the sensor saw, 0 to 255), with 16 bits and not compressed.

    *size* is even; *preview* is a JPEG to be embedded.
    """
    camera = camera or Camera()
    sensor = _mosaic(colour, size)
    content = struct.pack("<2sHI", b"II", 42, 0) + sensor
    main = _main(size, camera, len(content) - len(sensor))
    if preview is not None:
        content += preview
        below = _preview(len(content) - len(preview), len(preview))
        main[330] = (_LONG, [len(content)])
        content += _directory(below, len(content))
    main[34665] = (_LONG, [len(content)])
    content += _directory(_exif(camera), len(content))
    return (
        content[:4] + struct.pack("<I", len(content)) + content[8:] + _directory(main, len(content))
    )


def _mosaic(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    """Return the sensor's lines: red and green alternate in one, green and blue in the next."""
    red, green, blue = (value * 257 for value in colour)
    width, height = size
    first = struct.pack("<2H", red, green) * (width // 2)
    return (first + struct.pack("<2H", green, blue) * (width // 2)) * (height // 2)


def _main(size: tuple[int, int], camera: Camera, sensor_at: int) -> _Values:
    width, height = size
    values: _Values = {
        254: (_LONG, [0]),  # the full picture
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [16]),
        259: (_SHORT, [1]),  # not compressed
        262: (_SHORT, [32803]),  # the pixels are a sensor's
        271: _text(camera.make),
        272: _text(camera.model),
        273: (_LONG, [sensor_at]),
        274: (_SHORT, [camera.orientation]),
        277: (_SHORT, [1]),
        278: (_LONG, [height]),
        279: (_LONG, [width * height * 2]),
        284: (_SHORT, [1]),
        33421: (_SHORT, [2, 2]),
        33422: (_BYTE, [0, 1, 1, 2]),  # red, green; green, blue
        50706: (_BYTE, [1, 4, 0, 0]),  # of DNG
        50707: (_BYTE, [1, 1, 0, 0]),
        50708: _text(f"{camera.make} {camera.model}"),
        50710: (_BYTE, [0, 1, 2]),
        50711: (_SHORT, [1]),
        50714: (_LONG, [0]),  # black
        50717: (_LONG, [65535]),  # white
        50721: (_SRATIONAL, _rationals(_FROM_XYZ)),
        50728: (_RATIONAL, _rationals((1, 1, 1))),  # as shot, white is neutral
        50778: (_SHORT, [21]),  # daylight, 6500 K
    }
    if camera.serial is not None:
        values[50735] = _text(camera.serial)
    return values


#: From XYZ to what the sensor sees: linear sRGB, so that colours come out as they were put in.
_FROM_XYZ = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)


def _exif(camera: Camera) -> _Values:
    said = {
        0x9003: camera.taken, 0x9011: camera.offset, 0x9291: camera.subsecond,
        0xA431: camera.serial,
    }  # fmt: skip
    return {tag: _text(text) for tag, text in said.items() if text is not None}


def _preview(at: int, size: int) -> _Values:
    return {254: (_LONG, [1]), 259: (_SHORT, [6]), 513: (_LONG, [at]), 514: (_LONG, [size])}


def _text(text: str) -> tuple[int, list[int]]:
    return _ASCII, list(text.encode() + b"\0")


def _rationals(numbers: tuple[float, ...]) -> list[int]:
    return [part for number in numbers for part in (round(number * 10000), 10000)]


def _directory(values: _Values, position: int) -> bytes:
    """Return a directory that will stand at *position*, and behind it what does not fit into it."""
    entries, rest = b"", b""
    rest_at = position + 2 + len(values) * _ENTRY + 4
    for tag, (kind, numbers) in sorted(values.items()):
        packed = struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers)
        count = len(numbers) // 2 if kind in _RATIONALS else len(numbers)
        if len(packed) <= 4:
            value = packed.ljust(4, b"\0")
        else:
            value = struct.pack("<I", rest_at + len(rest))
            rest += packed + b"\0" * (len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, count) + value
    return struct.pack("<H", len(values)) + entries + struct.pack("<I", 0) + rest
