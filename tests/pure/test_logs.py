"""A line of the log says what happened, with the facts that it was given, and is one JSON object."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

_PROGRAM = """
import logging
from jobfs import logs

logs.configure("info", role="mount")
log = logging.getLogger("jobfs.somewhere")
{statements}
"""


def _logged(statements: str) -> list[dict[str, Any]]:
    """Return the lines that a program writes into its log."""
    program = [sys.executable, "-c", _PROGRAM.format(statements=statements)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_says_what_who_how_grave_and_when() -> None:
    before = datetime.now(UTC)
    (line,) = _logged('log.warning("upload of %r: %s", "Straße.jpg", "received")')

    assert before <= datetime.fromisoformat(line.pop("timestamp")) <= datetime.now(UTC)
    assert line == {
        "event": "upload of 'Straße.jpg': received",
        "logger": "jobfs.somewhere",
        "level": "warning",
        "role": "mount",
    }


def test_the_facts_of_a_line_are_its_fields_whatever_they_are() -> None:
    (line,) = _logged(
        'log.info("x", extra={"size": 5, "path": "Job/a.jpg", "of": {1}, "name_": None})'
    )

    facts = {name: line[name] for name in ("size", "path", "of", "name_")}
    assert facts == {"size": 5, "path": "Job/a.jpg", "of": "{1}", "name_": None}


def test_what_was_raised_stands_in_the_same_line() -> None:
    (line,) = _logged('try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception("oh")')

    assert line["event"] == "oh"
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("statement", ['log.debug("x")', 'logging.getLogger("alembic").info("x")'])
def test_what_nobody_wants_to_know_is_not_written(statement: str) -> None:
    assert _logged(statement) == []
