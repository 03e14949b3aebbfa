"""Small real pictures, made by Pillow, and pieces to build rare ones from."""

import io
import struct

from PIL import Image

from jobfs.domain.completeness import Finding, ReadAt, inspect


def inspected(content: bytes) -> Finding:
    """Inspect *content* as a file."""
    return inspect(reading(content), len(content))


def reading(content: bytes) -> ReadAt:
    def read_at(offset: int, size: int) -> bytes:
        return content[offset : offset + size]

    return read_at


def noise(width: int = 16, height: int = 16, mode: str = "RGB") -> Image.Image:
    """Return a picture that compresses badly, so that its data are much of its file."""
    return Image.effect_noise((width, height), 90).convert(mode)


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def with_preview() -> bytes:
    """Return a JPEG with a whole JPEG inside its Exif segment, as cameras make it."""
    return saved(noise(), "JPEG", exif=b"Exif\0\0" + saved(noise(8, 8), "JPEG"))


def mpo() -> bytes:
    return saved(noise(), "MPO", save_all=True, append_images=[noise(), noise()])


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def heic(*boxes: bytes, brands: bytes = b"heic\0\0\0\0mif1heic") -> bytes:
    return box(b"ftyp", brands) + b"".join(boxes)


def raf(*, sensor_offset: int = 180, sensor_length: int = 40) -> bytes:
    parts = struct.pack(">6I", 108, 50, 158, 22, sensor_offset, sensor_length)
    return (b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + parts).ljust(220, b"\1")


Value = tuple[int, int, int, int]  # tag, type, count, value or its offset

SHORT, LONG, SUB_IFD_OFFSETS = 3, 4, 330


def tiff(
    values: list[Value],
    *,
    magic: bytes = b"II*\0",
    first: int = 8,
    following: int = 0,
    data: bytes = b"",
) -> bytes:
    """Return a little-endian TIFF of one directory at offset 8, with *data* behind it."""
    entries = b"".join(struct.pack("<HHII", *value) for value in values)
    header = magic + struct.pack("<I", first)
    return header + struct.pack("<H", len(values)) + entries + struct.pack("<I", following) + data


def end_of_directory(values: int) -> int:
    """Return where the data of a `tiff` of so many *values* begin."""
    return 8 + 2 + 12 * values + 4
