"""Rules about this project that no tool checks."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobfs
from jobfs.errors import JobfsError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jobfs"
#: Lines. Where a reader loses the thread; a question, so a module may be named here with its reason.
LONGEST_MODULE = 420
LONGER_FOR_A_REASON = {"schema.py", "0001_first.py"}  # every table and column on one page


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def refusals() -> Iterator[type[JobfsError]]:
    for module in pkgutil.walk_packages(jobfs.__path__, "jobfs."):
        if ".migrations" in module.name or module.name.endswith("__main__"):
            continue
        members = vars(importlib.import_module(module.name)).values()
        for member in members:
            own = inspect.isclass(member) and member.__module__ == module.name
            if own and issubclass(member, JobfsError) and member is not JobfsError:
                yield member


@pytest.mark.parametrize("refusal", list(refusals()), ids=lambda refusal: refusal.__name__)
def test_a_refusal_says_when_and_why_its_errno(refusal: type[JobfsError]) -> None:
    assert refusal.__doc__, "no docstring"
    assert refusal.__name__.endswith("Error")
    assert refusal.errno > 0


def test_every_room_stands_in_the_architecture() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()

    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    modules = [path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")]

    assert [room for room in rooms if f"{room}/" not in page] == []
    assert [module for module in modules if module not in page] == []


def test_the_architecture_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("word", ["tenant", "gallery", "derivative"])
def test_a_word_that_means_something_else_is_not_used(word: str) -> None:
    files = [*sources("jobfs"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

    assert [
        path for path in files if re.search(rf"\b{word}", path.read_text(), re.IGNORECASE)
    ] == []


@pytest.mark.parametrize("path", sources("jobfs"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_can_be_read_at_once(path: Path) -> None:
    assert path.name in LONGER_FOR_A_REASON or len(path.read_text().splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize(
    "path", sources("jobfs", "tests"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = [word + mark for word, mark in (("TO", "DO"), ("FIX", "ME"), ("X", "XX:"))]

    assert [mark for mark in marks if mark in path.read_text()] == []


@pytest.mark.parametrize("path", sources("tests"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_fakes_or_sleeps(path: Path) -> None:
    forbidden = ["mock" + ".", "Magic" + "Mock", "time." + "sleep(", "trio." + "sleep("]

    assert [word for word in forbidden if word in path.read_text()] == []


def test_a_decision_fits_on_a_page() -> None:
    pages = sorted((PACKAGE / "decisions").glob("*.md"))

    assert pages
    for number, page in enumerate(pages, start=1):
        text = page.read_text()
        assert page.name.startswith(f"{number:04}-")
        assert all(part in text for part in ("*Context.*", "*Decision.*", "*Price.*"))
        assert len(text.splitlines()) <= 60


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## {jobfs.__version__}" in (ROOT / "CHANGELOG.md").read_text()
