"""JPEGs, decoded so that damage is noticed. Runs in the decoder.

libjpeg only warns when a scan is broken in its middle, and goes on with grey or shifted pixels; Pillow
hears no warnings. simplejpeg is libjpeg-turbo too, gives the same pixels as fast, and does not pass them
over: see decisions/0008. What it does not take is decoded by Pillow.
"""

import io
import os
import re
from typing import IO, Any

from PIL import Image

from jobfs.ingest import scans
from jobfs.ingest.libraries import simplejpeg

#: How libjpeg's warnings of broken data begin; others are about forms that it knows to read all the same.
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG file")
#: Bytes too many before the end of the picture: some cameras fill up with a few. Pixels that have come
#: out of step leave more.
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_PADDING = 16

#: For a mode of Pillow's: what to ask for, what that is to Pillow, and how it lies there. Inks are stored
#: inverted. Pillow holds RGB in four bytes a pixel: decoded to as many it need not be copied.
_FORMS = {
    "RGB": ("RGBX", "RGBX", "RGBX"),
    "L": ("GRAY", "L", "L"),
    "CMYK": ("CMYK", "CMYK", "CMYK;I"),
}
#: Bytes of a file that are held in memory to decode it; Pillow reads longer ones piece by piece.
_LARGEST = 256 * 1024**2
#: Scans of one picture: programs make about ten, and a test picture for one bit after the other 37. Each is
#: a round over all pixels, though it may be a few bytes long.
_MOST_SCANS = 100


class CorruptJpegError(OSError):
    """A JPEG whose scan is broken; an OSError as what Pillow raises for broken pictures."""


class ScanBombError(OSError):
    """A JPEG that is made to keep decoders busy; an OSError as what Pillow raises for broken pictures."""

    def __init__(self) -> None:
        super().__init__(f"its pixels are written over again more than {_MOST_SCANS} times")


def loaded(image: Image.Image) -> Image.Image:
    """Return a JPEG's picture, decoded; *image* is open and not loaded.

    It has the size of its draft; a lossless one its own. Its mode is RGBX where Pillow says RGB, as a rule.
    Raises CorruptJpegError, ScanBombError, or what Pillow raises, if not every part of it can be decoded.
    """
    pixels, warning = None, ""
    try:
        pixels = _pixels(image)
    except ValueError as error:  # all that simplejpeg raises: for what it cannot, and for damage
        warning = str(error)
    if pixels is not None:
        _, mode, lying = _FORMS[image.mode]
        return Image.frombuffer(mode, image.size, pixels, "raw", lying, 0, 1)
    image = _undrafted(image)
    image.load()  # knows more varieties, and better what is wrong
    if warning.startswith(_DAMAGE) and not _is_padding(warning):
        raise CorruptJpegError(warning)
    return image


def _pixels(image: Image.Image) -> Any:  # a numpy.ndarray; simplejpeg says no types
    """Return the picture as simplejpeg decodes it; None, if it is not to be asked."""
    form, data = _FORMS.get(image.mode), _content(image)
    picture = None if data is None else scans.alone(data)
    del data  # or it would be in memory twice
    if form is None or picture is None:
        return None
    width, height = image.size
    pixels = simplejpeg.decode_jpeg(
        picture, form[0], min_width=width, min_height=height, strict=True
    )
    if pixels.shape[:2] != (height, width):
        raise ValueError(f"decoded to {pixels.shape}")
    return pixels


def _content(image: Image.Image) -> bytes | None:
    """Return the file, unless it is too long; raises ScanBombError."""
    file: IO[bytes] | None = getattr(image, "fp", None)
    if file is None or file.seek(0, os.SEEK_END) > _LARGEST:
        return None
    file.seek(0)
    data = file.read()
    if scans.number(data, most=_MOST_SCANS) > _MOST_SCANS:
        raise ScanBombError
    return data


def _undrafted(image: Image.Image) -> Image.Image:
    """Return a lossless JPEG as it is without its draft, any other as it is."""
    data = _content(image)
    if data is None or not scans.is_lossless(data):
        return image
    return Image.open(io.BytesIO(data), formats=("JPEG",))


def _is_padding(warning: str) -> bool:
    found = _PADDING.search(warning)
    return found is not None and int(found[1]) <= _MOST_PADDING
