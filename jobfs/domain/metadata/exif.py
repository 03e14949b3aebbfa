"""What a camera, and programs after it, wrote into a block of Exif or a TIFF's directories.

Source: CIPA DC-008 (Exif 2.32 and 3.0); the tags from 0x9C9B to 0x9C9F and ratings are Windows's.
"""

import math

from jobfs.domain.metadata import exif_names, texts, times
from jobfs.domain.metadata.bounds import bounded
from jobfs.domain.metadata.tiff import Directory, Numbers, Part, main_directory
from jobfs.domain.metadata.values import Facts, Json, Moment, Place, Source

_EXIF, _GPS = 0x8769, 0x8825  # where the main directory points to the others
_MAKE, _MODEL, _ORIENTATION = 0x010F, 0x0110, 0x0112
_DESCRIPTION, _ARTIST, _COPYRIGHT = 0x010E, 0x013B, 0x8298
_DNG_SERIAL = 0xC62F
_RATING, _RATING_PERCENT = 0x4746, 0x4749
_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_KEYWORDS, _XP_SUBJECT = range(0x9C9B, 0x9CA0)
_ORIGINAL = (0x9003, 0x9291, 0x9011)  # time, sub-seconds, offset: when the shutter opened
_DIGITISED = (0x9004, 0x9292, 0x9012)
_USER_COMMENT, _MAKER_NOTE = 0x9286, 0x927C
_SERIAL, _LENS, _LENS_RANGE = 0xA431, 0xA434, 0xA432
_TITLE, _PHOTOGRAPHER = 0xA436, 0xA437  # since Exif 3.0
_LAST_ORIENTATION = 8
_LAST_STAR = 5
_CODE = 8  # bytes at the beginning of a comment that name its encoding
_MOST_NUMBERS = 16  # of one value; more are tables, of offsets for instance
_LATITUDE, _LONGITUDE = (1, 2, 90.0), (3, 4, 180.0)  # reference, value, most degrees
_ALTITUDE_REFERENCE, _ALTITUDE = 5, 6
_HIGHEST = 100_000.0  # metres
_SEXAGESIMAL = (1.0, 60.0, 3600.0)


def read(source: Part, details_apart: Part | None = None, gps_apart: Part | None = None) -> Source:
    """Return what a block of Exif says, or a TIFF file, which is built like one.

    The directories of Exif and GPS are below the main one; or *apart*, as the first of blocks of their own.
    Raises UnreadableMetadataError if it is neither. What cannot be read within it is not there.
    """
    main = main_directory(source)
    details = main.below(_EXIF) if details_apart is None else main_directory(details_apart)
    gps = main.below(_GPS) if gps_apart is None else main_directory(gps_apart)
    return Source(
        said=_said(main, details, gps),
        hinted=_hinted(main, details),
        everything=bounded(_whole(main, exif_names.MAIN) | _whole(details, exif_names.EXIF)),
        private=bounded(_whole(gps, exif_names.GPS)),
    )


def _said(main: Directory, details: Directory, gps: Directory) -> Facts:
    return Facts(
        taken=_moment(details, *_ORIGINAL),
        make=_line(main, _MAKE, texts.NAME),
        model=_line(main, _MODEL, texts.NAME),
        serial=_line(details, _SERIAL, texts.NAME),
        lens=_line(details, _LENS, texts.NAME),
        orientation=_whole_number(main, _ORIENTATION, 1, _LAST_ORIENTATION),
        title=_line(details, _TITLE, texts.LINE),
        caption=texts.caption(_text(main, _DESCRIPTION)),
        creators=_artists(_text(main, _ARTIST)),
        copyright=texts.line(_copyright(main)),
        place=_place(gps),
    )


def _hinted(main: Directory, details: Directory) -> Facts:
    """Return stand-ins: a lens from its range, what Windows wrote, a comment of any purpose."""
    comment = _windows(main, _XP_COMMENT) or _windows(main, _XP_SUBJECT)
    return Facts(
        taken=_moment(details, *_DIGITISED),
        serial=_line(main, _DNG_SERIAL, texts.NAME),
        lens=_lens_range(details),
        title=texts.line(_windows(main, _XP_TITLE)),
        caption=texts.caption(comment or _user_comment(details)),
        keywords=texts.names((_windows(main, _XP_KEYWORDS) or "").split(";")),
        creators=_artists(_text(details, _PHOTOGRAPHER) or _windows(main, _XP_AUTHOR)),
        rating=_rating(main),
    )


# --- texts ---


def _text(directory: Directory, tag: int) -> str | None:
    value = directory.value(tag)
    return texts.decoded(value.partition(b"\0")[0]) if isinstance(value, bytes) else None


def _line(directory: Directory, tag: int, most: int) -> str | None:
    return texts.line(_text(directory, tag), most)


def _moment(details: Directory, time: int, subsecond: int, offset: int) -> Moment | None:
    return times.moment(_text(details, time), _text(details, subsecond), _text(details, offset))


def _artists(text: str | None) -> tuple[str, ...]:
    """Split at semicolons, as the guidelines of the Metadata Working Group have it.

    They put a name that has one itself between quotation marks.
    """
    found, quoted, name = [], False, ""
    for character in (text or "")[: texts.CAPTION]:
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            found.append(name)
            name = ""
        else:
            name += character
    return texts.names([*found, name])


def _copyright(main: Directory) -> str | None:
    """Return the photographer's notice; behind it and a NUL, some have the editor's."""
    value = main.value(_COPYRIGHT)
    if not isinstance(value, bytes):
        return None
    photographer, _, editor = value.partition(b"\0")
    return texts.decoded(photographer if photographer.strip() else editor.partition(b"\0")[0])


def _windows(main: Directory, tag: int) -> str | None:
    value = main.value(tag)
    if not isinstance(value, bytes):
        return None
    return value.decode("utf-16-le", errors="replace").partition("\0")[0]


def _user_comment(details: Directory) -> str | None:
    value = details.value(_USER_COMMENT)
    if not isinstance(value, bytes):
        return None
    code, comment = value[:_CODE].strip(b"\0 ").upper(), value[_CODE:]
    if code == b"UNICODE":
        return _utf_16(comment, details.order).partition("\0")[0]
    if code == b"JIS":
        return comment.partition(b"\0")[0].decode("iso2022_jp", errors="replace")
    return texts.decoded(comment.partition(b"\0")[0])


def _utf_16(raw: bytes, order: str) -> str:
    """Decode UCS-2 in the block's byte order, which many programs do not heed.

    In most texts more characters are below U+0100 than multiples of it.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    is_big = order == ">"
    if raw[::2].count(0) != raw[1::2].count(0):
        is_big = raw[::2].count(0) > raw[1::2].count(0)
    return raw.decode("utf-16-be" if is_big else "utf-16-le", errors="replace")


# --- numbers ---


def _numbers(directory: Directory, tag: int) -> Numbers:
    value = directory.value(tag)
    return tuple(value)[:_MOST_NUMBERS]


def _whole_number(directory: Directory, tag: int, least: int, most: int) -> int | None:
    match _numbers(directory, tag):
        case (int(number),) if least <= number <= most:
            return number
        case _:
            return None


def _rating(main: Directory) -> int | None:
    stars = _whole_number(main, _RATING, 0, _LAST_STAR)
    percent = _whole_number(main, _RATING_PERCENT, 1, 100)
    return stars_of_percent(percent) if stars is None and percent is not None else stars


def stars_of_percent(percent: int) -> int:
    """Return 1 to 5 for Windows's 1, 25, 50, 75 and 99, and what lies between."""
    return min(_LAST_STAR, 1 + (percent + 12) // 25)


def _lens_range(details: Directory) -> str | None:
    """Return "24-70 mm f/2.8-4" of the shortest and longest focal length, and their f-numbers."""
    match _numbers(details, _LENS_RANGE):
        case (float(shortest), float(longest), wide, tele) if 0 < shortest <= longest:
            reach = _reach(shortest, longest)
            is_known = isinstance(wide, float) and isinstance(tele, float) and 0 < wide <= tele
            return f"{reach} mm f/{_reach(wide, tele)}" if is_known else f"{reach} mm"
        case _:
            return None


def _reach(low: float | None, high: float | None) -> str:
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


# --- where ---


def _place(gps: Directory) -> Place | None:
    latitude, longitude = _degrees(gps, *_LATITUDE), _degrees(gps, *_LONGITUDE)
    return place(latitude, longitude, _altitude(gps))


def place(latitude: float | None, longitude: float | None, altitude: float | None) -> Place | None:
    """Return a place, unless a coordinate is unknown.

    Receivers that know nothing write zeros: that spot of the Atlantic is taken for unknown.
    """
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    return Place(latitude=latitude, longitude=longitude, altitude=altitude)


def _degrees(gps: Directory, reference: int, tag: int, most: float) -> float | None:
    parts = _numbers(gps, tag)[: len(_SEXAGESIMAL)]
    if not parts:
        return None
    degrees = 0.0
    for number, fraction in zip(parts, _SEXAGESIMAL, strict=False):
        if number is None or not 0 <= number < math.inf:
            return None
        degrees += number / fraction
    if degrees > most:
        return None
    return -degrees if (_text(gps, reference) or "").strip().upper() in {"S", "W"} else degrees


def _altitude(gps: Directory) -> float | None:
    match _numbers(gps, _ALTITUDE):
        case (float(metres), *_) if metres <= _HIGHEST:
            return -metres if gps.raw(_ALTITUDE_REFERENCE) == b"\1" else metres
        case _:
            return None


# --- the whole ---


def _whole(directory: Directory, names: dict[int, str]) -> dict[str, Json]:
    return {
        names.get(tag, f"0x{tag:04X}"): _json(directory, tag)
        for tag in directory
        if tag not in exif_names.LEFT_OUT
    }


def _json(directory: Directory, tag: int) -> Json:
    value = directory.value(tag)
    size = directory.size(tag)
    if tag == _USER_COMMENT:
        return _user_comment(directory)
    if _XP_TITLE <= tag <= _XP_SUBJECT:
        return _windows(directory, tag)
    if tag == _MAKER_NOTE or (len(value) > _MOST_NUMBERS and not isinstance(value, bytes)):
        return f"({size:,} bytes)"
    if isinstance(value, bytes):
        return _json_text(value, size)
    numbers: list[Json] = [*value]
    return numbers[0] if len(numbers) == 1 else numbers


def _json_text(value: bytes, size: int) -> Json:
    text = texts.decoded(value.rstrip(b"\0"))
    return text if "".join(text.split()).isprintable() else f"({size:,} bytes)"
