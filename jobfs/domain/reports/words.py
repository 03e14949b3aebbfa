"""How reports put things: times, numbers, names on one line, and lists that stay readable.

Texts end their lines with CR LF, because photographers open them in whatever editor their system has,
and Windows' Notepad took LF for nothing until 2018. The receipt has LF, as `sha256sum` wants it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

#: Lines of a list that is to be read; what is longer is said to be so.
MOST = 20


@dataclass(frozen=True, slots=True)
class Studio:
    """Whom a photographer asks ("": nobody was named), and the zone in which people see times."""

    contact: str
    zone: tzinfo

    @property
    def whom_to_ask(self) -> str:
        """Return "the studio", and how to reach it."""
        return f"the studio ({printable(self.contact)})" if self.contact else "the studio"


def date_and_time(at: datetime, zone: tzinfo) -> str:
    """Return a moment as people see it, with its offset."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")


def time_of_day(at: datetime, zone: tzinfo) -> str:
    """Return the same without the day, for what has just happened."""
    return at.astimezone(zone).strftime("%H:%M:%S")


def number_of(count: int, one: str, several: str = "") -> str:
    """Return "1 file" or "1,204 files"."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def printable(name: str) -> str:
    """Return *name* so that it stays on one line: a name may hold any control character."""
    return "".join(character if character.isprintable() else "?" for character in name)


def shortened(lines: Sequence[str], *, total: int | None = None) -> list[str]:
    """Return the first lines of a list that has *total* of them, and how many are left out."""
    left = (len(lines) if total is None else total) - MOST
    return [*lines[:MOST], *([f"... and {left:,} more"] if left > 0 else [])]


def text(lines: Iterable[str]) -> bytes:
    """Return a text for people."""
    return "".join(f"{line}\r\n" for line in lines).encode()


def lengthened(content: bytes, size: int) -> bytes:
    """Return a text for people with empty lines at its end, so that it is *size* bytes long."""
    missing = size - len(content)
    return content.removesuffix(b"\r\n") + b" " * (missing % 2) + b"\r\n" * (missing // 2 + 1)
