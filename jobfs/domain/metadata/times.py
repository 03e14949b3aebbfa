"""Times as Exif, IPTC and XMP write them. What is no time of day is taken as not there."""

import re
from datetime import datetime

from jobfs.domain.metadata.values import Moment

#: Exif's "YYYY:MM:DD HH:MM:SS", and ISO 8601 as XMP has it; some programs mix the two. XMP may leave
#: out the seconds.
_TIME = re.compile(
    r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    r" ?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):?([0-5]\d)", re.ASCII)
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_IPTC_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_IPTC_TIME = re.compile(r"(\d\d):?(\d\d):?(\d\d)([+-]\d\d:?\d\d)?", re.ASCII)


def moment(
    text: str | None, subsecond: str | None = None, offset: str | None = None
) -> Moment | None:
    """Return the time that *text* is; *subsecond* and *offset*, if Exif has them in tags of their own.

    None for another form, and for the blanks and zeros of a clock that was never set.
    """
    match = _TIME.match((text or "").strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, digits, own_offset = match.groups()
    try:
        at = datetime(  # noqa: DTZ001 - the clock on the wall
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0)
        )
    except ValueError:
        return None
    return Moment(
        time=at.isoformat(),
        subsecond=digits or _matching_digits(subsecond),
        offset=_offset(own_offset or offset),
    )


def iptc_moment(date: str | None, time: str | None) -> Moment | None:
    """Return the time of IPTC's CCYYMMDD and HHMMSS±HHMM, which stand in two fields."""
    day = _IPTC_DATE.fullmatch((date or "").strip())
    clock = _IPTC_TIME.fullmatch((time or "").strip())
    if day is None or clock is None:
        return None
    hour, minute, second, offset = clock.groups()
    return moment(f"{'-'.join(day.groups())}T{hour}:{minute}:{second}", offset=offset)


def _matching_digits(text: str | None) -> str | None:
    text = (text or "").strip()
    return text if _DIGITS.fullmatch(text) else None


def _offset(text: str | None) -> str | None:
    text = (text or "").strip()
    if text == "Z":
        return "+00:00"
    match = _OFFSET.fullmatch(text)
    return None if match is None else f"{match[1]}{match[2]}:{match[3]}"
