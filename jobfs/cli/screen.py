"""The lines of `jobfs status`, for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from jobfs.cli.output import Facts, cell, printable
from jobfs.daemon import KINDS
from jobfs.domain.quotas import size_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from rich.console import Group

#: Accounts that are named in the line of connections; stuck uploads that have a line.
_ACCOUNTS, _STUCK = 5, 3
#: Share of the disk, or of its files, below which room is scarce; docs/monitoring.md says the same.
_SCARCE = 0.2


class Line(NamedTuple):
    """One line: *alarming* if somebody should do something about it."""

    label: str
    text: str
    alarming: bool = False


def screen(facts: Facts, timezone: tzinfo) -> list[Line]:
    """Return what fits on a screen."""
    head = f"jobfs {facts['version']}, {cell(facts['at'], timezone)}"
    error = [Line("", facts["error"], alarming=True)] if "error" in facts else []
    return [
        Line(printable(facts["studio"]), head),
        *error,
        *_roles(facts),
        _connections(facts),
        Line("arriving", _number(facts["arriving"], "file")),
        *_queue(facts),
        *_stuck(facts),
        _space(facts["space"]),
        *_problems(facts, timezone),
    ]


def plain(lines: list[Line]) -> str:
    """Return the lines aligned, for a pipe."""
    width = max(len(line.label) for line in lines[1:]) + 2
    head, *rest = lines
    texts = [f"{head.label}  {head.text}", *(f"{line.label:{width}}{line.text}" for line in rest)]
    return "\n".join(text.rstrip() for text in texts)


def table(lines: list[Line]) -> Group:
    """Return the lines as a table for a terminal; what is alarming is red."""
    from rich.console import Group  # noqa: PLC0415 - pipes need none of it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    head, *rest = lines
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for line in rest:
        grid.add_row(line.label, Text(line.text, style="red" if line.alarming else ""))
    return Group(Text(f"{head.label}  {head.text}", style="bold"), grid)


def _roles(facts: Facts) -> Iterator[Line]:
    for kind in KINDS:
        ours = [role for role in facts["roles"] if role["kind"] == kind]
        if kind in facts["missing"]:
            yield Line(kind, "none at work", alarming=True)
        if not ours:
            continue
        each = [f"{role['state']} (process {role['pid']} on {role['machine']})" for role in ours]
        if kind == "mount":
            each.append(facts["mountpoint"] + ("" if facts["mounted"] else " is not mounted here"))
        yield Line(kind, ", ".join(each), any(role["state"] == "silent" for role in ours))


def _connections(facts: Facts) -> Line:
    each = Counter(one["account"] for one in facts["connections"])
    named = [f"{account} {number}" for account, number in each.most_common(_ACCOUNTS)]
    more = [f"{len(each) - _ACCOUNTS} more accounts"] if len(each) > _ACCOUNTS else []
    who = f": {', '.join([*named, *more])}" if named else ""
    return Line("connections", f"{each.total()}{who}")


def _queue(facts: Facts) -> Iterator[Line]:
    label = "queue"
    if facts["paused"]:
        yield Line(label, "paused: `jobfs queue resume` lets workers begin again", alarming=True)
        label = ""
    for word, counted in facts["queue"].items():
        busy = [f"{counted[state]} {state}" for state in ("waiting", "working", "failed")]
        if word == "upload" or any(counted[state] for state in ("waiting", "working", "failed")):
            age = "" if counted["age"] is None else f", the oldest for {counted['age']} s"
            yield Line(label, f"{word}: {', '.join(busy)}{age}", counted["failed"] > 0)
            label = ""


def _stuck(facts: Facts) -> Iterator[Line]:
    label = "stuck"
    for one in facts["stuck"][:_STUCK]:
        text = f"{printable(one['path'])}: received {one['minutes']} minutes ago"
        yield Line(label, text, alarming=True)
        label = ""
    if facts["stuck"][_STUCK:]:
        yield Line("", f"and {len(facts['stuck']) - _STUCK} more", alarming=True)


def _space(space: Facts | None) -> Line:
    if space is None:
        return Line("space", "the store is on another machine")
    share = space["free"] / space["total"]
    shares, text = [share], f"{size_in_words(space['free'])} free ({share:.0%})"
    if space["files"]:  # some file systems have no limit, and say 0
        shares.append(space["free_files"] / space["files"])
        text += f", {shares[-1]:.0%} of the files"
    return Line("space", text, min(shares) < _SCARCE)


def _problems(facts: Facts, timezone: tzinfo) -> Iterator[Line]:
    yield Line("problems", str(facts["problems"]))
    for one in facts["last_problems"]:
        at = cell(one["at"], timezone)
        yield Line("", printable(f"{at}  {one['job']}/{one['path']}: {one['text']}"))


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
