"""Cameras' raw files: their embedded preview if that is large enough, else the sensor's own data.

The preview is the picture as the camera showed it, and much cheaper to have. It is large enough if it is
as long as the largest rendition, or half as long as the whole picture. Else the data are developed, with
the white balance that the camera had chosen, into sRGB.

Every pixel is decoded all the same: the sensor's data are unpacked, preview or not, so that damage is found
while the card still has the picture. LibRaw goes on where data end early: what it complains of is damage,
and so is a file that is smaller than any picture. Data in a form that LibRaw has not learnt yet (Nikon's
"high efficiency" is one) are taken on trust if there is a preview.
"""

import io
import os
from typing import IO, BinaryIO, cast

from PIL import Image

from jobfs.domain import pairs
from jobfs.ingest import colour, refusing
from jobfs.ingest.complaints import complaints
from jobfs.ingest.libraries import rawpy
from jobfs.ingest.outcomes import Refused
from jobfs.ingest.pictures import UNREADABLE, Picture

#: What jobfs calls raw files. LibRaw looks for itself what they are.
FORMATS = pairs.RAW

#: How a picture lies, as in the Exif standard, by what LibRaw does to it: 1 mirrors it across, 2 mirrors
#: it down, 4 swaps rows and columns. Source: LibRaw, src/write/tiff_writer.cpp.
_ORIENTATIONS = (1, 2, 4, 3, 5, 8, 6, 7)
_SWAPPED = 4
_UPRIGHT = 1
_SRGB_CURVE = (2.4, 12.92)  # power and slope; LibRaw's own default is television's, BT.709
_BAYER = (2, 2)  # the pattern of a sensor of which half a picture has every colour

#: Bits a pixel; every lossless way to pack it takes one at least, lossy ones less.
_FEWEST_BITS = 0.2
_NOT_ALL = "not all that the sensor saw is there"

_UNKNOWN = (
    rawpy.LibRawFileUnsupportedError,
    rawpy.LibRawNotImplementedError,
    rawpy.NotSupportedError,
)
_TOO_LARGE = (MemoryError, rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError)


def opened(file: IO[bytes], format_name: str, *, edge: int, pixel_limit: int) -> Picture | Refused:
    """Open a raw file for renditions of at most *edge* pixels; *pixel_limit* is width times height."""
    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(cast("BinaryIO", file))
            size = raw.sizes.raw_width, raw.sizes.raw_height
            if size[0] * size[1] > pixel_limit:
                return refusing.too_many_pixels(size, pixel_limit)
            if 8 * file.seek(0, os.SEEK_END) < _FEWEST_BITS * size[0] * size[1]:
                return refusing.damaged(_NOT_ALL)
            return _picture(raw, format_name, edge)
    except _UNKNOWN:
        return refusing.unknown_kind(f"a {format_name} of a camera or in a form that is not known")
    except _TOO_LARGE:
        return refusing.more_than_any_camera()
    except rawpy.LibRawError as error:
        return refusing.damaged(refusing.UNREADABLE_PICTURE, cause=error)


def _picture(raw: rawpy.RawPy, format_name: str, edge: int) -> Picture | Refused:
    """Return the preview, or else what the sensor saw; raises rawpy's errors if data are damaged."""
    box = _visible(raw)
    size = box[2] - box[0], box[3] - box[1]
    preview = _preview(raw, min(edge, max(size) // 2))
    try:
        with complaints() as heard:
            raw.unpack()
    except _UNKNOWN:
        if preview is None:
            raise
    if heard:
        return refusing.damaged(_NOT_ALL)
    orientation = _ORIENTATIONS[raw.sizes.flip & 7]
    if preview is None:
        return Picture(
            format=format_name, image=_developed(raw, box, edge), size=size,
            orientation=orientation, icc=colour.srgb_bytes(),
        )  # fmt: skip
    if _is_turned(preview, size, raw.sizes.flip):
        size, orientation = size[::-1], _UPRIGHT
    return Picture(format=format_name, image=preview, size=size, orientation=orientation)


def _visible(raw: rawpy.RawPy) -> tuple[int, int, int, int]:
    """Return what of the sensor is the picture: left, top, right and bottom, as far as that is known.

    LibRaw leaves out what was masked, but not the border that cameras leave out of their own pictures.
    """
    sizes = raw.sizes
    left = sizes.crop_left_margin - sizes.left_margin
    top = sizes.crop_top_margin - sizes.top_margin
    right, bottom = left + sizes.crop_width, top + sizes.crop_height
    is_inside = left >= 0 and top >= 0 and right <= sizes.width and bottom <= sizes.height
    if is_inside and sizes.crop_width and sizes.crop_height:
        return left, top, right, bottom
    return 0, 0, sizes.width, sizes.height


def _preview(raw: rawpy.RawPy, shortest: int) -> Image.Image | None:
    """Return the largest embedded preview, not decoded yet, if its longer side is *shortest* or more."""
    try:
        data = raw.extract_thumb().data
        image: Image.Image
        if isinstance(data, bytes):
            image = Image.open(io.BytesIO(data), formats=("JPEG",))
        else:
            image = Image.fromarray(data)
    except (rawpy.LibRawError, rawpy.NotSupportedError, *UNREADABLE):
        return None
    return image if max(image.size) >= shortest else None


def _is_turned(preview: Image.Image, size: tuple[int, int], flip: int) -> bool:
    """Whether a preview is upright already, beside data that lie on their side.

    Cameras write both as the sensor has them; some programs that write DNG turn the preview.
    """
    is_tall = preview.height > preview.width
    return bool(flip & _SWAPPED) and is_tall != (size[1] > size[0])


def _developed(raw: rawpy.RawPy, box: tuple[int, int, int, int], edge: int) -> Image.Image:
    """Return the sensor's data as a picture; half of it, where that is enough for *edge* pixels."""
    width, height = raw.sizes.width, raw.sizes.height  # which halving halves
    pattern = raw.raw_pattern
    is_bayer = pattern is not None and pattern.shape == _BAYER
    pixels = raw.postprocess(
        half_size=is_bayer and max(box[2] - box[0], box[3] - box[1]) >= 2 * edge,
        demosaic_algorithm=rawpy.DemosaicAlgorithm.PPG,
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.sRGB,
        gamma=_SRGB_CURVE,
        user_flip=0,  # the renditions are turned
    )
    image = Image.fromarray(pixels)
    scale = image.width / width, image.height / height
    return image.crop(
        (
            round(box[0] * scale[0]), round(box[1] * scale[1]),
            round(box[2] * scale[0]), round(box[3] * scale[1]),
        )
    )  # fmt: skip
