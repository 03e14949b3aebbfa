"""JPEGs, decoded so that damage is noticed. Runs in the decoder.

libjpeg only warns when a scan is broken in its middle, and goes on with grey or shifted pixels; Pillow
hears no warnings. simplejpeg is libjpeg-turbo too, gives the same pixels as fast, and does not pass them
over: see decisions/0008. What it does not take is decoded by Pillow.
"""

import os
import re
from typing import IO, Any

from PIL import Image

from jobfs.ingest.libraries import simplejpeg

#: How libjpeg's warnings of broken data begin; others are about forms that it knows to read all the same.
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG file")
#: Bytes too many before the end of the picture: some cameras fill up with a few. Pixels that have come
#: out of step leave more.
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_PADDING = 16

#: For a mode of Pillow's: what to ask for, and how Pillow takes it. Inks are stored inverted.
_FORMS = {"RGB": ("RGBX", "RGBX"), "L": ("GRAY", "L"), "CMYK": ("CMYK", "CMYK;I")}
#: Bytes of a file that are held in memory to decode it; Pillow reads longer ones piece by piece.
_LARGEST = 256 * 1024**2


class CorruptJpegError(OSError):
    """A JPEG whose scan is broken; an OSError as what Pillow raises for broken pictures."""


def loaded(image: Image.Image) -> Image.Image:
    """Return a JPEG's picture at the size of its draft, decoded; *image* is open and not loaded.

    Raises CorruptJpegError, or what Pillow raises, if not every part of it can be decoded.
    """
    form, data = _FORMS.get(image.mode), _content(image)
    warning = ""
    if form is not None and data is not None:
        try:
            return _decoded(image, data, *form)
        except (
            ValueError
        ) as error:  # all that simplejpeg raises: for what it cannot, and for damage
            warning = str(error)
    image.load()  # knows more varieties, and better what is wrong
    if warning.startswith(_DAMAGE) and not _is_padding(warning):
        raise CorruptJpegError(warning)
    return image


def _content(image: Image.Image) -> bytes | None:
    """Return the file, unless it is too long."""
    file: IO[bytes] | None = getattr(image, "fp", None)
    if file is None or file.seek(0, os.SEEK_END) > _LARGEST:
        return None
    file.seek(0)
    return file.read()


def _decoded(image: Image.Image, data: bytes, colours: str, raw_mode: str) -> Image.Image:
    width, height = image.size
    pixels: Any = simplejpeg.decode_jpeg(
        data, colours, min_width=width, min_height=height, strict=True
    )
    if pixels.shape[:2] != (height, width):
        raise ValueError(f"decoded to {pixels.shape}")
    return Image.frombytes(image.mode, (width, height), pixels, "raw", raw_mode)


def _is_padding(warning: str) -> bool:
    found = _PADDING.search(warning)
    return found is not None and int(found[1]) <= _MOST_PADDING
