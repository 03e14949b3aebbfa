"""QR and bar codes in a picture, as values. What a code says is for whoever knows what it means."""

from dataclasses import dataclass

#: A place in a picture: how far it is to the right and down, each from 0 to 1 of the whole.
Corner = tuple[float, float]
Corners = tuple[Corner, Corner, Corner, Corner]

#: Codes of one picture that are kept. A sheet of labels has fewer; more than that is no photo of cards.
MOST = 64
#: Characters of a code's text that are kept: what the largest QR code holds (ISO/IEC 18004, version 40).
LONGEST = 7089

_SURROGATES = range(0xD800, 0xE000)
_REPLACED = dict.fromkeys([0, *_SURROGATES], "\N{REPLACEMENT CHARACTER}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that was read.

    format    what kind it is: "QR Code", "Code 128", ...
    text      what it says, as `kept` keeps it; untrusted, as anybody can hold a code into a camera
    position  its corners in the upright picture, from its own top left one clockwise; independent of the
              size that the picture is shown at. A code that runs out of the picture has corners there
    """

    format: str
    text: str
    position: Corners


def kept(text: str) -> str:
    """Return a code's text as it is kept: not too long, and without what no database takes.

    Bytes that are no text were read as Latin-1; NUL and halves of surrogate pairs are replaced.
    """
    return text[:LONGEST].translate(_REPLACED)


def are_one(one: Code, other: Code) -> bool:
    """Whether two readings are of one code: they say the same in the same place.

    The same text elsewhere in the picture is another code: two cards can have one.
    """
    same = one.format == other.format and one.text == other.text
    return same and (_holds(one, _middle(other)) or _holds(other, _middle(one)))


def _middle(code: Code) -> Corner:
    return (
        sum(x for x, _ in code.position) / len(code.position),
        sum(y for _, y in code.position) / len(code.position),
    )


def _holds(code: Code, place: Corner) -> bool:
    """Whether a place is in the upright rectangle around a code; one of a bar code may be a line."""
    return all(
        min(values) - _SLACK <= at <= max(values) + _SLACK
        for values, at in zip(zip(*code.position, strict=True), place, strict=True)
    )


#: How far two readings of one line of a bar code may lie apart, of the whole picture.
_SLACK = 0.02
