"""`jobfs status`: one screen of all that an operator looks at first."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.cli.output import Facts, json_line, json_option, print_facts, printable
from jobfs.cli.overview import overview
from jobfs.cli.refusals import StuckUploadsError
from jobfs.cli.screen import Line, plain, screen, table
from jobfs.cli.studio import Studio

_INTERVAL = 2.0  # seconds between two looks

Show = Callable[[Facts], None]


@click.command()
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@json_option
@click.pass_obj
def status(studio: Studio, *, watch: bool, as_json: bool) -> None:
    """Show the whole studio on one screen.

    What is at work, who is connected, what arrives and waits, how much room there is, and the last
    problems. Exit status 1 and a sentence when an upload that was received 15 minutes ago is neither a
    photo nor listed as a problem; imported files count, too, though they wait behind uploads. With --watch
    and --json, each look is one line.
    """
    with _shown(studio, watch=watch, as_json=as_json) as show:
        last = _watch(studio, show) if watch else _look(studio, show)
    if last["stuck"]:
        raise StuckUploadsError(verdict(last["stuck"]))


def verdict(stuck: list[Facts]) -> str:
    """Return what is wrong, in a sentence."""
    oldest = stuck[0]
    others = f", and so are {len(stuck) - 1} more" if stuck[1:] else ""
    return (
        f"{printable(oldest['path'])} was received {oldest['minutes']} minutes ago and is neither a"
        f" photo nor a problem{others}: see `jobfs queue list` and `jobfs health worker`"
    )


def _look(studio: Studio, show: Show) -> Facts:
    facts = overview(studio, now=datetime.now(UTC))
    show(facts)
    return facts


def _watch(studio: Studio, show: Show) -> Facts:
    """Look again and again until Ctrl-C, whenever it comes; return what was seen last.

    A database that is away meanwhile is a thing to see; one that is not there at first ends it.
    """
    never = threading.Event()
    last = overview(studio, now=datetime.now(UTC))
    try:
        show(last)
        while not never.wait(_INTERVAL):
            last = _look_again(studio, last)
            show(last)
    except KeyboardInterrupt:
        pass
    return last


def _look_again(studio: Studio, last: Facts) -> Facts:
    now = datetime.now(UTC)
    try:
        return overview(studio, now=now)
    except CatalogUnavailableError as error:
        return {**last, "at": now, "error": str(error)}


@contextmanager
def _shown(studio: Studio, *, watch: bool, as_json: bool) -> Iterator[Show]:
    """Give what shows a look: JSON, a table on a terminal, lines in a pipe."""
    timezone = studio.timezone

    def show_json(facts: Facts) -> None:
        if watch:
            click.echo(json_line(facts))
        else:
            print_facts(facts, as_json=True, timezone=timezone)

    def show_plain(facts: Facts) -> None:
        click.echo(plain(screen(facts, timezone)) + "\n" * watch)

    if as_json or not sys.stdout.isatty():
        yield show_json if as_json else show_plain
        return
    with _live(watch=watch) as show_lines:
        yield lambda facts: show_lines(screen(facts, timezone))


@contextmanager
def _live(*, watch: bool) -> Iterator[Callable[[list[Line]], None]]:
    """Give what shows lines on a terminal; while watching, in the place of the last ones."""
    from rich.console import Console  # noqa: PLC0415 - pipes need none of it
    from rich.live import Live  # noqa: PLC0415

    console = Console()
    if not watch:
        yield lambda lines: console.print(table(lines))
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda lines: live.update(table(lines), refresh=True)
