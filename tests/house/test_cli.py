"""What holds for the command line as a whole."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jobfs.cli.lazy import LazyGroup
from jobfs.cli.main import main
from jobfs.errors import JobfsError
from tests.house.commands import PAGE, every_command, page

COMMANDS = {context.command_path: context for context in every_command()}
GROUPS = [path for path, context in COMMANDS.items() if isinstance(context.command, click.Group)]
HEAVY = {"sqlalchemy", "alembic", "psycopg", "PIL", "pyfuse3", "trio", "rich"}


def test_every_command_of_the_contract_is_there() -> None:
    assert {path.removeprefix("jobfs ") for path in COMMANDS if path not in GROUPS} == {
        "init", "up", "mount", "login", "worker", "health", "wait", "grant", "revoke", "problems",
        "fsck", "events", "job remove", "photo erase",
        "status", "doctor", "completion", "connections list", "connections end",
        "job add", "job list", "job show", "job status", "job rename", "job sheet",
        "job import", "photo export", "photo rerender",
        "account add", "account list", "account show", "account card", "account passwd",
        "account quota", "account status-files",
        "account enable", "account disable", "account remove", "account key add",
        "account key remove", "photo list", "photo show", "queue list", "queue show", "queue retry",
        "queue pause", "queue resume", "trash list", "trash restore",
        "trash purge", "backup", "restore", "db copy",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_says_what_it_does(path: str) -> None:
    text = COMMANDS[path].command.help

    assert text
    assert text.partition("\n")[0].endswith(".")


@pytest.mark.parametrize("path", GROUPS)
def test_a_group_lists_each_command_with_the_first_line_of_its_help(path: str) -> None:
    group = COMMANDS[path].command
    assert isinstance(group, LazyGroup)
    for name, lazy in group.lazy.items():
        text = COMMANDS[f"{path} {name}"].command.help
        assert text is not None
        assert lazy.help == text.partition("\n")[0], name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_explained(path: str) -> None:
    for parameter in COMMANDS[path].command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help or isinstance(parameter.type, click.Choice), parameter.name


LISTINGS = (" list", " show", " problems", "jobfs status", " doctor")


@pytest.mark.parametrize("path", [path for path in COMMANDS if path.endswith(LISTINGS)])
def test_a_listing_has_json(path: str) -> None:
    assert "as_json" in {parameter.name for parameter in COMMANDS[path].command.params}


def test_refusals_that_end_a_role_are_sentences_and_bugs_are_tracebacks() -> None:
    """Trio wraps whatever ends a nursery into groups."""

    @click.group(cls=LazyGroup, lazy={})
    def group() -> None: ...

    @group.command()
    def refused() -> None:
        raise ExceptionGroup("", [ExceptionGroup("", [JobfsError("the port is taken")])])

    @group.command()
    def broken() -> None:
        raise ExceptionGroup("", [JobfsError("the port is taken"), ZeroDivisionError()])

    told = CliRunner().invoke(group, ["refused"])

    assert (told.exit_code, told.stderr) == (1, "Error: the port is taken\n")
    with pytest.raises(ExceptionGroup):
        CliRunner().invoke(group, ["broken"], catch_exceptions=False)


@pytest.mark.parametrize("path", GROUPS)
@pytest.mark.parametrize("arguments", [["--help"], ["nonsense"], []])
def test_help_and_wrong_usage_import_nothing_heavy(path: str, arguments: list[str]) -> None:
    """They answer at once; SQLAlchemy, Pillow and pyfuse3 take half a second to import."""
    command = [sys.executable, "-X", "importtime", "-m", *path.split(), *arguments]

    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == (0 if arguments == ["--help"] else 2)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if "|" in line}
    assert "click" in imported
    assert not HEAVY & imported


def test_the_page_of_commands_is_what_help_says() -> None:
    """`python -m tests.house.commands` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


# --- completion ---

NOWHERE = Path("/nowhere.toml")


def completed(*words: str, config: Path = NOWHERE) -> tuple[list[str], set[str]]:
    """Return what bash is offered for the last of the words, and what was imported for it."""
    program = "from jobfs.cli.main import main; main(prog_name='jobfs')"
    variables = {
        "PATH": os.defpath, "_JOBFS_COMPLETE": "bash_complete", "JOBFS_CONFIG": str(config),
        "COMP_WORDS": " ".join(("jobfs", *words)), "COMP_CWORD": str(len(words)),
    }  # fmt: skip
    command = [sys.executable, "-X", "importtime", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    said = run.stderr.splitlines()
    assert all(line.startswith("import time:") for line in said), "something is said at a prompt"
    imported = {line.rpartition("|")[2].strip() for line in said}
    return [line.partition(",")[2] for line in run.stdout.splitlines() if line], imported


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("q",), ["queue"]),
        (("queue", "re"), ["retry", "resume"]),
        (("account", "key", ""), ["add", "remove"]),
        (("--v",), ["--version"]),
    ],
)
def test_names_of_commands_are_completed_without_importing_anything_heavy(
    words: tuple[str, ...], offered: list[str]
) -> None:
    found, imported = completed(*words)

    assert found == offered
    assert not HEAVY & imported


def test_options_and_choices_are_completed() -> None:
    assert completed("trash", "purge", "--y")[0] == ["--yes"]
    assert completed("job", "status", "Wedding", "s")[0] == ["selling"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    run = CliRunner().invoke(main, ["completion", shell], catch_exceptions=False)

    assert run.exit_code == 0
    assert f"_JOBFS_COMPLETE={shell}_complete" in run.stdout


def test_bash_takes_what_it_is_told() -> None:
    script = CliRunner().invoke(main, ["completion", "bash"], catch_exceptions=False).stdout

    shown = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p jobfs"], capture_output=True, text=True, check=True
    )

    assert shown.stdout.rstrip().endswith("_jobfs_completion jobfs")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a studio with jobs and accounts."""
    folder = tmp_path_factory.mktemp("studio")
    file = folder / "jobfs.toml"
    file.write_text(f'[jobfs]\ndata = "{folder}/data"\nmountpoint = "{folder}/mnt"\n')
    for command in (
        ["init"], ["job", "add", "Wedding, Anna & Ben's *"], ["job", "add", "Winter"],
        ["account", "add", "zoe"], ["account", "add", "gone"], ["account", "remove", "gone"],
    ):  # fmt: skip
        CliRunner().invoke(main, ["--config", str(file), *command], catch_exceptions=False)
    return file


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("job", "show", "W"), ["Wedding, Anna & Ben's *", "Winter"]),
        (("job", "rename", "Wi"), ["Winter"]),
        (("job", "rename", "Winter", "W"), []),
        (("job", "add", "W"), []),
        (("events", "--job", "Wi"), ["Winter"]),
        (("account", "show", ""), ["zoe"]),
        (("grant", "zoe", r"Wedding,\ A"), ["Wedding, Anna & Ben's *"]),
    ],
)
def test_names_of_jobs_and_accounts_are_completed(
    settings: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    assert completed(*words, config=settings)[0] == offered
    assert completed("--config", str(settings), *words)[0] == offered


def test_without_a_studio_no_names_are_completed_and_nothing_is_said(tmp_path: Path) -> None:
    bare, wrong, away = (tmp_path / name for name in ("bare.toml", "wrong.toml", "away.toml"))
    bare.write_text(f'[jobfs]\ndata = "{tmp_path}/data"\n')
    wrong.write_text("[jobfs]\nthere is =")
    away.write_text('[jobfs]\ndatabase = "postgresql://jobfs@127.0.0.1:1/jobfs"\n')

    for config in (tmp_path / "missing.toml", bare, wrong, away):
        assert completed("job", "show", "", config=config)[0] == []
    assert not (tmp_path / "data").exists()


def test_bash_completes_a_name_as_one_word_that_it_can_read(settings: Path) -> None:
    script = CliRunner().invoke(main, ["completion", "bash"], catch_exceptions=False).stdout
    program = "from jobfs.cli.main import main; main(prog_name='jobfs')"
    asked = [
        f'jobfs() {{ {sys.executable} -c "{program}"; }}',
        script,
        "COMP_WORDS=(jobfs job show We) COMP_CWORD=3",
        "_jobfs_completion jobfs",
        'eval "set -- $COMPREPLY"',
        'printf "%s|" "${#COMPREPLY[@]}" "$@"',
    ]

    shown = subprocess.run(
        ["bash", "-c", "\n".join(asked)], capture_output=True, text=True, check=True,
        env={"PATH": os.defpath, "JOBFS_CONFIG": str(settings)},
    )  # fmt: skip

    assert shown.stdout == "1|Wedding, Anna & Ben's *|"
