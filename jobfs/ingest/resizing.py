"""Pictures of another size, by the filter of Lanczos. Runs in the decoder.

Pillow's own resize does without a processor's instructions for many numbers at once, and takes five times
as long: see decisions/0017. Where the faster library is missing, or does not know a mode, Pillow resizes:
with the same filter, so that nobody sees a difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from PIL.Image import Resampling

from jobfs.ingest.libraries import cykooz_resizer

#: Left, top, right and bottom of a part of a picture, in pixels and parts of them.
Box = tuple[float, float, float, float]

#: Modes that are resized as they are; with alpha, colours count by how much is seen of them.
_MODES = frozenset({"L", "RGB", "RGBX", "CMYK"})
#: Bytes that a filter needs for each pixel of a side, which are three lobes' numbers, and all else.
_FILTER, _SPARE = 100, 2**20


def resized(
    image: Image.Image, size: tuple[int, int], box: Box | None = None, *, closes: bool = False
) -> Image.Image:
    """Return a picture, or the *box* of it, in another size; raises MemoryError.

    RGBX becomes RGB. A whole picture that has that size is returned as it is otherwise. One that *closes*
    may be closed once it is not needed any more, so that it is not in memory together with the new one.
    """
    if box is None and size == image.size:
        return _plain(image)
    part = box or (0.0, 0.0, *image.size)
    if cykooz_resizer is None or image.mode not in _MODES:
        return _plain(image.resize(size, Resampling.LANCZOS, part))
    return _quickly(image, size, part, closes=closes)


def _plain(image: Image.Image) -> Image.Image:
    return image.convert("RGB") if image.mode == "RGBX" else image


def _quickly(image: Image.Image, size: tuple[int, int], part: Box, *, closes: bool) -> Image.Image:
    """Resize down, and then across: the same pixels as in one go, and *image* need not stay until the end."""
    left, top, right, bottom = part
    lower = _convolved(image, (image.width, size[1]), (0.0, top, float(image.width), bottom))
    if closes:
        image.close()
    return _convolved(lower, size, (left, 0.0, right, float(size[1])))


def _convolved(image: Image.Image, size: tuple[int, int], part: Box) -> Image.Image:
    left, top, right, bottom = part
    options = cykooz_resizer.ResizeOptions(
        resize_alg=cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.lanczos3),
        crop_box=cykooz_resizer.CropBox(left, top, right - left, bottom - top),
    )
    with _as_known(image):
        made = Image.new(image.mode, size, None)  # every pixel of it is written below
        _require_room(image.size, size)  # beside all that there is by now
        cykooz_resizer.Resizer().resize_pil(image, made, options)
    return made


def _require_room(old: tuple[int, int], new: tuple[int, int]) -> None:
    """Raise MemoryError if there is none for the numbers of a filter.

    Rust would end the process when it finds that out.
    """
    bytearray(_SPARE + _FILTER * (max(old) + max(new)))


@contextmanager
def _as_known(image: Image.Image) -> Iterator[None]:
    """Call RGBX, which has the same bytes, RGB for the length of a block: the library knows that only."""
    mode = image.mode
    if mode == "RGBX":
        cykooz_resizer.alpha.set_image_mode(image, "RGB")
    try:
        yield
    finally:
        cykooz_resizer.alpha.set_image_mode(image, mode)
