"""Figures: what jobfs needs, over what something else needs for the same in the same run.

Machines are shared and noisy, so nothing is judged by a clock alone: both sides are measured in turns,
after a warm-up, and a figure is the median of the turns' ratios.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for.

    corpus    a folder of real files, as `photos/*.JPG`; None: made ones
    folder    where files are made and studios have their data
    pairs     turns that count
    """

    corpus: Path | None
    folder: Path
    pairs: int


@dataclass(frozen=True, slots=True)
class Pair:
    """What a turn came to, in the figure's unit."""

    ours: float
    theirs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something to be measured.

    what      measured of jobfs, and *against* what
    unit      of both sides: less of it is better
    goal      of the ratio
    is_speed  the ratio is of speeds, theirs over ours, and has to reach the goal; else it is ours over
              theirs, and may not exceed it
    rank      which of the ratios counts, of 100: 50 is the median
    fewest    turns, however few are asked for
    turns     gives one pair after the other, for ever; what it opens it closes
    """

    name: str
    what: str
    against: str
    unit: str
    goal: float
    is_speed: bool
    rank: int = 50
    fewest: int = 5
    turns: Callable[[Options], Iterator[Pair]]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A figure as it was measured; lowest and highest are the ratios' ends."""

    figure: str
    ratio: float
    goal: float
    reached: bool
    lowest: float
    highest: float
    unit: str
    ours: list[float]
    theirs: list[float]
    against: str


def measure(figure: Figure, options: Options) -> Result:
    """Measure a figure; the first turn warms up and does not count."""
    turns = figure.turns(options)
    try:
        next(turns)
        pairs = [next(turns) for _ in range(max(figure.fewest, options.pairs))]
    finally:
        if isinstance(turns, Generator):
            turns.close()
    ratios = [_ratio(figure, pair) for pair in pairs]
    ratio = _ranked(ratios, figure.rank)
    return Result(
        figure=figure.name, ratio=round(ratio, 3), goal=figure.goal,
        reached=ratio >= figure.goal if figure.is_speed else ratio <= figure.goal,
        lowest=round(min(ratios), 3), highest=round(max(ratios), 3), unit=figure.unit,
        ours=[round(pair.ours, 4) for pair in pairs],
        theirs=[round(pair.theirs, 4) for pair in pairs], against=figure.against,
    )  # fmt: skip


def _ratio(figure: Figure, pair: Pair) -> float:
    return pair.theirs / pair.ours if figure.is_speed else pair.ours / pair.theirs


def _ranked(ratios: list[float], rank: int) -> float:
    return quantiles(ratios, n=100, method="inclusive")[rank - 1]
