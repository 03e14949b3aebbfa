"""The part of RESULTS.md that is made of records: tables, and the pictures that stand beside them.

A day's part stands between `<!-- made: DAY -->` and `<!-- end -->`; everything else is written by hand.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tests.bench import records
from tests.bench.comparing import Result
from tests.bench.contesting import Standing, Standings
from tests.bench.growing import Growth
from tests.bench.judging import target, value
from tests.bench.records import Record, Unmeasured

PAGE = records.FOLDER.parent / "RESULTS.md"


class NoPlaceError(Exception):
    """The page has no place for a day; says what makes one."""


def days(page: str) -> list[str]:
    """Return the days that a page has places for."""
    return re.findall(r"^<!-- made: (\S+) -->$", page, re.MULTILINE)


def rewritten(page: str, day: str, made: Sequence[Record]) -> str:
    """Return the page with a day's part made anew of records. Raises NoPlaceError."""
    place = re.compile(
        rf"(?<=^<!-- made: {re.escape(day)} -->\n).*?(?=^<!-- end -->$)", re.MULTILINE | re.DOTALL
    )
    part = "".join(f"{line}\n" for line in _part(day, made))
    # Once: behind an empty place, a second match would begin there and end at another day's end.
    found, places = place.subn(lambda _: part, page, count=1)
    if not places:
        raise NoPlaceError(f"RESULTS.md lacks lines <!-- made: {day} --> and <!-- end -->")
    return found


def file_of(day: str) -> Path:
    """Return where a day's records are."""
    return records.FOLDER / f"{day}.jsonl"


def picture_of(day: str, kind: str) -> Path:
    """Return where a picture of a day's records is; *kind* is ratios or costs."""
    return records.FOLDER / f"{day}-{kind}.svg"


def results(made: Sequence[Record]) -> list[Result]:
    """Return the figures that were measured, each as of its last record."""
    found = (record.found for record in records.latest(made).values())
    return [one for one in found if isinstance(one, Result)]


def growths(made: Sequence[Record]) -> list[Growth]:
    """Return the curves that were measured, each as of its last record."""
    found = (record.found for record in records.latest(made).values())
    return [one for one in found if isinstance(one, Growth)]


# --- the part ---


def _part(day: str, made: Sequence[Record]) -> Iterator[str]:
    last = list(records.latest(made).values())
    yield from _circumstances(last)
    yield from ("", "| figure | measured | goal | | turns |", "|---|---|---|---|---|")
    for record in last:
        if isinstance(record.found, Result):
            yield _row(record, record.found)
    if results(made):
        yield from _picture(day, "ratios", "Every figure, as a multiple of its goal")
    yield from _contests(last)
    for record in last:
        if isinstance(record.found, Growth):
            yield from _table(record, record.found)
    if growths(made):
        yield from _picture(day, "costs", "What operations cost as something grows")
    yield from _unmeasured(record.found for record in last)


def _circumstances(last: Sequence[Record]) -> Iterator[str]:
    """Say on what it was measured, when, and how busy the machine was."""
    for machine in dict.fromkeys(record.run.machine for record in last):
        yield f"{machine[:1].upper()}{machine[1:]}."
    times = sorted(record.run.at for record in last)
    commits = ", ".join(dict.fromkeys(record.run.commit for record in last))
    loads = sorted(record.run.load for record in last)
    corpus = "real files" if all(record.run.corpus for record in last) else "made files"
    yield (
        f"Measured from {_clock(times[0])} to {_clock(times[-1])} UTC, {corpus}, commits {commits}; load of"
        f" the machine before each figure {loads[0]:.1f} to {loads[-1]:.1f}."
    )


def _clock(time: datetime) -> str:
    return f"{time:%H:%M}"


def _row(record: Record, found: Result) -> str:
    ends = f"{value(found, found.lowest)} to {value(found, found.highest)}"
    verdict = "reached" if found.reached else "**missed**"
    return (
        f"| {found.figure} | {value(found, found.judged)} ({ends}) | {target(found)} | {verdict}"
        f" | {_turns(record)} |"
    )


def _contests(last: Sequence[Record]) -> Iterator[str]:
    """Say of each contest how its sides did, but for the last one, whose ratio is 1."""
    held = [(record, record.found) for record in last if isinstance(record.found, Standings)]
    names = list(dict.fromkeys(side.side for _, found in held for side in found.sides[:-1]))
    if held:
        yield from ("", f"| contest | goal | {' | '.join(names)} | turns |")
        yield "|---" * (len(names) + 3) + "|"
    for record, found in held:
        did = {side.side: _side(side) for side in found.sides[:-1]}
        sides = " | ".join(did.get(name, "-") for name in names)
        yield f"| {found.contest} | {_wanted(found)} | {sides} | {_turns(record)} |"


def _side(side: Standing) -> str:
    return f"{side.ratio:.2f} ({side.lowest:.2f} to {side.highest:.2f})"


def _wanted(found: Standings) -> str:
    return f"{'≥' if found.is_speed else '≤'} {found.goal:g}"


def _turns(record: Record) -> str:
    """Say how many turns there were, and of which sizes."""
    return f"{record.turns}, {'quick sizes' if record.run.quick else 'full size'}"


def _picture(day: str, kind: str, what: str) -> Iterator[str]:
    yield from ("", f"![{what}]({records.FOLDER.name}/{picture_of(day, kind).name})")


def _table(record: Record, found: Growth) -> Iterator[str]:
    sizes = " | ".join(f"{size:,}" for size in found.sizes)
    yield from ("", f"| {found.axis} ({_turns(record)}) | {sizes} |")
    yield "|---" * (len(found.sizes) + 1) + "|"
    for line in found.lines:
        ratios = " | ".join(f"{ratio:.2f}" for ratio in line.ratios)
        yield f"| {line.name} | {ratios} |"


def _unmeasured(found: Iterable[object]) -> Iterator[str]:
    rest = [one for one in found if isinstance(one, Unmeasured)]
    if rest:
        yield from ("", "Not measured:", "")
    for one in rest:
        yield f"- {one.figure}: {one.missing or one.failed}"
