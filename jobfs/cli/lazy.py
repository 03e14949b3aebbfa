"""Groups of commands that import a command's module when it is called, and not before.

SQLAlchemy, Pillow and pyfuse3 take half a second to import; a help page needs none of them.
"""

import gc
import importlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from jobfs.cli.refusals import WrongSettingsError
from jobfs.errors import JobfsError
from jobfs.settings import ConfigError


class Lazy(NamedTuple):
    """Where a command is, as "module:name", and its line in the group's help page."""

    place: str
    help: str


class LazyGroup(click.Group):
    """A group of *lazy* commands, in their order, and of other groups behind them."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every name, in the order that help shows."""
        return [*self.lazy, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing it if need be."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name].place.partition(":")
        gc.disable()  # what is loaded stays: to look for garbage meanwhile takes a sixth of the time
        try:
            command = getattr(importlib.import_module(module), attribute)
        finally:
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from what is known without importing them."""
        lines = [(name, self._help(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(lines)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names and options that begin so, from what is known without importing them."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self._help(ctx, name)) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A refusal is a sentence and exit status 1 or 2, a bug is a traceback."""
        try:
            return super().invoke(ctx)
        except ConfigError as refusal:
            raise WrongSettingsError(str(refusal)) from refusal
        except JobfsError as refusal:
            raise click.ClickException(str(refusal)) from refusal
        except ExceptionGroup as group:  # trio wraps what ends a role
            if group.split(JobfsError)[1] is not None:
                raise
            raise click.ClickException("; ".join(_sentences(group))) from group
        except PermissionError as refusal:
            who = "" if os.geteuid() == 0 else ": try sudo"
            raise click.ClickException(f"{refusal.filename}: {refusal.strerror}{who}") from refusal

    def _help(self, ctx: click.Context, name: str) -> str:
        if name in self.lazy:
            return self.lazy[name].help
        group = super().get_command(ctx, name)
        assert group is not None
        return group.get_short_help_str(limit=200)


def _sentences(group: ExceptionGroup[Exception]) -> Iterator[str]:
    """Yield the message of every error in a group, and in groups in it."""
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _sentences(error)
        else:
            yield str(error)
