"""From the bytes of a file to a photo's facts and renditions. Runs in the decoder.

Files lie and are broken, on purpose too: whatever stands in them, the answer is a value.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.Image import DecompressionBombError, Resampling, Transpose

from jobfs.domain import exif
from jobfs.domain.exif import Shot
from jobfs.domain.uploads import UploadState
from jobfs.ingest import colour
from jobfs.ingest.outcomes import Decoded, Made, Refused, Wanted

FORMATS = ("JPEG", "PNG")  # by their signatures; an MPO is a JPEG whose first picture counts
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

#: What Pillow raises for files that are not as they should be.
_UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip

#: How a picture is turned upright, by its orientation in the Exif standard.
_TURNS: Mapping[int, Transpose] = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_LYING = 5  # from this orientation on width and height change places

_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY = 0x8769, 0xA005

_SEND_ANOTHER = "Open the file on your computer, and send another copy if it does not open there."
_SEND_JPEG = "Save the picture as a JPEG and send that."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tags:
    """What the file says of its picture."""

    shot: Shot
    orientation: int
    icc: bytes | None


def render(file: IO[bytes], wanted: Sequence[Wanted], *, pixel_limit: int) -> Decoded | Refused:
    """Decode a picture and make its renditions; *pixel_limit* is width times height.

    Raises PermissionError if decoding asks for what a decoder may not do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of the file; the answer says enough
        return _open(file, sorted(wanted, key=_edge, reverse=True), pixel_limit)


def _open(file: IO[bytes], wanted: Sequence[Wanted], pixel_limit: int) -> Decoded | Refused:
    try:
        image = Image.open(file, formats=FORMATS)
    except DecompressionBombError:
        return _too_large("has more pixels than any camera makes")
    except UnidentifiedImageError:
        return _unidentified(file)
    except PermissionError:  # the decoder's confinement, and no fault of the file's
        raise
    except _UNREADABLE:
        return _damaged("the part of the file before its picture cannot be read")
    with image:
        if image.width * image.height > pixel_limit:
            return _too_large(
                f"has {image.width} x {image.height} pixels, more than the {pixel_limit:,} allowed"
            )
        return _render(image, wanted)


def _render(image: ImageFile.ImageFile, wanted: Sequence[Wanted]) -> Decoded | Refused:
    size = image.size
    try:
        # A JPEG decodes straight to an eighth, a quarter or half of its size, whichever is still
        # enough. That reads all of the file's bits, and spares the arithmetic for detail that nobody
        # will see.
        image.draft(image.mode, _fitted(size, wanted[0].edge))
        image.load()
        tags = _tags(image)
        renditions = _cascade(image, size, tags, wanted)
    except PermissionError:  # as above
        raise
    except MemoryError:
        width, height = size
        return _too_large(f"has {width} x {height} pixels, for which the decoder lacks the memory")
    except _UNREADABLE as error:
        ends = _where_it_ends(image, size[1])
        return _damaged(ends or f"its picture cannot be decoded: {error}")
    width, height = size if tags.orientation < _LYING else size[::-1]
    return Decoded(width=width, height=height, shot=tags.shot, renditions=renditions)


def _cascade(
    image: Image.Image, size: tuple[int, int], tags: _Tags, wanted: Sequence[Wanted]
) -> tuple[Made, ...]:
    """Make the renditions, each from the next larger one; *wanted* begins with the largest.

    *size* is the whole picture's, of which *image* may be a reduced one.
    """
    largest = _fitted(size, wanted[0].edge)
    picture = _in_srgb(_plain(image).resize(largest, Resampling.LANCZOS), tags)
    made = []
    for rendition in wanted:
        picture = picture.resize(_fitted(size, rendition.edge), Resampling.LANCZOS)
        made.append(_encoded(_upright(picture, tags), rendition))
    return tuple(made)


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be resized: L, RGB, CMYK or RGBA."""
    if image.mode.startswith("I"):  # 16 bits, which convert() would cut off above 255
        return image.point(lambda value: value / 257 + 0.5).convert("L")
    if "A" in image.mode or "transparency" in image.info:
        return image.convert("RGBA")
    return (
        image if image.mode in {"L", "CMYK"} else image.convert("L" if image.mode == "1" else "RGB")
    )


def _in_srgb(image: Image.Image, tags: _Tags) -> Image.Image:
    """Return the picture in sRGB; what is transparent lies on white, as on paper."""
    if image.mode != "RGBA":
        return colour.to_srgb(image, tags.icc)
    paper = Image.new("RGB", image.size, "white")
    paper.paste(colour.to_srgb(image.convert("RGB"), tags.icc), mask=image.getchannel("A"))
    return paper


def _upright(image: Image.Image, tags: _Tags) -> Image.Image:
    turn = _TURNS.get(tags.orientation)
    return image if turn is None else image.transpose(turn)


def _encoded(picture: Image.Image, rendition: Wanted) -> Made:
    """Return a JPEG with sRGB's profile and nothing else: no text of the original may be in it.

    Colours are kept at full resolution: a seventh more bytes for a quarter less difference (CIEDE2000).
    """
    picture.info.clear()
    data = io.BytesIO()
    picture.save(
        data, "JPEG", quality=rendition.quality, subsampling="4:4:4",
        icc_profile=colour.srgb_bytes(),
    )  # fmt: skip
    return Made(
        name=rendition.name, width=picture.width, height=picture.height, data=data.getvalue()
    )


def _edge(rendition: Wanted) -> int:
    return rendition.edge


def _fitted(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Return *size* with its longer side no longer than *edge*; nothing is enlarged."""
    scale = min(1.0, edge / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _tags(image: Image.Image) -> _Tags:
    """Return what the file says; nothing, where its metadata cannot be read.

    To be asked after decoding: a PNG may have its metadata behind the pixels.
    """
    main = _main_directory(image)
    details = _directory(main, _EXIF_DIRECTORY)
    icc = image.info.get("icc_profile")
    if not icc and exif.is_adobe_rgb(details, _directory(main, _INTEROPERABILITY_DIRECTORY)):
        icc = colour.adobe_rgb()
    shot = exif.shot(main, details)
    return _Tags(shot=shot, orientation=exif.orientation(main), icc=icc)


def _main_directory(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except _UNREADABLE:
        return Image.Exif()


def _directory(main: Image.Exif, tag: int) -> exif.Tags:
    try:
        return main.get_ifd(tag)
    except _UNREADABLE:
        return {}


# --- refusals ---


def _unidentified(file: IO[bytes]) -> Refused:
    file.seek(0)
    if file.read(16).startswith(_SIGNATURES):
        return _damaged("the part of the file before its picture cannot be read")
    return Refused(
        kind=UploadState.UNSUPPORTED,
        reason="the file is none of the kinds that jobfs makes photos of: JPEG and PNG",
        advice=_SEND_JPEG,
    )


def _too_large(reason: str) -> Refused:
    advice = "Save the picture as a JPEG with fewer pixels and send that."
    return Refused(kind=UploadState.UNSUPPORTED, reason=f"the picture {reason}", advice=advice)


def _damaged(what: str) -> Refused:
    reason = f"the file is damaged: {what}"
    return Refused(kind=UploadState.DAMAGED, reason=reason, advice=_SEND_ANOTHER)


def _where_it_ends(image: ImageFile.ImageFile, height: int) -> str | None:
    """Say how far the picture goes, if its decoding has stopped in the middle.

    What was not decoded is zero. Pillow tells nothing else about it.
    """
    core: Any = getattr(image, "_im", None)
    box = None if core is None else core.getbbox()
    if box is None:
        return None
    line = box[3] * height // core.size[1]
    return f"its pixels end near line {line} of {height}" if line < height else None
