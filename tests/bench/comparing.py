"""Figures: what jobfs needs, over what something else needs for the same in the same run.

Machines are shared and noisy, so nothing is judged by a clock alone: both sides are measured in turns,
after a warm-up, and a figure is the median of the turns' ratios.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for.

    corpus    a folder of real files, as `photos/*.JPG`; None: made ones
    folder    where files are made and studios have their data
    pairs     turns that count
    quick     less of everything, to see that it works
    """

    corpus: Path | None
    folder: Path
    pairs: int
    quick: bool = False


class MissingPeerError(Exception):
    """What a figure compares with is not installed; says what installs it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a turn came to, in the figure's unit; *theirs* is None if nobody is compared with.

    cpu  seconds of CPU that both sides' servers took, ours first, where a figure tells them
    """

    ours: float
    theirs: float | None = None
    cpu: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something to be measured.

    what      measured of jobfs, and *against* what; None: nobody else does it, and jobfs's own amount
              may not exceed the goal
    unit      of both sides: less of it is better
    goal      of the ratio, or of the amount
    is_speed  the ratio is of speeds, theirs over ours, and has to reach the goal; else it is ours over
              theirs, and may not exceed it
    rank      which of the ratios, or amounts, counts, of 100: 50 is the median
    fewest    turns, however few are asked for; of a quick run a fifth of them, and 2 at least
    together  so many that follow each other are one turn: one of milliseconds tells little
    turns     gives one pair after the other, for ever; what it opens it closes
    """

    name: str
    what: str
    against: str | None
    unit: str
    goal: float
    is_speed: bool = False
    rank: int = 50
    fewest: int = 5
    together: int = 1
    turns: Callable[[Options], Iterator[Pair]]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A figure as it was measured; lowest and highest are the ends of its turns.

    ratio   against the others; None of a figure that is compared with nobody
    amount  in *unit*, of such a figure; None of the others
    is_speed  the goal is the least that will do; else it is the most
    ours_cpu, theirs_cpu  seconds of CPU of the servers in each turn; empty where a figure does not tell
    """

    figure: str
    ratio: float | None
    amount: float | None
    goal: float
    is_speed: bool
    reached: bool
    lowest: float
    highest: float
    unit: str
    ours: list[float]
    theirs: list[float]
    ours_cpu: list[float]
    theirs_cpu: list[float]
    against: str | None

    @property
    def judged(self) -> float:
        """The number that the goal is for."""
        number = self.amount if self.ratio is None else self.ratio
        assert number is not None
        return number


def measure(figure: Figure, options: Options) -> Result:
    """Measure a figure; the first turn warms up and does not count. Raises MissingPeerError."""
    pairs = counted(figure.turns(options), figure, options, _together)
    found = [_found(figure, pair) for pair in pairs]
    judged = _ranked(found, figure.rank)
    return Result(
        figure=figure.name, goal=figure.goal, is_speed=figure.is_speed,
        ratio=None if figure.against is None else round(judged, 3),
        amount=round(judged, 3) if figure.against is None else None,
        reached=judged >= figure.goal if figure.is_speed else judged <= figure.goal,
        lowest=round(min(found), 3), highest=round(max(found), 3), unit=figure.unit,
        ours=[round(pair.ours, 4) for pair in pairs],
        theirs=[round(pair.theirs, 4) for pair in pairs if pair.theirs is not None],
        ours_cpu=[round(pair.cpu[0], 2) for pair in pairs if pair.cpu is not None],
        theirs_cpu=[round(pair.cpu[1], 2) for pair in pairs if pair.cpu is not None],
        against=figure.against,
    )  # fmt: skip


def counted(
    turns: Iterator[T], figure: Figure, options: Options, together: Callable[[Sequence[T]], T]
) -> list[T]:
    """Return the turns that count, behind one that warms up; *together* makes one of several."""
    some = [figure.together] * (1 + number_of_turns(figure, options))
    try:
        return [together(list(islice(turns, number))) for number in some][1:]
    finally:
        if isinstance(turns, Generator):
            turns.close()


def number_of_turns(figure: Figure, options: Options) -> int:
    """Return how many turns of a figure count."""
    return max(figure.fewest // 5 if options.quick else figure.fewest, options.pairs, 2)


def _together(some: Sequence[Pair]) -> Pair:
    theirs = [pair.theirs for pair in some if pair.theirs is not None]
    cpu = [pair.cpu for pair in some if pair.cpu is not None]
    return Pair(
        sum(pair.ours for pair in some),
        sum(theirs) if theirs else None,
        (sum(one[0] for one in cpu), sum(one[1] for one in cpu)) if cpu else None,
    )


def _found(figure: Figure, pair: Pair) -> float:
    """Return what a turn says: a ratio, or an amount where there is nobody to compare with."""
    if pair.theirs is None:
        return pair.ours
    return pair.theirs / pair.ours if figure.is_speed else pair.ours / pair.theirs


def _ranked(found: list[float], rank: int) -> float:
    return quantiles(found, n=100, method="inclusive")[rank - 1]
