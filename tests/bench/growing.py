"""Curves: what operations cost as something grows, over what they cost while it was small.

Every size is measured in every round, one after the other; each is compared with the smallest one of its
own round. A first round warms up and does not count. A curve has no goal: it is to be
looked at.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from tests.bench.comparing import Options

#: What each line of a curve came to at each size, in milliseconds.
Round = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Something whose cost is measured at several sizes.

    axis         what grows
    what         the lines, and what an operation of each is
    sizes        that are measured, the smallest first; *quick_sizes* in a quick run
    rounds       gives one round after the other, for ever; what it opens it closes
    """

    name: str
    axis: str
    what: str
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    rounds: Callable[[Options, Sequence[int]], Iterator[Round]]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One operation; every list has an entry for each size.

    costs    milliseconds of one operation, in the order of the rounds
    ratios   the median of what the rounds say, over the smallest size; *lowest* and *highest* its ends
    """

    name: str
    costs: list[list[float]]
    ratios: list[float]
    lowest: list[float]
    highest: list[float]


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A curve as it was measured."""

    curve: str
    axis: str
    sizes: list[int]
    lines: list[Line]


def measure(curve: Curve, options: Options) -> Growth:
    """Measure a curve; raises MissingPeerError."""
    sizes = curve.quick_sizes if options.quick else curve.sizes
    rounds = curve.rounds(options, sizes)
    try:
        next(rounds)
        found = [next(rounds) for _ in range(max(2, options.pairs))]
    finally:
        if isinstance(rounds, Generator):
            rounds.close()
    lines = [line(name, [one[name] for one in found], sizes) for name in found[0]]
    return Growth(curve=curve.name, axis=curve.axis, sizes=list(sizes), lines=lines)


def line(name: str, rounds: Sequence[Mapping[int, float]], sizes: Sequence[int]) -> Line:
    """Return what the rounds say about one operation."""
    ratios = [[one[size] / one[sizes[0]] for one in rounds] for size in sizes]
    return Line(
        name=name,
        costs=[[round(one[size], 5) for one in rounds] for size in sizes],
        ratios=[round(median(found), 3) for found in ratios],
        lowest=[round(min(found), 3) for found in ratios],
        highest=[round(max(found), 3) for found in ratios],
    )
