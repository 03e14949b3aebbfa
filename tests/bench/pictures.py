"""Pictures as heavy as those of cameras, to measure with."""

import io
from collections.abc import Iterator
from functools import cache
from itertools import cycle

from PIL import Image

from tests.bench.comparing import Options

#: The pixels of a 24-megapixel camera.
LARGE = (6000, 4000)


def large(options: Options) -> Iterator[bytes]:
    """Give JPEGs of 24 megapixels, for ever: the corpus' own, else made ones, each again and again."""
    found = [] if options.corpus is None else _large_ones(options)
    yield from cycle(found or [_grain(seed) for seed in range(3)])


def _large_ones(options: Options) -> list[bytes]:
    assert options.corpus is not None
    files = sorted((options.corpus / "photos").iterdir())
    return [file.read_bytes() for file in files if _size(file.read_bytes()) == LARGE]


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


@cache
def _grain(seed: int) -> bytes:
    """Return a picture with a smooth ground, edges, and the grain of a sensor."""
    light = Image.linear_gradient("L").resize(LARGE).rotate(90 * seed)
    rings = Image.radial_gradient("L").resize((300, 200)).resize(LARGE)
    grain = Image.effect_noise(LARGE, 18)
    picture = Image.merge("RGB", [Image.blend(band, grain, 0.3) for band in (light, rings, light)])
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
