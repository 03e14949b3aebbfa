"""The libraries that decode, loaded so that they do all their work in the thread that asks for it.

Decoders are many already; and a thread that a library has begun before its process is confined would go
on unconfined. OpenBLAS (below numpy) and OpenMP (below LibRaw) count the processors when they are loaded,
and begin or will begin as many threads. So they are loaded while this thread sees one processor. The
others have a setting. Whoever needs one of these libraries imports it from here.

HEIC is the exception: libde265 decodes in one thread of its own, whatever it is told; see `calls`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pillow_heif
from PIL import AvifImagePlugin, PngImagePlugin


@contextmanager
def _one_processor() -> Iterator[None]:
    """Let this thread see one processor while the block runs."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


with _one_processor():
    import numpy
    import rawpy
    import simplejpeg  # type: ignore[import-untyped]  # it ships none

__all__ = ["numpy", "rawpy", "simplejpeg"]

#: Bytes of one text in a PNG, unpacked; metadata of programs can have megabytes. Pillow says 1 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pillow_heif.register_heif_opener(
    decode_threads=0,  # tiles are decoded one after the other, in the caller's thread
    thumbnails=False,  # or a thumbnail might be decoded in place of the picture
    depth_images=False,
    aux_images=False,
)
