"""From the bytes of a file to a photo's facts and renditions. Runs in the decoder.

Files lie and are broken, on purpose too: whatever stands in them, the answer is a value.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import IO

from PIL import Image
from PIL.Image import Transpose

from jobfs.ingest import codes, colour, heap, jpegs, modes, opening, refusing, resizing, tags
from jobfs.ingest.outcomes import Decoded, Made, Refused, Wanted
from jobfs.ingest.pictures import UNREADABLE, Picture

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
_JPEGS = frozenset({"JPEG", "MPO"})  # as Pillow calls them
_VAST = 64_000_000  # pixels of a picture that no memory is kept beside
_LYING = 5  # from this orientation on width and height change places

#: What libheif says of what it cannot decode, in errors that are of the same class as all others.
_UNKNOWN = ("has not been built in", "Unsupported")


def render(file: IO[bytes], wanted: Sequence[Wanted], *, pixel_limit: int) -> Decoded | Refused:
    """Decode a picture and make its renditions, one at least; *pixel_limit* is width times height.

    Raises PermissionError if decoding asks for what a decoder may not do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of the file; the answer says enough
        ordered = sorted(wanted, key=_edge, reverse=True)
        picture = opening.opened(file, edge=ordered[0].edge, pixel_limit=pixel_limit)
        if isinstance(picture, Refused):
            return picture
        if picture.size[0] * picture.size[1] > _VAST:
            heap.give_back()  # it may need all the room there is
        with picture.image:
            return _rendered(file, picture, ordered)


def _rendered(file: IO[bytes], picture: Picture, wanted: Sequence[Wanted]) -> Decoded | Refused:
    height = picture.image.height
    try:
        return _decoded(file, picture, wanted)
    except PermissionError:  # the decoder's confinement, and no fault of the file's
        raise
    except MemoryError:
        return refusing.too_little_memory(picture.size)
    except jpegs.ScanBombError as error:
        return refusing.made_to_be_slow(cause=error)
    except UNREADABLE as error:
        if any(words in str(error) for words in _UNKNOWN):
            return refusing.unknown_kind(f"a variety of {picture.format} that is not known")
        ends = refusing.where_it_ends(picture.image, height)
        return refusing.damaged(ends or refusing.UNREADABLE_PICTURE, cause=error)


def _decoded(file: IO[bytes], picture: Picture, wanted: Sequence[Wanted]) -> Decoded:
    shown = _shown(picture)
    largest = _fitted(shown, wanted[0].edge)
    image = _loaded(picture, largest)
    said = tags.read(file, picture)
    turn = _TURNS.get(said.orientation)
    found = codes.read(image, turn=turn)
    is_ours = image is not picture.image  # which others look at when something is wrong
    small = colour.on_paper(modes.resized(image, largest, closes=is_ours), said.icc)
    if turn is not None:
        small = small.transpose(turn)
    lies = said.orientation >= _LYING
    width, height = picture.size[::-1] if lies else picture.size
    began = perf_counter()
    renditions = _cascade(small, shown[::-1] if lies else shown, wanted)
    return Decoded(
        format=picture.format, width=width, height=height, shot=said.shot, metadata=said.metadata,
        codes=found, renditions=renditions, rendering=perf_counter() - began,
    )  # fmt: skip


def _shown(picture: Picture) -> tuple[int, int]:
    """Return the size of what is shown of the picture's image; of a raw file, that may be a preview."""
    if picture.aperture is None:
        return picture.image.size
    left, top, right, bottom = picture.aperture
    return right - left, bottom - top


def _loaded(picture: Picture, largest: tuple[int, int]) -> Image.Image:
    """Return the picture decoded, not smaller than *largest*.

    A JPEG decodes straight to an eighth, a quarter or half of its size, whichever is still enough. That
    reads all of the file's bits, and spares the arithmetic for detail that nobody will see.
    """
    image = picture.image
    image.draft(image.mode, largest)
    if image.format in _JPEGS:
        image = jpegs.loaded(image)
    else:
        image.load()
    return image if picture.aperture is None else image.crop(picture.aperture)


def _cascade(
    picture: Image.Image, size: tuple[int, int], wanted: Sequence[Wanted]
) -> tuple[Made, ...]:
    """Make the renditions, each from the next larger one; *wanted* begins with the largest.

    *size* is the whole picture's, of which *picture* is a reduced one.
    """
    made = []
    for rendition in wanted:
        picture = resizing.resized(picture, _fitted(size, rendition.edge))
        made.append(_encoded(picture, rendition))
    return tuple(made)


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
