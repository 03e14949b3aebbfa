"""What others do with the same files, as well as they can: what jobfs is measured against."""

import io
from collections.abc import Sequence

import pyvips
from PIL import Image

from jobfs.ingest.outcomes import Wanted


def vips_cascade(data: bytes, wanted: Sequence[Wanted]) -> list[bytes]:
    """Render a JPEG with libvips: one decode, each rendition from the next larger one.

    Sizes and settings of the encoder are jobfs's. *wanted* begins with the largest.
    """
    edge = wanted[0].edge
    picture = pyvips.Image.thumbnail_buffer(data, edge, height=edge, size="down").copy_memory()
    made = []
    for rendition in wanted:
        edge = rendition.edge
        picture = picture.thumbnail_image(edge, height=edge, size="down").copy_memory()
        made.append(picture.jpegsave_buffer(Q=rendition.quality, subsample_mode="off", keep="none"))
    return made


def bare_pillow(data: bytes, wanted: Sequence[Wanted]) -> list[bytes]:
    """Decode a JPEG with Pillow and encode its renditions, as a script of a few lines does it."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (wanted[0].edge, wanted[0].edge * image.height // image.width))
        picture = image.convert("RGB")
    made = []
    for rendition in wanted:
        scale = min(1.0, rendition.edge / max(picture.size))
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=rendition.quality, subsampling="4:4:4")
        made.append(buffer.getvalue())
    return made
