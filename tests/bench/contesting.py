"""Contests: several sides do the same in turns, and the last of them is what the others are compared with.

They share their turns, and so what the machine was like in each: only then do the distances between them
mean something.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import msgspec

from tests.bench.comparing import Figure, MissingPeerError, Options, counted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a side came to, in the figure's unit; *cpu* are seconds of CPU of its servers, if known."""

    amount: float
    cpu: float | None = None


#: What each side came to in a turn.
Turn = Mapping[str, Spent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What a figure measures, of more sides than two; unit and goal are the figure's.

    turns  gives one turn after the other, for ever; what it opens it closes
    """

    name: str
    what: str
    figure: Figure
    turns: Callable[[Options], Iterator[Turn]]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one side did.

    ratio    the median of the turns' ratios against the last side; *lowest* and *highest* their ends
    amounts  of each turn; *cpu* as well, empty where it is not known
    """

    side: str
    ratio: float
    lowest: float
    highest: float
    amounts: list[float]
    cpu: list[float]


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """A contest as it was measured; the last side is the one that others are compared with.

    of                             the figure's name
    goal, is_speed, unit, against  as the figure has them
    """

    contest: str
    of: str
    goal: float
    is_speed: bool
    unit: str
    against: str | None
    sides: list[Standing]


def entered(stack: ExitStack, sides: Mapping[str, AbstractContextManager[T]]) -> dict[str, T]:
    """Enter those sides, by their names, that this machine can have, and say which it cannot."""
    there = {}
    for name, side in sides.items():
        try:
            there[name] = stack.enter_context(side)
        except MissingPeerError as missing:
            sys.stderr.write(f"{name} is left out: {missing}\n")
    return there


def measure(contest: Contest, options: Options) -> Standings:
    """Hold a contest; the first turn warms up and does not count. Raises MissingPeerError."""
    figure = contest.figure
    found = counted(contest.turns(options), figure, options, _together)
    return Standings(
        contest=contest.name, of=figure.name, goal=figure.goal, is_speed=figure.is_speed,
        unit=figure.unit, against=figure.against,
        sides=[_standing(side, found, is_speed=figure.is_speed) for side in found[0]],
    )  # fmt: skip


def _together(some: Sequence[Turn]) -> Turn:
    return {side: _sum([turn[side] for turn in some]) for side in some[0]}


def _sum(spent: Sequence[Spent]) -> Spent:
    cpu = [one.cpu for one in spent if one.cpu is not None]
    return Spent(sum(one.amount for one in spent), sum(cpu) if cpu else None)


def _standing(side: str, turns: Sequence[Turn], *, is_speed: bool) -> Standing:
    last = list(turns[0])[-1]
    over = [turn[side].amount / turn[last].amount for turn in turns]
    ratios = [1 / ratio for ratio in over] if is_speed else over
    return Standing(
        side=side, ratio=round(median(ratios), 3), lowest=round(min(ratios), 3),
        highest=round(max(ratios), 3), amounts=[round(turn[side].amount, 4) for turn in turns],
        cpu=[round(cpu, 2) for turn in turns if (cpu := turn[side].cpu) is not None],
    )  # fmt: skip
