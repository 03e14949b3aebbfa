"""The whole of a file's metadata, cut to what a row may hold."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobfs.domain.metadata import texts
from jobfs.domain.metadata.values import Json

MOST = 32_768  # characters of JSON for one block or one sidecar
_LONGEST_TEXT = 2_000  # characters of one text
_LONGEST_KEY = 200
_DEEPEST = 12
_PUNCTUATION = 4  # characters between two values: comma, colon, spaces
_MARK = "incomplete"  # the key that says that something was left out


def bounded(whole: Mapping[str, Json]) -> dict[str, Json]:
    """Return as much of *whole*, from its start, as fits into MOST characters of JSON.

    Whatever is left out, the result says so with "incomplete": true. Values are fit for every database: no
    NUL, no lone surrogate, no NaN.
    """
    budget = _Budget(left=MOST - len(_MARK) - 2 * _PUNCTUATION - len("true"))
    copy = _mapping(whole, budget, _DEEPEST)
    return copy | {_MARK: True} if budget.is_cut else copy


@dataclass(slots=True)
class _Budget:
    left: int
    is_cut: bool = False

    def allows(self, characters: int) -> bool:
        """Spend *characters*, if they are left; after the first refusal none are."""
        if characters > self.left:
            self.left = 0
            self.is_cut = True
            return False
        self.left -= characters
        return True


def _copy(value: Json, budget: _Budget, depth: int) -> Json:
    match value:
        case str():
            budget.is_cut |= len(value) > _LONGEST_TEXT
            value = texts.paragraph(value, _LONGEST_TEXT) or ""
        case float() if not math.isfinite(value):
            value = None
        case dict():
            return _mapping(value, budget, depth)
        case list():
            return _list(value, budget, depth)
        case _:
            pass
    return value if budget.allows(_length(value)) else None


def _mapping(whole: Mapping[str, Json], budget: _Budget, depth: int) -> dict[str, Json]:
    copy: dict[str, Json] = {}
    if not _enters(budget, depth):
        return copy
    for key, value in whole.items():
        name = texts.line(key, _LONGEST_KEY) or ""
        if name == _MARK:
            continue
        if not budget.allows(_length(name) + _PUNCTUATION):
            break
        copy[name] = _copy(value, budget, depth - 1)
    return copy


def _list(values: Iterable[Json], budget: _Budget, depth: int) -> list[Json]:
    copy: list[Json] = []
    if not _enters(budget, depth):
        return copy
    for value in values:
        if not budget.allows(_PUNCTUATION):
            break
        copy.append(_copy(value, budget, depth - 1))
    return copy


def _enters(budget: _Budget, depth: int) -> bool:
    """Spend what brackets take; nothing below the deepest level is kept."""
    budget.is_cut |= depth == 0
    return budget.allows(_PUNCTUATION) and depth > 0


def _length(value: Json) -> int:
    return len(json.dumps(value))
