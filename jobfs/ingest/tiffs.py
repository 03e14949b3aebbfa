"""TIFFs, of which there are more kinds than Pillow opens by itself. Runs in the decoder.

Source of the tags' numbers: Adobe, TIFF 6.0.
"""

from typing import IO, Any

from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import OPEN_INFO, TiffImageFile

_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES, _SUBSAMPLING = 258, 259, 262, 284, 530
_TILE_WIDTH, _TILES = 322, 324
_NOT_COMPRESSED, _WEBP, _SEPARATE, _YCBCR, _LAB = 1, 50001, 2, 6, 8  # values of these

#: CIELab of 16 bits, which Pillow does not know, is opened as if it were RGB; see `is_lab`.
for _order, _letter in ((b"II", "L"), (b"MM", "B")):
    OPEN_INFO[(_order, _LAB, (1,), 1, (16, 16, 16), ())] = ("RGB", f"RGB;16{_letter}")


class UnknownKindError(OSError):
    """A whole TIFF of a kind that nothing here decodes."""


def opened(file: IO[bytes]) -> Image.Image:
    """Open a TIFF; raises UnknownKindError, or what Pillow raises."""
    image: Any = Image.open(file, formats=("TIFF",))
    tags = image.tag_v2
    is_colour_apart = tags.get(_PHOTOMETRIC) == _YCBCR
    if tags.get(_COMPRESSION) == _WEBP:  # libtiff may have been built without
        raise UnknownKindError
    if is_colour_apart and _is_separate(image) and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
        raise UnknownKindError
    is_plain = tags.get(_COMPRESSION, _NOT_COMPRESSED) == _NOT_COMPRESSED
    are_strips_tiles = _TILE_WIDTH in tags and _TILES not in tags
    if is_plain and (is_colour_apart or are_strips_tiles):
        return _by_libtiff(file)
    return _mended(image)


def is_lab(image: Image.Image) -> bool:
    """Whether the numbers of an RGB picture are CIELab's: L, and a and b with a sign."""
    is_rgb = isinstance(image, TiffImageFile) and image.mode == "RGB"
    return is_rgb and image.tag_v2.get(_PHOTOMETRIC) == _LAB


def _is_separate(image: TiffImageFile) -> bool:
    return bool(image.tag_v2.get(_PLANES) == _SEPARATE)


def _by_libtiff(file: IO[bytes]) -> Image.Image:
    """Open what Pillow reads by itself and wrongly: tiles that are called strips, colours in blocks."""
    file.seek(0)
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return Image.open(file, formats=("TIFF",))
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def _mended(image: TiffImageFile) -> TiffImageFile:
    """Let Pillow read 16 bits from uncompressed planes, which it takes for planes of 8 bits."""
    if _is_separate(image) and set(image.tag_v2.get(_BITS, ())) == {16}:
        order = "L" if image.tag_v2.prefix == b"II" else "B"
        image.tile = [
            tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
            if tile.codec_name == "raw" and isinstance(tile.args, tuple)
            else tile
            for tile in image.tile
        ]
    return image
