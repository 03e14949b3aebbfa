"""What commands print: JSON for programs, tables on a terminal, aligned lines in a pipe."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

import click

#: One line of a listing, or what is shown of one thing: JSON's own types, and aware datetimes.
Facts = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])  # a function yet to become one


def json_option(command: Command) -> Command:
    """Give a command the option `--json`, its parameter *as_json*."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON; times are UTC.")
    return option(command)


def print_listing(
    lines: Sequence[Facts], columns: Sequence[str], *, as_json: bool, timezone: tzinfo
) -> None:
    """Print a line per fact; people get *columns* only, and times in *timezone*."""
    if as_json:
        click.echo(_json(lines))
        return
    titles = [_title(column) for column in columns]
    cells = [[cell(line[column], timezone) for column in columns] for line in lines]
    if sys.stdout.isatty():
        _print_table(titles, cells)
    else:
        _print_aligned([titles, *cells])


def print_facts(facts: Facts, *, as_json: bool, timezone: tzinfo) -> None:
    """Print what is known about one thing, a fact per line."""
    if as_json:
        click.echo(_json(facts))
        return
    width = max(len(name) for name in facts) + 2
    for name, value in facts.items():
        several = value if isinstance(value, list) else [value]
        for position, one in enumerate(several or [""]):
            label = "" if position else f"{name.replace('_', ' ')}:"
            click.echo(f"{label:{width}}{cell(one, timezone)}".rstrip())


def json_line(facts: Facts) -> str:
    """Return what is known about one thing as JSON on one line."""
    return json.dumps(facts, default=_instant)


def cell(value: object, timezone: tzinfo) -> str:
    """Return *value* as people read it; names are made harmless for a terminal."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(timezone).strftime("%Y-%m-%d %H:%M:%S %z")
        case dict():
            return " ".join(cell(part, timezone) for part in value.values())
        case list():
            return ", ".join(cell(part, timezone) for part in value)
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """Return *text* so that it stays on one line and cannot speak to a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _json(value: object) -> str:
    # ASCII only: no locale can spoil it, and no name in it can speak to a terminal.
    return json.dumps(value, indent=2, default=_instant)


def _instant(value: object) -> str:
    assert isinstance(value, datetime), f"no type of JSON: {value!r}"
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _title(column: str) -> str:
    return column.replace("_", " ").upper()


def _print_aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo(
            "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        )


#: Columns up to this width, which times have, are not broken while longer ones can be.
_UNBROKEN = 25


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - help and pipes need none of it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, *column in zip(titles, *rows, strict=True):
        is_narrow = max(map(len, [title, *column])) <= _UNBROKEN
        table.add_column(title, overflow="fold", no_wrap=is_narrow)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
