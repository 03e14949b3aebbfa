"""A picture between its opening and its decoding, whichever library it is opened with."""

import struct
import zlib
from dataclasses import dataclass

from PIL import Image

#: What Pillow and its plugins raise for files that are not as they should be.
UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    RuntimeError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture whose header was read, and that is not decoded yet.

    format       what the file is
    image        what renditions are made from
    size         width and height of the photo as it lies in the file; of a raw file with a smaller preview,
                 more than the image's
    orientation  how it lies, 1 to 8, if that is known already; else its Exif block says it
    icc          the profile that its numbers are meant by, if that stands where Pillow does not look
    aperture     what of the image is to be seen, if not all: left, top, right and bottom
    """

    format: str
    image: Image.Image
    size: tuple[int, int]
    orientation: int | None = None
    icc: bytes | None = None
    aperture: tuple[int, int, int, int] | None = None
