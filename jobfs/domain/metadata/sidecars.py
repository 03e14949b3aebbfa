"""Which file a sidecar speaks of, by their names."""

import unicodedata

_ENDING = ".xmp"


def is_xmp(name: str) -> bool:
    """Tell whether a file of this name is a sidecar of XMP."""
    return name.lower().endswith(_ENDING) and len(name) > len(_ENDING)


def precedence(sidecar: str, photo: str) -> int | None:
    """Return 0 for `x.jpg.xmp` beside `x.jpg`, 1 for `x.xmp`; None if it speaks of another file.

    Both stand in one directory. Case does not matter: cameras write `X.JPG`, converters `X.xmp`. An
    `x.xmp` speaks of every photo of that base name: of the raw file and of the JPEG beside it.
    """
    if not is_xmp(sidecar):
        return None
    named, name = _compared(sidecar[: -len(_ENDING)]), _compared(photo)
    if named == name:
        return 0
    base, dot, _ = name.rpartition(".")
    return 1 if dot and named == base else None


def _compared(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
