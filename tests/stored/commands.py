"""The command `jobfs`, as a person types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from jobfs.cli.main import main

#: Runs a command that ends with a *status*, 0 unless said otherwise; *stdin* is typed into it.
Run = Callable[..., Result]


def command(config_file: Path) -> Run:
    """Return the command with these settings."""

    def run(*arguments: str, stdin: str = "", status: int = 0) -> Result:
        whole = ["--config", str(config_file), *arguments]
        result = CliRunner().invoke(main, whole, input=stdin, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result

    return run


def json_of(result: Result) -> Any:
    """Return what a command says in JSON."""
    return json.loads(result.stdout)
