"""How many bytes an account may have in its jobs: sizes as people write them, and when to warn."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from jobfs.domain.refusals import BadSizeError

#: Percent of a quota at which its account's use is announced.
WARNINGS = (80, 95)
#: Percentage points below a warning from which it is announced anew. Overwriting a file frees its size
#: until the new one has arrived; that must not announce the same warning again and again.
_REPEATED_BELOW = 5

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DECIMAL, _BINARY = 1000, 1024
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)(b|bytes)?", re.IGNORECASE | re.ASCII)
_LARGEST = 2**63 - 1  # what a column holds


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account's files add up to, in bytes, and its quota; None: as much as the store holds."""

    used: int
    quota: int | None

    @property
    def left(self) -> int | None:
        """Bytes that may still come; None without a quota."""
        return None if self.quota is None else max(0, self.quota - self.used)

    def has_room_for(self, more: int) -> bool:
        """Whether *more* bytes may come. What needs none is always welcome, however full it is."""
        return self.quota is None or more <= 0 or self.used + more <= self.quota


def parse_size(text: str) -> int:
    """Return the bytes that "500MB", "2 GiB" or "1.5TB" say: kB, MB, ... are decimal, KiB, MiB, ... not.

    Raises BadSizeError.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise BadSizeError(f"{text!r} is no size: say it like 500MB, 2GiB or 1.5TB")
    size = int(Decimal(match[1]) * (_BINARY if match[3] else _DECIMAL) ** _POWERS[match[2].lower()])
    if size > _LARGEST:
        raise BadSizeError(f"{text!r} is more than jobfs can count: 9 million TB")
    return size


def size_in_words(size: int) -> str:
    """Return a number of bytes as people say it: "1.5 GB"."""
    amount, unit = Decimal(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < _DECIMAL:
            break
        amount, unit = amount / _DECIMAL, larger
    return f"{amount:.1f} {unit}".replace(".0 ", " ")


class Nearness(NamedTuple):
    """How near an account is to its quota: *percent* is one of WARNINGS, or 0. Is that news?"""

    percent: int
    is_news: bool


def nearness(quota: int, *, before: int, after: int, announced: int) -> Nearness:
    """Return where use stands that has gone from *before* to *after* bytes.

    *announced* is what was announced last. It stands until use was well below it.
    """
    still = _highest(lambda percent: before * 100 > (percent - _REPEATED_BELOW) * quota, announced)
    reached = _highest(lambda percent: after * 100 >= percent * quota)
    return Nearness(max(still, reached), reached > still)


def _highest(holds: Callable[[int], bool], limit: int = 100) -> int:
    return max((percent for percent in WARNINGS if percent <= limit and holds(percent)), default=0)
