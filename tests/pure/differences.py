"""How different two pictures look, and what another program makes of a picture."""

from dataclasses import dataclass
from typing import Any

import numpy
import pyvips
from PIL import Image
from skimage import color, metrics

#: scikit-image says nothing of their types.
_ciede2000: Any = color.deltaE_ciede2000
_similarity: Any = metrics.structural_similarity


@dataclass(frozen=True, slots=True)
class Difference:
    """CIEDE2000, its mean and its 99th percentile; and the structural similarity, 1 if equal."""

    mean: float
    high: float
    similarity: float


def difference(one: Image.Image, other: Image.Image) -> Difference:
    """Return how different two sRGB pictures of one size are."""
    assert one.size == other.size
    first, second = (numpy.asarray(picture.convert("RGB")) for picture in (one, other))
    apart = _ciede2000(color.rgb2lab(first), color.rgb2lab(second))
    window = min(7, (min(one.size) - 1) | 1)
    similarity = _similarity(first, second, channel_axis=2, win_size=window)
    return Difference(float(apart.mean()), float(numpy.percentile(apart, 99)), float(similarity))


def by_libvips(content: bytes, size: tuple[int, int]) -> Image.Image:
    """Return a picture as libvips shows it: decoded in full, turned, converted to sRGB, resized once."""
    image = pyvips.Image.new_from_buffer(content, "").autorot()
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform(
            "srgb", embedded=True, intent="relative", black_point_compensation=True
        )
    else:
        image = image.colourspace("srgb")
    image = image.cast("uchar")
    return pixels(image.flatten(background=255) if image.hasalpha() else image).resize(
        size, Image.Resampling.LANCZOS
    )


def pixels(image: Any) -> Image.Image:
    """Return a picture of libvips's as one of Pillow's."""
    shape = (image.height, image.width, image.bands)
    array = numpy.frombuffer(image.write_to_memory(), dtype=numpy.uint8).reshape(shape)
    return Image.fromarray(array.squeeze()).convert("RGB")
