"""What the benchmarks record comes back as it was, and the page shows it."""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.bench import comparing, contesting, figures, growing, judging, pages, records
from tests.bench.comparing import Figure, MissingPeerError, Options, Pair, Result
from tests.bench.contesting import Contest, Spent, Standings, Turn
from tests.bench.growing import Curve, Growth, Round
from tests.bench.records import Found, Record, Run, Unmeasured

OPTIONS = Options(corpus=None, folder=Path("/nowhere"), pairs=3)
RUN = Run(
    at=datetime(2026, 11, 22, 12, tzinfo=UTC), commit="0123456", machine="2 processors", load=0.1,
    quick=False, corpus=False,
)  # fmt: skip
PLOTS = Path(__file__).parents[2] / ".venv/plots/bin/python"


def turns(*pairs: Pair) -> Iterator[Pair]:
    yield pairs[0]
    yield from pairs


def speed(*, theirs: float) -> Figure:
    return Figure(
        name="upload", what="an upload", against="another", unit="s", goal=0.8, is_speed=True,
        fewest=1, turns=lambda _: turns(*[Pair(1.0, theirs)] * 3),
    )  # fmt: skip


def amount(number: float) -> Figure:
    return Figure(
        name="idle", what="idling", against=None, unit="s", goal=10, fewest=1,
        turns=lambda _: turns(*[Pair(number)] * 3),
    )  # fmt: skip


def result(*, theirs: float = 0.9) -> Result:
    return comparing.measure(speed(theirs=theirs), OPTIONS)


def growth() -> Growth:
    rounds: list[Round] = [{"list, jobfs": {10: 2.0, 100: 2.0 * slower}} for slower in (9, 1, 2, 3)]
    curve = Curve(
        name="cost", axis="files", what="listing", sizes=(10, 100), quick_sizes=(10,),
        rounds=lambda _options, _sizes: iter(rounds),
    )  # fmt: skip
    return growing.measure(curve, OPTIONS)


def standings(*, goal_is_speed: bool = True) -> Standings:
    seconds = [(9, 1), (4, 2), (5, 2), (8, 2)]
    turns: list[Turn] = [
        {"jobfs": Spent(ours, cpu=ours / 2), "plain": Spent(theirs)} for ours, theirs in seconds
    ]
    figure = replace(speed(theirs=1), is_speed=goal_is_speed)
    contest = Contest(
        name="binding-upload", what="two", figure=figure, turns=lambda _: iter(turns)
    )  # fmt: skip
    return contesting.measure(contest, OPTIONS)


def record(found: Found) -> Record:
    return Record(found=found, took=12.5, run=RUN)


def test_a_contest_compares_each_side_with_the_last_one_turn_by_turn_and_leaves_out_the_first() -> (
    None
):
    jobfs, plain = standings().sides

    assert (jobfs.lowest, jobfs.ratio, jobfs.highest) == (0.25, 0.4, 0.5)
    assert (jobfs.amounts, jobfs.cpu) == ([4, 5, 8], [2, 2.5, 4])
    assert (plain.ratio, plain.cpu) == (1, [])
    assert standings(goal_is_speed=False).sides[0].ratio == 2.5


def test_turns_too_short_for_a_clock_are_added_up() -> None:
    amounts = [(8, 1), (8, 1), (1, 3), (3, 5), (4, 1), (2, 2)]
    figure = replace(
        speed(theirs=1), turns=lambda _: turns(*[Pair(*one) for one in amounts[1:]]), together=2
    )

    found = comparing.measure(figure, replace(OPTIONS, pairs=2))

    assert (found.ours, found.theirs) == ([4, 6], [8, 3])


def test_a_curve_says_what_is_over_the_smallest_size_and_leaves_out_the_first_round() -> None:
    (line,) = growth().lines

    assert (line.lowest, line.ratios, line.highest) == ([1, 1], [1, 2], [1, 3])
    assert line.costs == [[2, 2, 2], [2, 4, 6]]


@pytest.mark.parametrize(
    "found",
    [result(), standings(), growth(), Unmeasured(figure="upload-wan", missing="no tun devices")],
)
def test_a_record_comes_back_as_it_was(found: Found) -> None:
    assert records.parse(records.line(record(found))) == record(found)


def test_a_record_is_on_one_line_with_the_figures_name_and_goal() -> None:
    line = records.line(record(result()))

    assert line.startswith('{"figure":"upload","ratio":0.9,')
    assert '"goal":0.8,' in line
    assert "\n" not in line


def test_the_last_record_counts_and_one_without_a_measurement_only_where_there_is_no_other() -> (
    None
):
    first, last = record(result(theirs=0.5)), record(result(theirs=0.9))
    failed = record(Unmeasured(figure="upload", failed="OSError"))
    other = record(Unmeasured(figure="upload-wan", missing="no tun devices"))

    assert records.latest([failed, first, last, failed, other]) == {
        "upload": last, "upload-wan": other,
    }  # fmt: skip


def test_how_long_a_run_will_take_is_told_by_measurements_of_its_size_alone() -> None:
    full, failed = record(result()), record(Unmeasured(figure="upload", failed="OSError"))
    quick = Record(found=result(), took=1.5, run=msgspec.structs.replace(RUN, quick=True))

    assert records.measurements([full, quick, failed], quick=False) == {"upload": full}
    assert records.measurements([full, quick, failed], quick=True) == {"upload": quick}
    assert [one.turns for one in (full, record(standings()), record(growth()), failed)] == [
        3,
        3,
        3,
        0,
    ]


def test_a_contest_is_a_row_of_the_page_with_a_ratio_for_each_side_but_the_last() -> None:
    page = pages.rewritten(
        "<!-- made: 2026-01-01 -->\n<!-- end -->\n", "2026-01-01", [record(standings())]
    )

    assert "| contest | goal | jobfs | turns |" in page
    assert "| binding-upload | ≥ 0.8 | 0.40 (0.25 to 0.50) | 3, full size |" in page


def test_a_new_day_takes_nothing_from_the_days_below_it() -> None:
    new, old = (f"<!-- made: 2026-01-{day} -->\n<!-- end -->\n" for day in ("02", "01"))

    page = pages.rewritten(f"{new}What was learned.\n{old}", "2026-01-02", [record(standings())])

    assert pages.days(page) == ["2026-01-02", "2026-01-01"]
    assert page.count("What was learned.") == page.count("| binding-upload |") == 1


def test_a_side_that_is_not_in_all_contests_has_a_column_all_the_same() -> None:
    few = standings()
    jobfs, plain = few.sides
    more = msgspec.structs.replace(
        few,
        contest="binding-list",
        sides=[jobfs, msgspec.structs.replace(jobfs, side="bare"), plain],
    )
    page = pages.rewritten(
        "<!-- made: 2026-01-01 -->\n<!-- end -->\n", "2026-01-01", [record(few), record(more)]
    )

    assert "| contest | goal | jobfs | bare | turns |" in page
    assert "| binding-upload | ≥ 0.8 | 0.40 (0.25 to 0.50) | - | 3, full size |" in page


@pytest.mark.parametrize(
    ("figure", "expected"),
    [(speed(theirs=0.8), 1), (speed(theirs=0.4), 0.5), (amount(5), 2), (amount(20), 0.5)],
)
def test_how_far_a_figure_is_from_its_goal_grows_with_what_is_good(
    figure: Figure, expected: float
) -> None:
    found = comparing.measure(figure, OPTIONS)

    assert judging.attained(found, found.judged) == pytest.approx(expected)
    assert found.reached == (expected >= 1)


def test_a_figure_that_fails_or_has_no_peer_says_why_and_does_not_end_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_: Options) -> Iterator[Pair]:
        raise OSError("the disk is full")

    def missing(_: Options) -> Iterator[Pair]:
        raise MissingPeerError("no such server")

    tried = [replace(speed(theirs=1), turns=one) for one in (broken, missing)]

    assert [figures.measured(figure, OPTIONS) for figure in tried] == [
        Unmeasured(figure="upload", failed="OSError: the disk is full"),
        Unmeasured(figure="upload", missing="no such server"),
    ]
    assert "Traceback" in capsys.readouterr().err


def test_a_contest_goes_on_without_a_side_that_a_machine_cannot_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Refused(nullcontext[str]):
        def __enter__(self) -> str:
            raise MissingPeerError("its kernel is too old")

    sides = {"first": nullcontext("one"), "second": Refused("two"), "third": nullcontext("three")}

    with ExitStack() as stack:
        assert contesting.entered(stack, sides) == {"first": "one", "third": "three"}
    assert capsys.readouterr().err == "second is left out: its kernel is too old\n"


def test_a_figure_that_hangs_is_given_up() -> None:
    def stuck(_: Options) -> Iterator[Pair]:
        yield Pair(1.0, 1.0)
        threading.Event().wait()

    hanging = replace(speed(theirs=1), turns=stuck)

    assert figures.measured(hanging, OPTIONS, limit=0.2) == Unmeasured(
        figure="upload", failed="TookTooLongError: not done after 0.2 s"
    )


@pytest.mark.parametrize("day", pages.days(pages.PAGE.read_text("utf-8")))
def test_the_page_says_what_was_recorded(day: str) -> None:
    page, made = pages.PAGE.read_text("utf-8"), records.read(pages.file_of(day))

    assert pages.rewritten(page, day, made) == page, f"run tests/bench/plot {day}"


def test_a_day_without_a_place_on_the_page_is_refused() -> None:
    with pytest.raises(pages.NoPlaceError, match="2026-01-01"):
        pages.rewritten("# Results\n", "2026-01-01", [record(result())])


@pytest.mark.parametrize("day", pages.days(pages.PAGE.read_text("utf-8")))
def test_every_picture_on_the_page_is_there(day: str) -> None:
    named = re.findall(rf"\]\((results/{day}-\w+\.svg)\)", pages.PAGE.read_text("utf-8"))

    assert named
    assert [name for name in named if not (pages.PAGE.parent / name).exists()] == []


@pytest.mark.skipif(not PLOTS.exists(), reason="tests/bench/plot has not installed matplotlib")
@pytest.mark.parametrize("day", pages.days(pages.PAGE.read_text("utf-8")))
def test_the_same_records_make_the_same_picture(day: str) -> None:
    draw = (
        "import sys; from tests.bench import drawing, pages, records;"
        f"made = records.read(pages.file_of({day!r}));"
        "sys.stdout.buffer.write(b''.join(drawing.drawn(made).values()))"
    )

    shown = subprocess.run(
        [PLOTS, "-c", draw], cwd=pages.PAGE.parents[2], stdout=subprocess.PIPE, check=True
    ).stdout

    pictures = [pages.picture_of(day, kind) for kind in ("ratios", "costs")]
    assert shown == b"".join(picture.read_bytes() for picture in pictures if picture.exists())
