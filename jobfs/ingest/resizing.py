"""Pictures of another size, by the filter of Lanczos. Runs in the decoder.

Pillow's own resize does without a processor's instructions for many numbers at once, and takes five times
as long: see decisions/0017. Where the faster library is missing, or does not know a mode, Pillow resizes:
with the same filter, so that nobody sees a difference.
"""

from PIL import Image
from PIL.Image import Resampling

from jobfs.ingest.libraries import cykooz_resizer, numpy

#: Left, top, right and bottom of a part of a picture, in pixels and parts of them.
Box = tuple[float, float, float, float]

#: Modes that are resized as they are; with alpha, colours count by how much is seen of them.
_MODES = frozenset({"L", "RGB", "CMYK"})


def resized(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """Return a picture, or the *box* of it, in another size; raises MemoryError.

    A whole one that has that size is returned as it is.
    """
    if box is None and size == image.size:
        return image
    part = box or (0.0, 0.0, *image.size)
    if cykooz_resizer is None or image.mode not in _MODES:
        return image.resize(size, Resampling.LANCZOS, part)
    return _quickly(image, size, part)


def _quickly(image: Image.Image, size: tuple[int, int], part: Box) -> Image.Image:
    left, top, right, bottom = part
    options = cykooz_resizer.ResizeOptions(
        resize_alg=cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.lanczos3),
        crop_box=cykooz_resizer.CropBox(left, top, right - left, bottom - top),
    )
    made = Image.new(image.mode, size, None)  # every pixel of it is written below
    _require_room(image.size, size, len(image.getbands()))  # beside all that there is by now
    # a new one each time, since it keeps its memory for the next picture
    cykooz_resizer.Resizer().resize_pil(image, made, options)
    return made


def _require_room(old: tuple[int, int], new: tuple[int, int], bands: int) -> None:
    """Raise MemoryError if there is none for a picture resized in one direction.

    Rust would end the process when it finds that out.
    """
    room = max(old[0] * new[1], new[0] * old[1]) * (1 if bands == 1 else 4)
    numpy.empty(room, numpy.uint8)  # asked for, and given back untouched
