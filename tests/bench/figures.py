"""Measure jobfs against others in the same run: every figure, or the named ones.

A ratio is the median of its turns, with the lowest and the highest. The exit status is 0 whatever comes
out: a figure is something to know, and no test.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from os import getloadavg
from pathlib import Path

import msgspec

from tests.bench import (
    idling,
    ingesting,
    listing,
    scale,
    small_ops,
    starting,
    uploading,
    vanishing,
)
from tests.bench.comparing import Figure, MissingPeerError, Options, Result, measure

FIGURES: tuple[Figure, ...] = (
    *uploading.FIGURES, *listing.FIGURES, *small_ops.FIGURES, *ingesting.FIGURES, *vanishing.FIGURES,
    *scale.FIGURES, *starting.FIGURES, *idling.FIGURES,
)  # fmt: skip


def main() -> None:
    """Measure what the command line names."""
    asked = _arguments()
    figures = [figure for figure in FIGURES if _is_asked_for(figure, asked.figures)]
    if asked.list:
        _list(figures)
        return
    # Ended by a service manager or by timeout(1), it still ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options = Options(
            corpus=asked.corpus, folder=Path(folder), pairs=asked.pairs, quick=asked.quick
        )
        for figure in figures:
            _measure(figure, options, as_json=asked.json)
    sys.stderr.write(f"load of the machine, last 5 minutes: {getloadavg()[1]:.1f}\n")


def _is_asked_for(figure: Figure, names: Sequence[str]) -> bool:
    """Whether it is named, with all others of its kind or alone; without a name every figure is."""
    return not names or any(f"{figure.name}-".startswith(f"{name}-") for name in names)


def _measure(figure: Figure, options: Options, *, as_json: bool) -> None:
    """Measure a figure and say what came out, or why it could not be measured here."""
    try:
        result = measure(figure, options)
    except MissingPeerError as missing:
        sys.stderr.write(f"{figure.name}: not measured: {missing}\n")
        if as_json:
            _say(_json({"figure": figure.name, "goal": figure.goal, "missing": str(missing)}))
        return
    _say(_json(result) if as_json else _line(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    names = [figure.name for figure in FIGURES]
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="say what the figures are, and end")
    parser.add_argument("--json", action="store_true", help="one object per figure, on a line")
    parser.add_argument("--corpus", type=Path, help="a folder of real files; else made ones")
    parser.add_argument("--pairs", type=int, default=5, help="turns that count; 5")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see it work")
    parser.add_argument("--folder", type=Path, default="/var/tmp", help="where data is; /var/tmp")
    asked = parser.parse_args()
    for name in asked.figures:
        if not any(_is_asked_for(figure, [name]) for figure in FIGURES):
            parser.error(f"no such figure: {name}; there are {', '.join(names)}")
    return asked


def _list(figures: Sequence[Figure]) -> None:
    for figure in figures:
        against = "" if figure.against is None else f"; against {figure.against}"
        _say(f"{figure.name}: {figure.what}{against}; goal {_goal(figure)}")


def _goal(figure: Figure) -> str:
    if figure.against is None:
        return f"<= {figure.goal:g} {figure.unit}"
    return f">= {figure.goal} of its speed" if figure.is_speed else f"<= {figure.goal} times"


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


def _json(result: Result | dict[str, object]) -> str:
    return msgspec.json.encode(result).decode()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (that is its purpose)


if __name__ == "__main__":
    main()
