"""Measure jobfs against others in the same run: every figure, contest and curve, or the named ones.

A ratio is the median of its turns, with the lowest and the highest; a contest has a ratio for each of several
sides; a curve says what operations cost as
something grows, over what they cost while it was small. A run goes on if one of them fails, and its exit
status is then 1. It is 0 whatever comes out: a figure is something to know, and no test.
"""

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import shorten
from time import monotonic

from tests.bench import (
    binding,
    comparing,
    contesting,
    costs,
    growing,
    idling,
    ingesting,
    listing,
    machine,
    records,
    scale,
    small_ops,
    starting,
    uploading,
    vanishing,
)
from tests.bench.comparing import Figure, MissingPeerError, Options, Result
from tests.bench.contesting import Contest, Standing, Standings
from tests.bench.growing import Curve, Growth
from tests.bench.limits import limited
from tests.bench.records import Found, Record, Unmeasured

FIGURES: tuple[Figure, ...] = (
    *uploading.FIGURES, *listing.FIGURES, *small_ops.FIGURES, *ingesting.FIGURES, *vanishing.FIGURES,
    *scale.FIGURES, *starting.FIGURES, *idling.FIGURES, *binding.FIGURES,
)  # fmt: skip
CONTESTS: tuple[Contest, ...] = binding.CONTESTS
CURVES: tuple[Curve, ...] = costs.CURVES
#: What can be measured.
One = Figure | Contest | Curve
_ALL: tuple[One, ...] = (*FIGURES, *CONTESTS, *CURVES)

_MINUTE, _HOUR = 60, 3600
#: Seconds that no figure needs by far.
_LIMIT = 2 * _HOUR
#: Characters of an error that are kept: some are pages of what a program has said.
_REASON = 300


@dataclass(frozen=True, slots=True)
class _Output:
    """Where results go: lines for people or, *as_json*, for programs; and a file that keeps them."""

    as_json: bool
    file: Path | None

    def tell(self, record: Record) -> None:
        """Say what came out, and keep it."""
        if self.as_json:
            _say(records.line(record))
        else:
            for line in _told(record.found):
                _say(line)
        if self.file is not None:
            self.file.parent.mkdir(exist_ok=True)
            with self.file.open("a", encoding="utf-8") as kept:
                kept.write(f"{records.line(record)}\n")


def main() -> None:
    """Measure what the command line names."""
    asked = _arguments()
    chosen = [one for one in _ALL if _is_asked_for(one.name, asked.figures)]
    if asked.list:
        _list(chosen, quick=asked.quick)
        return
    # Ended by a service manager or by timeout(1), it still ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output = _Output(asked.json, asked.record)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options = Options(
            corpus=asked.corpus, folder=Path(folder), pairs=asked.pairs, quick=asked.quick
        )
        made = [_measure(one, options, output) for one in chosen]
    sys.exit(any(isinstance(found, Unmeasured) and found.failed for found in made))


def _is_asked_for(name: str, names: Sequence[str]) -> bool:
    """Whether it is named, with all others of its kind or alone; without a name every figure is."""
    return not names or any(f"{name}-".startswith(f"{asked}-") for asked in names)


def _measure(one: One, options: Options, output: _Output) -> Found:
    """Measure something and tell what came out, or why it could not be measured."""
    run, began = machine.run(options), monotonic()
    found = measured(one, options)
    output.tell(Record(found=found, took=monotonic() - began, run=run))
    return found


def measured(one: One, options: Options, *, limit: float = _LIMIT) -> Found:
    """Return what came out, or why nothing did, with a traceback on stderr if it failed.

    limit  seconds after which it has failed
    """
    try:
        with limited(limit):
            match one:
                case Figure():
                    return comparing.measure(one, options)
                case Contest():
                    return contesting.measure(one, options)
                case Curve():
                    return growing.measure(one, options)
    except MissingPeerError as missing:
        return Unmeasured(figure=one.name, missing=str(missing))
    except Exception as failure:  # noqa: BLE001 (nobody may be there to start the others anew)
        traceback.print_exc()
        reason = f"{type(failure).__name__}: {failure}"
        return Unmeasured(figure=one.name, failed=shorten(reason, _REASON))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    names = [one.name for one in _ALL]
    today = records.FOLDER / f"{datetime.now(UTC):%Y-%m-%d}.jsonl"
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="say what the figures are, and end")
    parser.add_argument("--json", action="store_true", help="one object per figure, on a line")
    parser.add_argument(
        "--record", action="store_const", const=today,
        help=f"add these objects to {records.FOLDER.name}/DAY.jsonl, which tests/bench/plot shows",
    )  # fmt: skip
    parser.add_argument("--corpus", type=Path, help="a folder of real files; else made ones")
    parser.add_argument("--pairs", type=int, default=5, help="turns that count; 5")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see it work")
    parser.add_argument("--folder", type=Path, default="/var/tmp", help="where data is; /var/tmp")
    asked = parser.parse_args()
    for name in asked.figures:
        if not any(_is_asked_for(known, [name]) for known in names):
            parser.error(f"no such figure: {name}; there are {', '.join(names)}")
    return asked


# --- what is there ---


def _list(chosen: Iterable[One], *, quick: bool) -> None:
    """Say what there is, and how long such a run took when it was last recorded."""
    known, unknown, total = records.measurements(records.kept(), quick=quick), 0, 0.0
    for one in chosen:
        if one.name in known:
            last = known[one.name]
            total += last.took
            _say(f"{_described(one)}; took {_duration(last.took)} with {last.turns} turns")
        else:
            unknown += 1
            _say(_described(one))
    beside = f", and {unknown} of which nobody knows" if unknown else ""
    size = "in quick runs" if quick else "at full size"
    _say(f"All of these, {size}: about {_duration(total)}{beside}")


def _described(one: One) -> str:
    match one:
        case Figure():
            against = "" if one.against is None else f"; against {one.against}"
            return f"{one.name}: {one.what}{against}; goal {_goal(one)}"
        case Contest():
            return f"{one.name}: {one.what}, each against {one.figure.against}"
        case Curve():
            sizes = ", ".join(f"{size:,}" for size in one.sizes)
            return f"{one.name}: {one.what}; with {sizes} {one.axis}"


def _goal(figure: Figure) -> str:
    if figure.against is None:
        return f"<= {figure.goal:g} {figure.unit}"
    return f">= {figure.goal} of its speed" if figure.is_speed else f"<= {figure.goal} times"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


# --- what came out ---


def _told(found: Found) -> Iterator[str]:
    match found:
        case Result():
            yield _line(found)
        case Standings():
            yield f"{found.contest}, goal {found.goal:g}"
            for side in found.sides:
                yield _standing(side, found.unit)
        case Growth():
            sizes = "".join(f"{size:>12,}" for size in found.sizes)
            yield f"{found.curve}, {found.axis:<30}{sizes}"
            for line in found.lines:
                yield f"  {line.name:<40}" + "".join(f"{ratio:12.2f}" for ratio in line.ratios)
        case Unmeasured():
            sys.stderr.write(f"{found.figure}: not measured: {found.missing or found.failed}\n")


def _line(result: Result) -> str:
    verdict = "reached" if result.reached else "missed"
    return (
        f"{result.figure:<24} {result.judged:6.2f}  ({result.lowest:.2f} to {result.highest:.2f})"
        f"  goal {result.goal:g}: {verdict}; {_sides(result)}"
    )


def _sides(result: Result) -> str:
    if result.against is None:
        return result.unit
    ours, theirs = (sum(side) / len(side) for side in (result.ours, result.theirs))
    return f"jobfs {ours:.3f} {result.unit}, theirs {theirs:.3f}"


def _standing(one: Standing, unit: str) -> str:
    amount = sum(one.amounts) / len(one.amounts)
    cpu = f", {sum(one.cpu) / len(one.cpu):.3f} s of CPU" if one.cpu else ""
    return (
        f"  {one.side:<22} {one.ratio:6.2f}  ({one.lowest:.2f} to {one.highest:.2f})"
        f"  {amount:.3f} {unit}{cpu}"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (that is its purpose)


if __name__ == "__main__":
    main()
