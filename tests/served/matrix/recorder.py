"""Writes docs/clients.md after a session that has run the whole matrix and nothing less."""

import platform
from pathlib import Path

import pytest

from tests.served.matrix import table
from tests.served.matrix.table import FAILS, NO_MEANS, WORKS, Case, Cell

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
#: What a test of a cell came to, the worst last: a cell is as good as its worst test.
_WORDS = [WORKS.word, NO_MEANS, FAILS.word]


class Recorder:
    """Collects what the marked tests of a session say."""

    def __init__(self) -> None:
        self._marked: dict[str, list[tuple[str, Case, str]]] = {}
        self._cannot: dict[tuple[str, Case], Cell] = {}
        self._modules: set[Path] = set()
        self._outcomes: dict[str, Cell] = {}
        self._said = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note every test of the matrix, before any is deselected."""
        for item in items:
            marked = [mark.args for mark in item.iter_markers("cell")]
            if marked:
                self._marked[item.nodeid] = marked
                self._modules.add(item.path)
            for mark in item.iter_markers("cannot"):
                client, case, why = mark.args
                self._cannot[client, case] = Cell(NO_MEANS, why)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test ended."""
        if report.nodeid in self._marked:
            known = self._outcomes.get(report.nodeid, WORKS)
            self._outcomes[report.nodeid] = _worst(known, _outcome(report))

    def pytest_sessionfinish(self) -> None:
        """Write the page, if this session knows enough."""
        if not self._has_run_all():
            return
        cells = self._cells()
        if holes := table.holes(cells):
            self._said = f"nothing is said of {sorted(holes)}"
            return
        known = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        text = table.page(known, release(), table.section(release(), cells))
        self._said = "unchanged" if text == known else "written anew"
        PAGE.write_text(text, encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what became of the page."""
        if self._said:
            terminalreporter.write_line(f"docs/clients.md: {self._said}")

    def _has_run_all(self) -> bool:
        modules = set(Path(__file__).parent.glob("test_*.py"))
        return self._modules == modules and self._outcomes.keys() == self._marked.keys()

    def _cells(self) -> dict[tuple[str, Case], Cell]:
        cells = dict(self._cannot)
        for test, marked in self._marked.items():
            for client, case, note in marked:
                known = cells.get((client, case), Cell(WORKS.word, note))
                cells[client, case] = _worst(known, self._outcomes[test])
        return cells


def release() -> str:
    """Return the name of this system, such as "Debian 12"."""
    facts = platform.freedesktop_os_release()
    return f"{facts['NAME'].split()[0]} {facts['VERSION_ID']}"


def _outcome(report: pytest.TestReport) -> Cell:
    if report.failed or hasattr(report, "wasxfail"):
        return FAILS
    if report.skipped and isinstance(report.longrepr, tuple):
        return Cell(NO_MEANS, f"Not tried: {report.longrepr[2].removeprefix('Skipped: ')}.")
    return WORKS


def _worst(one: Cell, other: Cell) -> Cell:
    """Return the worse of two cells, the first if none is."""
    return max(one, other, key=lambda cell: _WORDS.index(cell.word))
