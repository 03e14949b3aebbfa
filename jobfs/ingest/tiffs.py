"""TIFFs, of which there are more kinds than Pillow opens by itself. Runs in the decoder.

Source of the tags' numbers: Adobe, TIFF 6.0.
"""

from typing import IO, Any

from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import OPEN_INFO, ImageFileDirectory_v2, TiffImageFile

from jobfs.ingest.pictures import UNREADABLE

_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES, _SUBSAMPLING = 258, 259, 262, 284, 530
_TILE_WIDTH, _TILES = 322, 324
_FORMAT, _FLOAT, _BIG = 339, 3, 43  # a tag, a value of it, and what BigTIFF has in its header
_USUAL = (1, 2, 4, 8, 16)  # bits
_NOT_COMPRESSED, _WEBP, _SEPARATE, _YCBCR, _LAB = 1, 50001, 2, 6, 8  # values of these

#: By numbers of compressions, and of photometric interpretations.
_PACKED = {_WEBP: "WebP", 34712: "JPEG 2000", 50002: "JPEG XL", 32844: "LogL", 32845: "LogLuv"}

#: CIELab of 16 bits, which Pillow does not know, is opened as if it were RGB; see `is_lab`.
for _order, _letter in ((b"II", "L"), (b"MM", "B")):
    OPEN_INFO[(_order, _LAB, (1,), 1, (16, 16, 16), ())] = ("RGB", f"RGB;16{_letter}")


class UnknownKindError(OSError):
    """A whole TIFF of a kind that nothing here decodes."""


def variety(file: IO[bytes]) -> str:
    """Say in what a TIFF is unlike others, as far as that can be read."""
    tags = _directory(file)
    packed = _PACKED.get(tags.get(_COMPRESSION)) or _PACKED.get(tags.get(_PHOTOMETRIC))
    if packed:
        return f"a TIFF with {packed} inside"
    bits, form = _most(tags.get(_BITS)), _most(tags.get(_FORMAT))
    if form == _FLOAT:
        return f"a TIFF of floating-point numbers with {bits} bits"
    if bits not in _USUAL:
        return f"a TIFF with {bits} bits for each colour"
    return "a variety of TIFF that is not known"


def _directory(file: IO[bytes]) -> Any:
    """Return the first directory; an empty one, if it cannot be read."""
    file.seek(0)
    header = file.read(8)
    directory: Any = {}
    try:
        directory = ImageFileDirectory_v2(header + (file.read(8) if header[2] == _BIG else b""))
        file.seek(directory.next)
        directory.load(file)
    except UNREADABLE:
        return {}
    return directory


def _most(value: object) -> int:
    numbers = value if isinstance(value, tuple) else (value,)
    return max((number for number in numbers if isinstance(number, int)), default=1)


def opened(file: IO[bytes]) -> Image.Image:
    """Open a TIFF; raises UnknownKindError, or what Pillow raises."""
    image = Image.open(file, formats=("TIFF",))
    if not isinstance(image, TiffImageFile):
        return image
    tags = image.tag_v2
    is_colour_apart = tags.get(_PHOTOMETRIC) == _YCBCR
    if tags.get(_COMPRESSION) == _WEBP:  # libtiff may have been built without
        raise UnknownKindError
    if is_colour_apart and _is_separate(image) and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
        raise UnknownKindError
    is_plain = tags.get(_COMPRESSION, _NOT_COMPRESSED) == _NOT_COMPRESSED
    are_strips_tiles = _TILE_WIDTH in tags and _TILES not in tags
    are_planes_deep = _is_separate(image) and set(tags.get(_BITS, ())) == {16}
    if is_plain and (is_colour_apart or are_strips_tiles or are_planes_deep):
        return _by_libtiff(file)
    return image


def is_lab(image: Image.Image) -> bool:
    """Whether the numbers of an RGB picture are CIELab's: L, and a and b with a sign."""
    if not isinstance(image, TiffImageFile) or image.mode != "RGB":
        return False
    return bool(image.tag_v2.get(_PHOTOMETRIC) == _LAB)


def _is_separate(image: TiffImageFile) -> bool:
    return bool(image.tag_v2.get(_PLANES) == _SEPARATE)


def _by_libtiff(file: IO[bytes]) -> Image.Image:
    """Open what Pillow reads by itself and wrongly.

    These are tiles that are called strips, colours in blocks, and planes of 16 bits.
    """
    file.seek(0)
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return Image.open(file, formats=("TIFF",))
    finally:
        TiffImagePlugin.READ_LIBTIFF = False
