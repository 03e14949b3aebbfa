"""What the ending of a file's name says about its content, which may be something else."""

_FORMATS = {
    "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "mpo": "JPEG", "png": "PNG", "tif": "TIFF",
    "tiff": "TIFF", "webp": "WebP", "gif": "GIF", "heic": "HEIC", "heif": "HEIC", "hif": "HEIC",
    "avif": "AVIF", "arw": "ARW", "cr2": "CR2", "cr3": "CR3", "dng": "DNG", "nef": "NEF",
    "orf": "ORF", "pef": "PEF", "raf": "RAF", "rw2": "RW2",
}  # fmt: skip


def is_belied(name: str, format_name: str) -> bool:
    """Tell whether a name's ending is that of another format; one that is of none belies nothing.

    *format_name* is as in `formats`: "JPEG", "HEIC", "CR2", ...
    """
    said = _FORMATS.get(name.rpartition(".")[2].lower())
    return said is not None and said != format_name
