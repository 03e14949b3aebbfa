"""Which file a sidecar speaks of, by their names."""

from jobfs.domain.names import folded, stem_key

FORMAT = "XMP"  # of an upload that is one
_ENDING = ".xmp"
#: How cameras and converters end the names of the two originals that one photo may have.
_JPEGS = frozenset({"jpg", "jpeg"})
_RAWS = frozenset({"cr2", "cr3", "nef", "arw", "dng", "raf", "orf", "rw2"})


def is_xmp(name: str) -> bool:
    """Tell whether a file of this name is a sidecar of XMP."""
    return name.lower().endswith(_ENDING) and len(name) > len(_ENDING)


def precedence(sidecar: str, photo: str) -> int | None:
    """Return 0 for `x.jpg.xmp` beside `x.jpg`, 1 for `x.xmp`, 2 for `x.cr2.xmp`.

    None if it speaks of another file. Both stand in one directory. Case does not matter: cameras write
    `X.JPG`, converters `X.xmp`. An `x.xmp` speaks of every photo of that base name: of the raw file and
    of the JPEG beside it. What is said of one of these two is, at last, said of the other.
    """
    if not is_xmp(sidecar):
        return None
    named, name = folded(sidecar[: -len(_ENDING)]), folded(photo)
    base, dot, ending = name.rpartition(".")
    if named == name:
        return 0
    if dot and named == base:
        return 1
    return 2 if dot and named in _others(base, ending) else None


def stems(photo: str) -> list[str]:
    """Return the `names.stem_key` of every sidecar that may speak of a photo."""
    name = folded(photo)
    base, dot, ending = name.rpartition(".")
    return [name, base, *_others(base, ending)] if dot else [name]


def stems_of_photos(sidecar: str) -> list[str]:
    """Return the `names.stem_key` of every photo that a sidecar may speak of."""
    stem = stem_key(sidecar)
    return [stem, stem_key(stem)]


def _others(base: str, ending: str) -> list[str]:
    """Return the names that the other original of one photo may have."""
    endings = _RAWS if ending in _JPEGS else _JPEGS if ending in _RAWS else ()
    return [f"{base}.{other}" for other in sorted(endings)]
