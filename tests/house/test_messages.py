"""Every message that people meet has one place in its room, and stands in docs/messages.md."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from jobfs.catalog import problems
from jobfs.cli.checks import findings
from jobfs.cli.refusals import WrongSettingsError
from jobfs.domain import names
from jobfs.domain.completeness import inspect
from jobfs.domain.judgement import Evidence, judge
from jobfs.domain.problems import BY_STATE
from jobfs.domain.quotas import parse_size
from jobfs.errors import JobfsError
from jobfs.ingest import failing, refusing
from jobfs.login import keys
from jobfs.settings import in_file
from tests.house.messages import (
    PAGE,
    causes,
    complaining,
    doctor,
    explained,
    folders,
    logged,
    meaning,
    page,
    refusals,
    sentences,
    told_beside,
    unsaid,
    usage,
)
from tests.house.sentences import calls, has_words, sources

#: Where it is said what is wrong with files: before anything is opened, of the file, of the studio.
PLACES_OF_PROBLEMS = {"jobfs.domain.problems", "jobfs.ingest.refusing", "jobfs.ingest.failing"}

CUT_JPEG = b"\xff\xd8\xff\xe0\x00\x04JF"

every_refusal = pytest.mark.parametrize("refusal", refusals(), ids=lambda one: one.__name__)


def test_the_page_of_messages_is_what_the_code_says() -> None:
    """`python -m tests.house.messages` writes its made parts."""
    assert PAGE.read_text(encoding="utf-8") == page()


@every_refusal
def test_a_refusal_says_what_it_means_and_what_to_do(refusal: type[JobfsError]) -> None:
    assert meaning(refusal).endswith(".")
    assert not re.search(r"\bE[A-Z]{3,}\b", meaning(refusal)), "an errno is no meaning"
    assert "advice" in vars(refusal)
    assert refusal.advice.endswith(".")


@every_refusal
def test_what_a_refusal_says_can_be_read_from_its_source(refusal: type[JobfsError]) -> None:
    assert sentences(refusal)
    assert unsaid(refusal) == []


@every_refusal
def test_refusals_of_a_room_stand_in_one_module(refusal: type[JobfsError]) -> None:
    """A room that is a module has them in it."""
    parts = refusal.__module__.split(".")

    assert len(parts) == len(("jobfs", "module")) or parts[2:] == ["refusals"]


def test_nothing_is_refused_without_a_class_of_its_own() -> None:
    assert [call for call in calls() if call.called() is JobfsError] == []


def test_what_is_wrong_with_a_file_is_said_in_one_place() -> None:
    assert {call.source.name for call in complaining()} == PLACES_OF_PROBLEMS


def test_each_kind_of_problem_is_explained() -> None:
    kinds = {*BY_STATE, problems.MISPLACED, problems.COLLISION}

    assert [kind for kind in kinds if f"| `{kind}` |" not in PAGE.read_text("utf-8")] == []


def test_each_check_of_doctor_has_a_remedy_and_each_remedy_a_check() -> None:
    asked = {
        check
        for call in calls()
        if call.called() in {findings.ok, findings.unfit, findings.warning}
        for check in call.says(0)
    }

    assert {check for check in asked if has_words(check)} == set(findings.REMEDIES) == set(doctor())


def test_each_folder_that_is_pointed_out_is_on_the_page() -> None:
    assert len(folders()) == 5


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("Wrong usage", usage()),
        ("Beside the output", told_beside()),
        ("Tasks that fail", causes()),
        ("The log", logged()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_explained_by_hand_is_what_is_said(heading: str, said: list[str]) -> None:
    written, found = set(explained(heading)), set(said)

    assert found - written == set(), "to be explained in docs/messages.md"
    assert written - found == set(), "nobody says it any more"


def test_commands_refuse_by_classes_that_have_a_meaning() -> None:
    """Click's own exceptions are for wrong usage; a ClickException with a text is nobody's."""
    raised = [
        (source.name, node.lineno)
        for source in sources()
        if source.name != "jobfs.cli.lazy"  # which turns refusals into them
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        if source.value(node.exc.func) in {click.ClickException, WrongSettingsError}
    ]

    assert raised == []


# --- what is really said is found on the page ---


def test_a_sentence_in_hand_is_found(tmp_path: Path) -> None:
    (tmp_path / "jobfs.toml").write_text("[jobfs\n")
    cut = inspect(lambda offset, size: CUT_JPEG[offset : offset + size], len(CUT_JPEG))

    held = [
        refusal(names.entry_name, b"M\xfcller.jpg"),
        refusal(names.job_name, ".hidden"),
        refusal(parse_size, "plenty"),
        refusal(keys.parse, "no key at all"),
        refusal(lambda: list(in_file(tmp_path / "jobfs.toml", asked_by=""))),
        refusing.too_many_pixels((40_000, 40_000), 1_000_000).reason,
        failing.lost("").reason,
        str(judge("a.jpg", Evidence(finding=cut, size=len(CUT_JPEG))).reason),
    ]

    assert [sentence for sentence in held if not on_the_page(sentence)] == []


def refusal(refusing: Callable[..., object], *arguments: object) -> str:
    """Return what is said when somebody is refused."""
    with pytest.raises(JobfsError) as refused:
        refusing(*arguments)
    return str(refused.value)


def on_the_page(sentence: str) -> bool:
    """Tell whether somebody who searches for a sentence finds it, whatever its names and numbers are."""
    cells = re.findall(r"\*((?:[^*\n\\]|\\.)+)\*", PAGE.read_text("utf-8"))
    patterns = (re.escape(re.sub(r"\\(.)", r"\1", cell)) for cell in cells if has_words(cell))
    return any(re.fullmatch(pattern.replace(r"\.\.\.", ".+"), sentence) for pattern in patterns)
