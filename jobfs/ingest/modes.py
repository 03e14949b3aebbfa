"""Whatever a decoder made of a picture, in numbers that can be resized and be given a colour.

Pillow holds palettes, and grey of more than 8 bits, in modes of their own; each is led back to L, RGB, CMYK
or LAB with 8 bits, or RGBA. RGB of 16 bits it cuts to 8 by itself. Grey that has no fixed white (floats,
32 bits) is scaled by the first of 1, 255 and 65535 that holds its brightest pixel, else by that pixel.
"""

from PIL import Image
from PIL.Image import Resampling
from PIL.TiffImagePlugin import TiffImageFile

from jobfs.ingest import resizing, tiffs
from jobfs.ingest.libraries import numpy

_PLAIN = frozenset({"L", "RGB", "RGBX", "CMYK", "LAB", "RGBA"})
_DEEP = ("I", "F")  # what grey modes of more than 8 bits begin with
_WHITES = (1.0, 255.0, 65535.0)
_SIXTEEN_BITS, _TWELVE_BITS = 65535.0, 4095.0
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # tags and values of TIFF
_SAMPLE_FORMAT, _UNSIGNED = 339, 1
_BITS, _TWELVE = 258, 12

_LARGE = 32_000_000  # pixels from which on a picture is first made smaller in strips
_STRIP = 4_000_000  # pixels of one
_SPARE = 2  # times as large as wanted is a picture still after that, so that it is as sharp


def resized(image: Image.Image, size: tuple[int, int], *, closes: bool = False) -> Image.Image:
    """Return a picture of this size in mode L, RGB, CMYK, LAB or RGBA; *closes* as in `resizing`."""
    if image.mode.startswith(_DEEP):
        return _shallow(image, size)
    if tiffs.is_lab(image):
        image = Image.frombytes("LAB", image.size, image.tobytes(), "raw", "LAB")
    by = max(1, image.width // size[0] // _SPARE), max(1, image.height // size[1] // _SPARE)
    if max(by) == 1 or _is_cheap(image):
        return resizing.resized(_plain(image), size, closes=closes)
    box = (0.0, 0.0, image.width / by[0], image.height / by[1])
    return resizing.resized(_in_strips(image, by), size, box)


def _is_cheap(image: Image.Image) -> bool:
    """Whether there is room for copies of a picture, or none is made."""
    is_plain = image.mode in _PLAIN - {"RGBA"} and "transparency" not in image.info
    return is_plain or image.width * image.height < _LARGE


def _in_strips(image: Image.Image, by: tuple[int, int]) -> Image.Image:
    """Return a plain picture that is smaller by whole numbers, across and down.

    Some rows after the others are made plain: of a large picture there may be no room for a copy.
    """
    rows = by[1] * max(1, _STRIP // image.width // by[1])
    mode = _plain(image.crop((0, 0, 1, 1))).mode
    whole = Image.new(mode, (-(-image.width // by[0]), -(-image.height // by[1])))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole.paste(_plain(strip).reduce(by), (0, top // by[1]))
    return whole


def _plain(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # Pillow converts it to nothing but this
        image = image.convert("LA")
    if image.mode != "LAB" and ("A" in image.mode.upper() or "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _PLAIN else image.convert("RGB")


def _shallow(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a grey picture with 8 bits; if one grey is declared to be clear, with alpha."""
    whole = _signed(image)
    white = _TWELVE_BITS if _tag(image, _BITS, default=0) == _TWELVE else _white(whole)
    grey = numpy.asarray(whole.resize(size, Resampling.LANCZOS), dtype=numpy.float32) / white
    if _tag(image, _PHOTOMETRIC, default=1) == _WHITE_IS_ZERO:  # Pillow turns 8 bits only
        grey = 1 - grey
    levels = numpy.nan_to_num(grey).clip(0, 1) * 255 + 0.5
    shades = Image.fromarray(levels.astype(numpy.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        opaque = Image.fromarray(numpy.asarray(image) != clear).convert("L")
        shades = shades.convert("RGBA")
        shades.putalpha(opaque.resize(size, Resampling.BOX))
    return shades


def _signed(image: Image.Image) -> Image.Image:
    """Return the picture as it is, or as floats if its unsigned numbers were taken for signed ones."""
    if image.mode != "I" or not isinstance(image, TiffImageFile):
        return image
    if _tag(image, _SAMPLE_FORMAT, default=_UNSIGNED) != _UNSIGNED:
        return image
    return Image.fromarray(numpy.asarray(image).view(numpy.uint32).astype(numpy.float32))


def _white(image: Image.Image) -> float:
    if image.mode.startswith("I;16"):
        return _SIXTEEN_BITS
    brightest = float(numpy.nanmax(numpy.asarray(image)))
    return next((white for white in _WHITES if brightest <= white), brightest)


def _tag(image: Image.Image, number: int, *, default: int) -> int:
    """Return a number that a TIFF's directory has; of several, the first."""
    if not isinstance(image, TiffImageFile):
        return default
    value = image.tag_v2.get(number, default)
    first = value[0] if isinstance(value, tuple) else value
    return first if isinstance(first, int) else default
