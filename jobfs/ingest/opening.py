"""From the bytes of a file to a picture that can be decoded. Runs in the decoder.

What a file is, its content says, as in `domain.completeness`; nobody looks at its name here.
"""

import os
from typing import IO

from PIL import Image
from PIL.Image import DecompressionBombError

from jobfs.domain import completeness
from jobfs.domain.completeness import Structure
from jobfs.ingest import avifs, boxes, declared, raw, refusing, tiffs
from jobfs.ingest.outcomes import Refused
from jobfs.ingest.pictures import UNREADABLE, Picture

#: What Pillow calls the formats that it, or a plugin of it, decodes; by what jobfs calls them.
_PILLOWS = {
    "JPEG": "JPEG",  # an MPO is a JPEG whose first picture counts
    "PNG": "PNG",
    "TIFF": "TIFF",
    "WebP": "WEBP",
    "GIF": "GIF",
    "HEIC": "HEIF",
    "AVIF": "AVIF",
}

#: Of which there are more varieties than are decoded: that one is not known is no damage.
_MANIFOLD = frozenset({"TIFF", "HEIC", "AVIF"})


def opened(file: IO[bytes], *, edge: int, pixel_limit: int) -> Picture | Refused:
    """Open a file for renditions of at most *edge* pixels; *pixel_limit* is width times height.

    Raises PermissionError if that asks for what a decoder may not do.
    """
    finding = completeness.inspect(_reading(file), file.seek(0, os.SEEK_END))
    file.seek(0)
    match finding.format:
        case None:
            return refusing.not_a_photo()
        case "TIFF" if (
            finding.structure is Structure.TRUNCATED
        ):  # or it might be a raw file's preview
            return refusing.damaged("its end is missing")
        case name if name in raw.FORMATS:
            return raw.opened(file, name, edge=edge, pixel_limit=pixel_limit)
        case name:
            return _by_pillow(file, name, finding.structure, pixel_limit)


def _by_pillow(
    file: IO[bytes], name: str, structure: Structure, pixel_limit: int
) -> Picture | Refused:
    try:
        _check(declared.size(file, name), pixel_limit)
        image = _image(file, name)
        _check(image.size, pixel_limit)
    except _TooManyError as error:
        return refusing.too_many_pixels(error.size, pixel_limit)
    except DecompressionBombError:
        return refusing.more_than_any_camera()
    except MemoryError:
        return refusing.no_room()
    except PermissionError:  # the decoder's confinement, and no fault of the file's
        raise
    except UNREADABLE as error:  # UnidentifiedImageError too, an OSError
        is_whole = structure is Structure.WHOLE and name in _MANIFOLD
        if is_whole or isinstance(error, tiffs.UnknownKindError):
            return refusing.unknown_kind(
                tiffs.variety(file) if name == "TIFF" else f"a variety of {name} that is not known"
            )
        return refusing.damaged(refusing.UNREADABLE_START)
    aperture = boxes.aperture(file, image.size) if name == "AVIF" else None  # libheif cuts itself
    size = (
        image.size if aperture is None else (aperture[2] - aperture[0], aperture[3] - aperture[1])
    )
    return Picture(format=name, image=image, size=size, aperture=aperture)


def _image(file: IO[bytes], name: str) -> Image.Image:
    if name == "TIFF":
        return tiffs.opened(file)
    if name == "AVIF":
        return avifs.opened(file)
    return Image.open(file, formats=(_PILLOWS[name],))


def _check(size: tuple[int, int], pixel_limit: int) -> None:
    if size[0] * size[1] > pixel_limit:
        raise _TooManyError(size)


class _TooManyError(Exception):
    """A header declares more pixels than are allowed."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size


def _reading(file: IO[bytes]) -> completeness.ReadAt:
    def read_at(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return read_at
