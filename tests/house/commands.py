"""Every command of `jobfs`, and the page that documents them.

`python -m tests.house.commands` writes docs/commands.md anew.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from jobfs.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_WIDTH = 88  # characters of a line of help

_INTRODUCTION = """\
# Commands

What `jobfs COMMAND --help` says, for every command. Settings come from `--config FILE`, else from
the file that `JOBFS_CONFIG` names, else from `/etc/jobfs/jobfs.toml`; see `deploy/jobfs.toml`.

Exit status: 0 done; 1 refused, with a sentence on standard error; 2 wrong usage or settings.

With `--json`, a listing is one JSON document: a list with an object for each line. Its times are UTC.
Without it, people see times in the studio's time zone.
"""


def every_command(context: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a context of each command and group, in the order in which help shows them."""
    if context is None:
        settings = main.context_settings
        context = click.Context(main, info_name="jobfs", terminal_width=_WIDTH, **settings)
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            below = click.Context(command, parent=context, info_name=name, terminal_width=_WIDTH)
            yield from every_command(below)


def page() -> str:
    """Return the text of docs/commands.md."""
    sections = [
        f"## {context.command_path}\n\n```\n{context.get_help()}\n```\n"
        for context in every_command()
    ]
    return "\n".join([_INTRODUCTION, *sections])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
