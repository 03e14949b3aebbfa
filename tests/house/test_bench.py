"""Figures are measured by hand; here only that each can be found, and that what is sent is what it says."""

import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from jobfs.domain import completeness
from jobfs.domain.completeness import Structure
from tests.bench import machine, sources
from tests.bench.comparing import Options
from tests.bench.figures import CONTESTS, CURVES, FIGURES, One

RUN = Path(__file__).parents[1] / "bench/run"


def test_every_figure_is_listed_with_its_goal() -> None:
    listed = subprocess.run([RUN, "--list"], capture_output=True, text=True, check=True).stdout

    names = [line.partition(":")[0] for line in listed.splitlines() if "; goal " in line]
    assert names == [figure.name for figure in FIGURES]


def test_nothing_that_is_measured_has_the_name_of_something_else() -> None:
    measured: tuple[One, ...] = (*FIGURES, *CONTESTS, *CURVES)
    names = [one.name for one in measured]

    assert len(set(names)) == len(names)


def test_every_contest_is_listed_after_the_figure_it_is_named_after() -> None:
    listed = subprocess.run([RUN, "--list"], capture_output=True, text=True, check=True).stdout

    names = [line.partition(":")[0] for line in listed.splitlines()]
    for contest in CONTESTS:
        assert contest.name == f"binding-{contest.figure.name}"
        assert names.index(contest.figure.name) < names.index(contest.name)


def test_what_is_uploaded_are_whole_pictures_of_the_size_asked_for_each_unlike_all_others(
    tmp_path: Path,
) -> None:
    options = Options(corpus=None, folder=tmp_path, pairs=1)

    loads = sources.loads(options, connections=2, number=7, size=60_000)

    files = [file for load in loads for file in load.folder.iterdir()]
    contents = [file.read_bytes() for file in files]
    assert len({file.name for file in files}) == 14
    assert len(set(contents)) == 14
    assert [(load.number, load.size) for load in loads] == [(7, sum(map(len, contents)) // 2)] * 2
    for data in contents:
        assert abs(len(data) - 60_000) < 50
        assert completeness.inspect(reader(data), len(data)).structure is Structure.WHOLE
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()


def reader(data: bytes) -> completeness.ReadAt:
    return lambda offset, size: data[offset : offset + size]


def test_it_is_measured_where_no_git_tells_the_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert machine.run(Options(corpus=None, folder=tmp_path, pairs=1)).commit == "unknown"
