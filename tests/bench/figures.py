"""Measure jobfs against others in the same run: every figure, or the named ones.

A ratio is the median of its turns, with the lowest and the highest. The exit status is 0 whatever comes
out: a figure is something to know, and no test.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from os import getloadavg
from pathlib import Path

import msgspec

from tests.bench import ingesting
from tests.bench.comparing import Figure, Options, Result, measure

FIGURES: tuple[Figure, ...] = ingesting.FIGURES


def main() -> None:
    """Measure what the command line names."""
    asked = _arguments()
    figures = [figure for figure in FIGURES if not asked.figures or figure.name in asked.figures]
    if asked.list:
        _list(figures)
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options = Options(corpus=asked.corpus, folder=Path(folder), pairs=asked.pairs)
        for figure in figures:
            result = measure(figure, options)
            _say(_json(result) if asked.json else _line(result))
    sys.stderr.write(f"load of the machine, last 5 minutes: {getloadavg()[1]:.1f}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    names = [figure.name for figure in FIGURES]
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="say what the figures are, and end")
    parser.add_argument("--json", action="store_true", help="one object per figure, on a line")
    parser.add_argument("--corpus", type=Path, help="a folder of real files; else made ones")
    parser.add_argument("--pairs", type=int, default=5, help="turns that count; 5")
    parser.add_argument("--folder", type=Path, default="/var/tmp", help="where data is; /var/tmp")
    asked = parser.parse_args()
    if unknown := set(asked.figures) - set(names):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return asked


def _list(figures: Sequence[Figure]) -> None:
    for figure in figures:
        _say(f"{figure.name}: {figure.what}; against {figure.against}; goal {_goal(figure)}")


def _goal(figure: Figure) -> str:
    return f">= {figure.goal} of its speed" if figure.is_speed else f"<= {figure.goal} times"


def _line(result: Result) -> str:
    verdict = "reached" if result.reached else "missed"
    ours, theirs = (sum(side) / len(side) for side in (result.ours, result.theirs))
    return (
        f"{result.figure:<16} {result.ratio:6.2f}  ({result.lowest:.2f} to {result.highest:.2f})"
        f"  goal {result.goal:g}: {verdict}; jobfs {ours:.3f} {result.unit}, theirs {theirs:.3f}"
    )


def _json(result: Result) -> str:
    return msgspec.json.encode(result).decode()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (that is its purpose)


if __name__ == "__main__":
    main()
