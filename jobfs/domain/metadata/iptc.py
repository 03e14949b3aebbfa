"""What agencies' programs write: IPTC's information interchange model (IIM).

Source: IPTC-NAA, Information Interchange Model 4.2, records 1 and 2.
"""

from collections.abc import Mapping

from jobfs.domain.metadata import texts, times
from jobfs.domain.metadata.bounds import bounded
from jobfs.domain.metadata.values import Facts, Json, Source
from jobfs.domain.refusals import UnreadableMetadataError

#: Most bytes of those fields that programs cut to fit, by record and number.
TITLE, KEYWORD, CREATOR, COPYRIGHT, CAPTION = (2, 5), (2, 25), (2, 80), (2, 116), (2, 120)
LONGEST = {TITLE: 64, KEYWORD: 64, CREATOR: 32, COPYRIGHT: 128, CAPTION: 2000}

_MARKER = 0x1C
_HEADER = 5  # bytes: marker, record, number, length
_LONG = 0x8000  # in a length: so many bytes follow that hold the length
_MOST_LENGTH_BYTES = 4
_MOST_FIELDS = 2_000
_CHARACTER_SET = (1, 90)
#: Escape sequences of Latin-1, as ISO 2022 has it and as programs write it.
_LATIN_1 = frozenset({b"\x1b.A", b"\x1b-A", b"\x1b,A"})
_HEADLINE = (2, 105)
_CREATED, _DIGITISED = ((2, 55), (2, 60)), ((2, 62), (2, 63))  # date, time
_BINARY = frozenset({(2, 200), (2, 201), (2, 202)})  # a preview
_TEXTS = 2  # the record of texts for people

_NAMES = {
    (1, 90): "CodedCharacterSet", TITLE: "ObjectName", (2, 7): "EditStatus", (2, 10): "Urgency",
    (2, 12): "SubjectReference", (2, 15): "Category", (2, 20): "SupplementalCategories",
    (2, 22): "FixtureIdentifier", KEYWORD: "Keywords", (2, 40): "SpecialInstructions",
    (2, 55): "DateCreated", (2, 60): "TimeCreated", (2, 62): "DigitalCreationDate",
    (2, 63): "DigitalCreationTime", (2, 65): "OriginatingProgram", (2, 70): "ProgramVersion",
    CREATOR: "By-line", (2, 85): "By-lineTitle", (2, 90): "City", (2, 92): "Sub-location",
    (2, 95): "Province-State", (2, 100): "Country-PrimaryLocationCode",
    (2, 101): "Country-PrimaryLocationName", (2, 103): "OriginalTransmissionReference",
    _HEADLINE: "Headline", (2, 110): "Credit", (2, 115): "Source", COPYRIGHT: "CopyrightNotice",
    (2, 118): "Contact", CAPTION: "Caption-Abstract", (2, 122): "Writer-Editor",
}  # fmt: skip

Fields = Mapping[tuple[int, int], list[bytes]]


def read(block: bytes) -> Source:
    """Return what a block of IIM says.

    Raises UnreadableMetadataError if it does not begin as one. What is cut within it is not there.
    """
    if block[:1] != bytes([_MARKER]):
        raise UnreadableMetadataError("the block of IPTC does not begin as one")
    fields = _fields(block)
    return Source(said=_said(fields), hinted=_hinted(fields), everything=bounded(_whole(fields)))


def _fields(block: bytes) -> Fields:
    found: dict[tuple[int, int], list[bytes]] = {}
    position = 0
    for _ in range(_MOST_FIELDS):
        header = block[position : position + _HEADER]
        if len(header) < _HEADER or header[0] != _MARKER:
            break
        start, length = _extent(block, position + _HEADER, int.from_bytes(header[3:], "big"))
        content = block[start : start + length]
        if len(content) < length:
            break
        found.setdefault((header[1], header[2]), []).append(content)
        position = start + length
    return found


def _extent(block: bytes, start: int, length: int) -> tuple[int, int]:
    """Return where a field's content begins, and its length; beyond the block if that is absurd."""
    if not length & _LONG:
        return start, length
    width = length - _LONG
    raw = block[start : start + width]
    if width > _MOST_LENGTH_BYTES or len(raw) < width:
        return start, len(block) + 1
    return start + width, int.from_bytes(raw, "big")


def _said(fields: Fields) -> Facts:
    return Facts(
        taken=times.iptc_moment(*(_text(fields, key) for key in _CREATED)),
        title=texts.line(_text(fields, TITLE)),
        caption=texts.caption(_text(fields, CAPTION)),
        keywords=texts.names(_texts(fields, KEYWORD)),
        creators=texts.names(_texts(fields, CREATOR)),
        copyright=texts.line(_text(fields, COPYRIGHT)),
    )


def _hinted(fields: Fields) -> Facts:
    return Facts(
        taken=times.iptc_moment(*(_text(fields, key) for key in _DIGITISED)),
        title=texts.line(_text(fields, _HEADLINE)),
    )


def _texts(fields: Fields, key: tuple[int, int]) -> list[str]:
    """Return a field's texts.

    The block may name its character set, as one of ISO 2022's escape sequences. In practice that is
    UTF-8's, or none, or untrue: so UTF-8 is tried whatever it says, unless it names another.
    """
    named = fields.get(_CHARACTER_SET, [b""])[0]
    decode = texts.latin if named[:3] in _LATIN_1 else texts.decoded
    return [decode(raw) for raw in fields.get(key, [])]


def _text(fields: Fields, key: tuple[int, int]) -> str | None:
    return next(iter(_texts(fields, key)), None)


def _whole(fields: Fields) -> dict[str, Json]:
    return {
        _NAMES.get(key, f"{key[0]}:{key[1]:02}"): _json(fields, key)
        for key in fields
        if key not in _BINARY
    }


def _json(fields: Fields, key: tuple[int, int]) -> Json:
    if key[0] != _TEXTS or (key not in _NAMES and b"\0" in fields[key][0]):
        return f"({sum(map(len, fields[key])):,} bytes)"
    values: list[Json] = [*_texts(fields, key)]
    return values[0] if len(values) == 1 and key != KEYWORD else values
