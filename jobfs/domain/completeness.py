"""Whether all bytes of an image have arrived, judged by its structure and never by its name.

Nothing is decoded: a format's own lengths and end marks are looked up, which costs well under a
millisecond whatever the size; only a JPEG that was cut or has something appended is searched, at
about 1 ms per MB. Damage in the middle goes unseen here; ingest decodes every pixel. Hostile files
cost bounded work and raise nothing.
"""

from collections.abc import Callable

from jobfs.domain.formats import bmff, gif, jpeg, png, raf, tiff, webp
from jobfs.domain.formats.finding import Finding, Structure, not_an_image, truncated
from jobfs.domain.formats.window import ReadAt

__all__ = ["Finding", "ReadAt", "Structure", "inspect"]

_Inspector = Callable[[ReadAt, int], Finding]

_LONGEST_SIGNATURE = 16  # bytes
_FEWEST_TELLING = 2  # bytes; one byte is too little to call a file the beginning of an image

#: What files begin with, and who knows the rest. WebP and boxes have a length before their names.
_SIGNATURES: tuple[tuple[bytes, str, _Inspector], ...] = (
    (b"\xff\xd8\xff", "JPEG", jpeg.inspect),
    (png.SIGNATURE, "PNG", png.inspect),
    *((signature, "GIF", gif.inspect) for signature in gif.SIGNATURES),
    *((signature, "TIFF", tiff.inspect) for signature in tiff.SIGNATURES),
    (raf.SIGNATURE, "RAF", raf.inspect),
)


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether a file of *size* bytes, read by *read*, is an image that has its end.

    *read* may return less than it is asked for, as a file that is being truncated does.
    """
    if size <= 0:
        return Finding(Structure.EMPTY, None, "the file is empty")
    head = read(0, min(size, _LONGEST_SIGNATURE))
    inspector = _inspector(head)
    if inspector is not None:
        return inspector(read, size)
    for signature, format_name, _ in _SIGNATURES:
        if len(head) >= _FEWEST_TELLING and signature.startswith(head):
            return truncated(format_name, size, "ends before the picture begins")
    return not_an_image()


def _inspector(head: bytes) -> _Inspector | None:
    for signature, _, inspector in _SIGNATURES:
        if head.startswith(signature):
            return inspector
    if webp.is_webp(head):
        return webp.inspect
    return bmff.inspect if bmff.is_boxes(head) else None
