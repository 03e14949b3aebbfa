"""The libraries that decode, loaded so that they do all their work in the thread that asks for it.

Decoders are many already; and a thread that a library has begun before its process is confined would go
on unconfined. OpenBLAS (below numpy) and OpenMP (below LibRaw) read from the environment, when they are
loaded, how many threads they may have, and take all processors otherwise; so does Rayon (in cykooz_resizer).
The others have a setting. Whoever needs one of these libraries imports it from here.

HEIC is the exception: libde265 decodes in one thread of its own, whatever it is told; see `calls`.
"""

import os

os.putenv("OPENBLAS_NUM_THREADS", "1")
os.putenv("OMP_NUM_THREADS", "1")
os.putenv("RAYON_NUM_THREADS", "1")

import numpy
import pillow_heif
import rawpy
import simplejpeg  # type: ignore[import-untyped]  # it ships none
from PIL import AvifImagePlugin, PngImagePlugin

try:
    import cykooz_resizer  # type: ignore[import-untyped]  # it ships none
except ImportError:  # there are wheels of it for some machines only
    cykooz_resizer = None

__all__ = ["cykooz_resizer", "numpy", "rawpy", "simplejpeg"]

#: Bytes of one text in a PNG, unpacked; metadata of programs can have megabytes. Pillow says 1 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pillow_heif.register_heif_opener(
    decode_threads=0,  # tiles are decoded one after the other, in the caller's thread
    thumbnails=False,  # or a thumbnail might be decoded in place of the picture
    depth_images=False,
    aux_images=False,
)
