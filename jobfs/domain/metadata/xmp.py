"""What a packet of XMP says, in a file or as a sidecar.

Source: ISO 16684-1 and 16684-2; CIPA DC-010 (Exif metadata for XMP); IPTC Photo Metadata Standard.
"""

import re
from collections.abc import Mapping

from jobfs.domain.metadata import rdf, texts, times
from jobfs.domain.metadata.bounds import bounded
from jobfs.domain.metadata.exif import place, stars_of_percent
from jobfs.domain.metadata.values import Facts, Json, Moment, Place, Source

_ORIGINAL = ("photoshop:DateCreated", "exif:DateTimeOriginal")
_DIGITISED = ("exif:DateTimeDigitized", "xmp:CreateDate")
_ORIENTATION = re.compile(r"[1-8]", re.ASCII)
_RATING = re.compile(r"(-1|[0-5])(?:\.0*)?", re.ASCII)
_PERCENT = re.compile(r"[1-9]\d?|100", re.ASCII)
_NUMBER = r"\d{1,9}(?:\.\d{1,20})?"
#: Degrees and minutes, or degrees, minutes and seconds, with a letter; or degrees with a sign.
_COORDINATE = re.compile(rf"({_NUMBER}),({_NUMBER})(?:,({_NUMBER}))?([NSEW])", re.ASCII)
_SIGNED = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_FRACTION = re.compile(rf"(-?{_NUMBER})(?:/(\d{{1,9}}))?", re.ASCII)
#: Names of what a receiver wrote, in the standards and elsewhere; drones misspell one.
_WHERE = re.compile(r"gps.*|.*(latitude|longt?itude).*|lat|lon|long|alt", re.IGNORECASE)
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_LONGEST_NAME = 100  # characters that are looked at
_DEEPEST = 40  # of lists and structures; the reader of the packet allows no more

Properties = Mapping[str, Json]


def read(packet: bytes) -> Source:
    """Return what a packet, or a sidecar's content, says.

    Raises UnreadableMetadataError if it is no XMP, or hostile.
    """
    found = rdf.properties(packet)
    private: dict[str, Json] = {}
    everything = _without_places(found, private, "", _DEEPEST)
    return Source(
        said=_said(found),
        hinted=_hinted(found),
        everything=bounded(everything),
        private=bounded(private),
    )


def _said(found: Properties) -> Facts:
    return Facts(
        taken=_first_moment(found, _ORIGINAL),
        make=_line(found, "tiff:Make", most=texts.NAME),
        model=_line(found, "tiff:Model", most=texts.NAME),
        serial=_line(found, "exifEX:BodySerialNumber", "aux:SerialNumber", most=texts.NAME),
        lens=_line(found, "exifEX:LensModel", "aux:Lens", most=texts.NAME),
        orientation=_orientation(found),
        title=_line(found, "dc:title"),
        caption=texts.caption(rdf.default_text(found.get("dc:description"))),
        keywords=texts.names(rdf.all_texts(found.get("dc:subject"))),
        creators=texts.names(rdf.all_texts(found.get("dc:creator"))),
        copyright=_line(found, "dc:rights"),
        rating=_rating(found),
        place=_place(found),
    )


def _hinted(found: Properties) -> Facts:
    return Facts(
        taken=_first_moment(found, _DIGITISED),
        title=_line(found, "photoshop:Headline"),
        caption=texts.caption(rdf.default_text(found.get("exif:UserComment"))),
        rating=_percent(found),
    )


def _line(found: Properties, *names: str, most: int = texts.LINE) -> str | None:
    lines = (texts.line(rdf.default_text(found.get(name)), most) for name in names)
    return next((line for line in lines if line is not None), None)


def _first_moment(found: Properties, names: tuple[str, ...]) -> Moment | None:
    moments = (times.moment(rdf.default_text(found.get(name))) for name in names)
    return next((moment for moment in moments if moment is not None), None)


# --- numbers ---


def _matching(form: re.Pattern[str], found: Properties, name: str) -> re.Match[str] | None:
    return form.fullmatch((rdf.default_text(found.get(name)) or "").strip())


def _orientation(found: Properties) -> int | None:
    match = _matching(_ORIENTATION, found, "tiff:Orientation")
    return None if match is None else int(match[0])


def _rating(found: Properties) -> int | None:
    match = _matching(_RATING, found, "xmp:Rating")
    return None if match is None else int(match[1])


def _percent(found: Properties) -> int | None:
    match = _matching(_PERCENT, found, "MicrosoftPhoto:Rating")
    return None if match is None else stars_of_percent(int(match[0]))


# --- where ---


def _place(found: Properties) -> Place | None:
    latitude = _degrees(found, "exif:GPSLatitude", _MOST_LATITUDE)
    longitude = _degrees(found, "exif:GPSLongitude", _MOST_LONGITUDE)
    return place(latitude, longitude, _altitude(found))


def _degrees(found: Properties, name: str, most: float) -> float | None:
    signed = _matching(_SIGNED, found, name)
    match = _matching(_COORDINATE, found, name)
    if signed is not None:
        degrees = float(signed[0])
    elif match is not None:
        degrees = float(match[1]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
        degrees = -degrees if match[4] in "SW" else degrees
    else:
        return None
    return degrees if abs(degrees) <= most else None


def _altitude(found: Properties) -> float | None:
    match = _matching(_FRACTION, found, "exif:GPSAltitude")
    if match is None or not float(match[2] or 1):
        return None
    metres = float(match[1]) / float(match[2] or 1)
    is_below = rdf.default_text(found.get("exif:GPSAltitudeRef")) == "1"
    return -abs(metres) if is_below else metres


def _without_places(
    found: Properties, private: dict[str, Json], path: str, depth: int
) -> dict[str, Json]:
    """Return *found* without what a receiver wrote, at any depth; that goes to *private*, by its path."""
    kept: dict[str, Json] = {}
    for name, value in found.items():
        if _WHERE.fullmatch(name.rpartition(":")[2][:_LONGEST_NAME]):
            private[f"{path}{name}"] = value
        else:
            kept[name] = _kept(value, private, f"{path}{name}/", depth - 1)
    return kept


def _kept(value: Json, private: dict[str, Json], path: str, depth: int) -> Json:
    if depth and isinstance(value, dict):
        return dict(_without_places(value, private, path, depth))
    if depth and isinstance(value, list):
        numbered = enumerate(value)
        return [_kept(item, private, f"{path}{number}/", depth - 1) for number, item in numbered]
    return None if isinstance(value, dict | list) else value
