"""Texts of unknown encoding from files of strangers, made fit to be kept, shown and searched."""

import re
import unicodedata

NAME = 100  # characters that are kept of a make, a model, a serial number, a lens, a keyword
LINE = 1_000  # of a title, a copyright notice
CAPTION = 5_000
MOST_NAMES = 500  # keywords or creators that are kept

#: Control characters, lone surrogates, what changes the direction of other text, non-characters.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff]"
)
_BREAKS = re.compile("\r\n?|[\u2028\u2029]")
_SPACES = re.compile(r"\s+")

#: What cameras write where a description belongs, in lower case.
_NO_CAPTIONS = frozenset(
    {
        "olympus digital camera", "sony dsc", "minolta digital camera", "digital camera", "default",
        "konica minolta digital camera", "kodak digital still camera", "exif_jpeg_picture", "samsung",
        "dcim", "dsc", "untitled", "binary comment", "jpeg file", "image description", "screenshot",
    }
)  # fmt: skip


def decoded(raw: bytes) -> str:
    """Return the text that *raw* most likely is: UTF-8, or else Windows-1252, Latin-1's superset.

    Standards say ASCII, and everybody writes what they like; a text of another encoding with letters
    beyond ASCII is practically never UTF-8 by accident. A field of limited length may end in the middle
    of a UTF-8 sequence, which then is left out.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.start:
            return raw[: error.start].decode("utf-8")
    return latin(raw)


def latin(raw: bytes) -> str:
    """Return the text that *raw* is in Windows-1252, or in Latin-1 if it cannot be that."""
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def line(text: str | None, most: int = LINE) -> str | None:
    """Return *text* in NFC on one line of at most *most* characters; None if nothing is left."""
    if text is None:
        return None
    clean = _SPACES.sub(" ", _fit(text[: most * 4])).strip()
    return _normal(clean, most)


def paragraph(text: str | None, most: int = CAPTION) -> str | None:
    r"""Return *text* likewise, with its lines kept, which "\n" ends."""
    if text is None:
        return None
    clean = _fit(_BREAKS.sub("\n", text[: most * 4])).strip()
    return _normal(clean, most)


def caption(text: str | None) -> str | None:
    """Return a paragraph, unless it is what a camera writes where a description belongs."""
    clean = paragraph(text)
    return None if clean is None or clean.casefold() in _NO_CAPTIONS else clean


def names(texts: list[str]) -> tuple[str, ...]:
    """Return the lines of *texts*, each once, in their order."""
    lines = (line(text, NAME) for text in texts[:MOST_NAMES])
    return tuple(dict.fromkeys(text for text in lines if text is not None))


def _fit(text: str) -> str:
    return _UNFIT.sub("", text)


def _normal(text: str, most: int) -> str | None:
    """Cut before normalising: its cost grows with the square of a run of combining characters."""
    return unicodedata.normalize("NFC", text[:most])[:most].strip() or None
