"""Writes docs/clients.md after a session that has run the whole matrix and nothing less.

Where several processes run the tests, see `tests.spreading`, each tells the first one what it has
seen, which writes the page.
"""

import platform
from pathlib import Path
from typing import Any

import pytest

from tests.served.matrix import table
from tests.served.matrix.table import FAILS, NO_MEANS, WORKS, Case, Cell

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
#: What a test of a cell came to, the worst last: a cell is as good as its worst test.
_WORDS = [WORKS.word, NO_MEANS, FAILS.word]
#: What a process tells the first one, among what else it does.
_TOLD = "matrix of clients"


class Recorder:
    """Collects what the marked tests of a session say."""

    def __init__(self) -> None:
        self._marked: dict[str, list[tuple[str, Case, str]]] = {}
        self._cannot: dict[tuple[str, Case], Cell] = {}
        self._modules: set[str] = set()
        self._outcomes: dict[str, Cell] = {}
        self._said = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note every test of the matrix, before any is deselected."""
        for item in items:
            marked = [mark.args for mark in item.iter_markers("cell")]
            if marked:
                self._marked[item.nodeid] = marked
                self._modules.add(item.path.name)
            for mark in item.iter_markers("cannot"):
                client, case, why = mark.args
                self._cannot[client, case] = Cell(NO_MEANS, why)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test ended."""
        if report.nodeid in self._marked:
            known = self._outcomes.get(report.nodeid, WORKS)
            self._outcomes[report.nodeid] = _worst(known, _outcome(report))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what another process has seen; one that died tells nothing."""
        told = getattr(node, "workeroutput", {}).get(_TOLD)
        if told is not None:
            self._hear(**told)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page, if this session knows enough."""
        first = getattr(session.config, "workeroutput", None)
        if first is not None:
            first[_TOLD] = self._tell()
        elif self._has_run_all():
            self._write()

    def _write(self) -> None:
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

    def _tell(self) -> dict[str, Any]:
        """Return what is known here, in such types as pass between processes."""
        return {
            "marked": {
                test: [(client, case.name, note) for client, case, note in marked]
                for test, marked in self._marked.items()
            },
            "cannot": [(who, case.name, cell.note) for (who, case), cell in self._cannot.items()],
            "modules": list(self._modules),
            "outcomes": {test: (cell.word, cell.note) for test, cell in self._outcomes.items()},
        }

    def _hear(
        self,
        marked: dict[str, list[tuple[str, str, str]]],
        cannot: list[tuple[str, str, str]],
        modules: list[str],
        outcomes: dict[str, tuple[str, str]],
    ) -> None:
        """Add what another process knows; all have collected the same tests, and run their own."""
        for test, cells in marked.items():
            self._marked[test] = [(client, Case[case], note) for client, case, note in cells]
        for client, case, why in cannot:
            self._cannot[client, Case[case]] = Cell(NO_MEANS, why)
        self._modules |= set(modules)
        self._outcomes |= {test: Cell(*cell) for test, cell in outcomes.items()}

    def _has_run_all(self) -> bool:
        modules = {file.name for file in Path(__file__).parent.glob("test_*.py")}
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
