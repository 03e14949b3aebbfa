"""Pictures of what was measured, as SVG: the same records make the same bytes.

Every picture has a ground of its own and is drawn light; a few rules of CSS turn it dark for a reader whose
system is. What shows pictures without CSS shows the light one. Nothing is told by colour alone.
"""

import io
import math
from collections.abc import Sequence

import matplotlib as mpl  # in .venv/plots: see tests/bench/plot
from matplotlib.figure import Figure as Sheet

from tests.bench import pages
from tests.bench.comparing import Result
from tests.bench.growing import Growth, Line
from tests.bench.judging import attained, target, value
from tests.bench.records import Record

#: Every colour, and what it becomes in the dark.
_GROUND, _INK, _FAINT, _GRID = "#fcfcfb", "#0b0b0b", "#52514e", "#dddcd5"
_BLUE, _ORANGE, _GREEN = "#2a78d6", "#d1530f", "#12805c"
_DARK = {
    _GROUND: "#1a1a19", _INK: "#f4f4f2", _FAINT: "#c3c2b7", _GRID: "#3a3a37",
    _BLUE: "#5a9cf0", _ORANGE: "#f08a4b", _GREEN: "#3dbd8d",
}  # fmt: skip
_COLOURS, _MARKERS = (_BLUE, _ORANGE, _GREEN), ("o", "s", "^")

_STYLE = {
    "svg.hashsalt": "jobfs", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
    "font.sans-serif": ["DejaVu Sans"], "text.color": _INK, "axes.labelcolor": _FAINT,
    "xtick.color": _FAINT, "ytick.color": _FAINT, "axes.edgecolor": _GRID, "grid.color": _GRID,
    "grid.linewidth": 0.8, "axes.facecolor": _GROUND, "figure.facecolor": _GROUND,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
}  # fmt: skip
#: By how much of a panel's width one operation is drawn beside the other: what covers is not seen.
_BESIDE = 0.012
#: Marks of the ratios' axis; those within what was measured are shown.
_TICKS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64, 128)


def drawn(made: Sequence[Record]) -> dict[str, bytes]:
    """Return the pictures of a day's records by their kinds, as far as there is something to draw."""
    results, growths = pages.results(made), pages.growths(made)
    found = {"ratios": ratios(results)} if results else {}
    return found | ({"costs": costs(growths)} if growths else {})


def ratios(results: Sequence[Result]) -> bytes:
    """Return a picture of how far every figure is from its goal, with its lowest and highest turn."""
    with mpl.rc_context(_STYLE):
        sheet = Sheet(figsize=(8.5, 1.1 + 0.27 * len(results)), layout="constrained")
        axes = sheet.add_subplot()
        for row, result in enumerate(results):
            _draw_result(axes, row, result)
        _mark_goal(axes, results)
        axes.set_yticks(range(len(results)), [result.figure for result in results], color=_INK)
        axes.tick_params(length=0)
        axes.set_ylim(len(results) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.set_title(
            "Each figure over its goal, with its lowest and highest turn", loc="left", fontsize=9
        )
        return _svg(sheet, "jobfs: each figure over its goal")


def _draw_result(axes: mpl.axes.Axes, row: int, result: Result) -> None:
    colour = _BLUE if result.reached else _ORANGE
    ends = sorted(attained(result, end) for end in (result.lowest, result.highest))
    axes.plot(ends, [row, row], color=colour, linewidth=2, solid_capstyle="round", alpha=0.6)
    axes.plot(
        attained(result, result.judged), row, "o" if result.reached else "D", color=colour,
        markersize=7, markerfacecolor=colour if result.reached else _GROUND, markeredgewidth=1.6,
        clip_on=False,
    )  # fmt: skip
    said = f"{value(result, result.judged)}, goal {target(result)}"
    axes.annotate(
        said, (1, row), xycoords=("axes fraction", "data"), xytext=(8, 0), va="center", fontsize=8,
        textcoords="offset points", color=_FAINT,
    )  # fmt: skip


def _mark_goal(axes: mpl.axes.Axes, results: Sequence[Result]) -> None:
    """Scale the axis by powers of two, with the goal in it, and say what the marks mean."""
    found = [attained(one, end) for one in results for end in (one.lowest, one.highest, one.judged)]
    low, high = min([*found, 0.5]) / 1.1, max([*found, 2]) * 1.1
    shown = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.set_xticks(shown, [_times(tick) for tick in shown])
    axes.grid(axis="x")
    axes.axvline(1, color=_INK, linewidth=1.2)
    axes.set_xlabel("over the goal; further right is better")
    for label, marker, colour, filling in (
        ("goal reached", "o", _BLUE, _BLUE),
        ("goal missed", "D", _ORANGE, _GROUND),
    ):
        axes.plot(
            [], [], marker, color=colour, markerfacecolor=filling, markeredgewidth=1.6, label=label
        )
    axes.legend(loc="lower right", bbox_to_anchor=(1.25, 1), ncols=2, frameon=False, fontsize=8)


def _times(tick: float) -> str:
    if tick == 1:
        return "goal"
    return f"{tick:g}x" if tick > 1 else f"1/{1 / tick:g}"


def costs(growths: Sequence[Growth]) -> bytes:
    """Return a picture of what operations cost as something grows, a panel for each curve."""
    with mpl.rc_context(_STYLE):
        rows = math.ceil(len(growths) / 2)
        sheet = Sheet(figsize=(8.5, 0.4 + 3.3 * rows), layout="constrained")
        sheet.suptitle(
            "Cost of an operation, over its cost at the smallest size: lower is better",
            x=0.01, ha="left", fontsize=10,
        )  # fmt: skip
        panels = list(sheet.subplots(rows, 2, squeeze=False, sharey=True).flat)
        for axes, growth in zip(panels, growths, strict=False):
            _draw_growth(axes, growth)
        for axes in panels[len(growths) :]:
            axes.set_visible(False)
        low, high = panels[0].get_ylim()
        panels[0].set_ylim(low, high * 4)  # above the lines is room for what they are called
        return _svg(sheet, "jobfs: cost of an operation by size")


def _draw_growth(axes: mpl.axes.Axes, growth: Growth) -> None:
    operations = list(dict.fromkeys(_operation(line) for line in growth.lines))
    for line in growth.lines:
        _draw_line(axes, growth.sizes, line, operations.index(_operation(line)))
    axes.set_xscale("log")
    axes.set_yscale("log", base=2)
    axes.set_xticks(growth.sizes, [f"{size:,}" for size in growth.sizes])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(_ratio)
    axes.yaxis.set_tick_params(labelleft=True)
    axes.set_xlabel(growth.axis)
    axes.grid(axis="y")
    axes.axhline(1, color=_FAINT, linewidth=1)
    axes.legend(frameon=False, fontsize=7.5, loc="upper left", handlelength=3, ncols=2)


def _draw_line(axes: mpl.axes.Axes, sizes: Sequence[int], line: Line, number: int) -> None:
    """Draw an operation: its own colour and marker, hollow and dashed for the other side."""
    colour, is_ours = _COLOURS[number % 3], line.name.endswith("jobfs")
    beside = (sizes[-1] / sizes[0]) ** (_BESIDE * (number + (not is_ours) / 2))
    axes.errorbar(
        [size * beside for size in sizes], line.ratios, yerr=_reach(line), label=line.name,
        color=colour, marker=_MARKERS[number % 3], linestyle="-" if is_ours else "--",
        linewidth=1.8 if is_ours else 1.2, markerfacecolor=colour if is_ours else _GROUND,
        markersize=5, elinewidth=0.9,
    )  # fmt: skip


def _reach(line: Line) -> list[list[float]]:
    """Return how far the lowest and the highest round are from the median."""
    below = [ratio - low for ratio, low in zip(line.ratios, line.lowest, strict=True)]
    above = [high - ratio for ratio, high in zip(line.ratios, line.highest, strict=True)]
    return [below, above]


def _operation(line: Line) -> str:
    return line.name.rpartition(", ")[0]


def _ratio(tick: float, _position: int) -> str:
    return f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}"


def _svg(sheet: Sheet, title: str) -> bytes:
    buffer = io.StringIO()
    sheet.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    head, start, rest = buffer.getvalue().partition("<defs>\n")
    text = f"{head}{start}  <style>{_dark_rules()}</style>\n{rest}"
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines()).encode()


def _dark_rules() -> str:
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in _DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"@media(prefers-color-scheme:dark){{text{{fill:{_DARK[_INK]}}}{rules}}}"
