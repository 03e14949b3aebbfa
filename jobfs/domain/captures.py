"""Whether two files of one name come from the same press of a shutter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capture:
    """What a camera recorded about one exposure; None is what it did not record.

    taken      DateTimeOriginal, in any form as long as it is one form
    subsecond  SubSecTimeOriginal: the digits after the decimal point
    serial     the camera body's number
    """

    taken: str | None
    subsecond: str | None
    serial: str | None
    make: str | None
    model: str | None


def same_capture(a: Capture, b: Capture) -> bool | None:
    """Tell whether *a* and *b* are one exposure, or None if their times do not tell.

    One differing fact makes two exposures. A fact that only one of the two has says nothing:
    editors drop serial numbers and sub-seconds from what is still the same picture.
    """
    if _known_time(a.taken) is None or _known_time(b.taken) is None:
        return None
    return _known_time(a.taken) == _known_time(b.taken) and not any(
        one is not None and other is not None and one != other
        for one, other in zip(_particulars(a), _particulars(b), strict=True)
    )


def _known_time(taken: str | None) -> str | None:
    """Return the time, or None for the blanks and zeros of a camera whose clock was never set."""
    return taken.strip() if taken and taken.strip(" 0:-.T\0") else None


def _particulars(capture: Capture) -> tuple[str | None, ...]:
    """Return what tells exposures of one second apart, in a form that can be compared."""
    names = (capture.serial, capture.make, capture.model)
    return (_fraction(capture.subsecond), *(_known_name(name) for name in names))


def _fraction(subsecond: str | None) -> str | None:
    """Return sub-seconds without trailing zeros: "5" and "50" are both half a second."""
    if subsecond is None or not subsecond.strip(" \0"):
        return None
    return subsecond.strip(" \0").rstrip("0")


def _known_name(name: str | None) -> str | None:
    if name is None or not name.strip(" \0"):
        return None
    return name.strip(" \0").casefold()
