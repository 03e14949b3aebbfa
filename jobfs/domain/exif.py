"""What a camera wrote into a picture about the shot, made fit to be kept.

The numbers are tags of the Exif standard (CIPA DC-008), by the directory they stand in. Values come
as whatever a reader made of the bytes, and files lie: what has another form than the standard's is
taken as not there, and never raises.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobfs.domain.captures import Capture

Tags = Mapping[int, object]

_MAKE, _MODEL, _ORIENTATION = 0x010F, 0x0110, 0x0112  # in the main directory
_SERIAL, _COLOUR_SPACE = 0xA431, 0xA001  # in the Exif directory, like the times
#: Time, its sub-seconds, its offset from UTC: when the shutter opened, else when it was digitised.
_TIMES = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))
_INTEROPERABILITY = 1  # in the interoperability directory
_UNCALIBRATED = 0xFFFF
_UPRIGHT, _LAST_ORIENTATION = 1, 8
_LONGEST = 100  # characters of a name that are kept
_DATE = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d", re.ASCII)
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One exposure as its camera recorded it; None is what it did not record.

    taken      wall-clock time, "YYYY-MM-DDTHH:MM:SS"
    subsecond  the digits after the decimal point
    offset     of the wall clock from UTC, "+HH:MM"
    """

    taken: str | None = None
    subsecond: str | None = None
    offset: str | None = None
    make: str | None = None
    model: str | None = None
    serial: str | None = None

    @property
    def capture(self) -> Capture:
        """What tells this exposure from another."""
        return Capture(self.taken, self.subsecond, self.serial, self.make, self.model)

    @property
    def captured(self) -> str | None:
        """The time in ISO 8601, as exact as it is known, and with an offset only if that is known."""
        if self.taken is None:
            return None
        fraction = f".{self.subsecond}" if self.subsecond else ""
        return f"{self.taken}{fraction}{self.offset or ''}"


def shot(main: Tags, exif: Tags) -> Shot:
    """Return what the main directory and the Exif directory say of the exposure."""
    taken, subsecond, offset = _time(exif)
    return Shot(
        taken=taken, subsecond=subsecond, offset=offset,
        make=_text(main.get(_MAKE)), model=_text(main.get(_MODEL)),
        serial=_text(exif.get(_SERIAL)),
    )  # fmt: skip


def orientation(main: Tags) -> int:
    """Return how the picture lies, 1 to 8 as in the standard; 1 if that is not told."""
    value = main.get(_ORIENTATION)
    if isinstance(value, int) and _UPRIGHT <= value <= _LAST_ORIENTATION:
        return value
    return _UPRIGHT


def is_adobe_rgb(exif: Tags, interoperability: Tags) -> bool:
    """Whether a picture without a profile is in Adobe RGB.

    The standard has no number for that colour space: cameras write "uncalibrated" and the
    interoperability index R03. Source: DCF 2.0 (CIPA DC-009), optional colour space.
    """
    index = _text(interoperability.get(_INTEROPERABILITY))
    return exif.get(_COLOUR_SPACE) == _UNCALIBRATED and index == "R03"


def _time(exif: Tags) -> tuple[str | None, str | None, str | None]:
    for time, subsecond, offset in _TIMES:
        taken = _date_and_time(_text(exif.get(time)))
        if taken is not None:
            return taken, _matching(_DIGITS, exif.get(subsecond)), _offset(exif.get(offset))
    return None, None, None


def _date_and_time(text: str | None) -> str | None:
    """Return a time in ISO form; None for the blanks and zeros of a clock that was never set."""
    match = _DATE.match(text or "")
    if match is None:
        return None
    try:
        return datetime(*map(int, match.groups())).isoformat()  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None


def _offset(value: object) -> str | None:
    return "+00:00" if _text(value) == "Z" else _matching(_OFFSET, value)


def _matching(form: re.Pattern[str], value: object) -> str | None:
    text = _text(value)
    return text if text is not None and form.fullmatch(text) else None


def _text(value: object) -> str | None:
    """Return a text up to its NUL, printable characters only; databases refuse some of the others."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        return None
    printable = "".join(filter(str.isprintable, value.partition("\0")[0]))
    return printable.strip()[:_LONGEST] or None
