"""Every message that people meet, and the page that documents them.

`python -m tests.house.messages` writes the parts of docs/messages.md anew that are made of the code:
those between `<!-- made: NAME -->` and `<!-- end -->`. What stands in the log, and beside the output
of commands, is explained by hand, and only compared with the code.
"""

import ast
import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import getdoc
from pathlib import Path
from typing import NamedTuple

import click

from jobfs.catalog import checking as catalog_checking
from jobfs.cli import checking
from jobfs.cli.checks import findings
from jobfs.cli.refusals import WrongSettingsError
from jobfs.domain import placement, problems
from jobfs.domain.formats.finding import Finding, Structure
from jobfs.domain.problems import LOOK_AT_THE_CARD, Problem
from jobfs.errors import JobfsError
from jobfs.ingest.outcomes import Broken, Refused
from jobfs.settings import ConfigError
from jobfs.tree.refusals import DetachedError
from tests.house.sentences import (
    UNKNOWN,
    Call,
    calls,
    distinct,
    has_words,
    returned,
    sources,
)

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"

#: What OpenSSH's client side is told by an errno; all others are "Failure". See jobfs/errors.py.
_WORDS = {
    errno.ENOENT: "No such file",
    errno.EPERM: "Permission denied",
    errno.EACCES: "Permission denied",
    errno.EINVAL: "Bad message",
    errno.ENAMETOOLONG: "Bad message",
    errno.ENOSYS: "Operation unsupported",
}
_LEVELS = {"warning", "error", "exception", "critical", "log"}
#: Modules beside the rooms that start roles, or look whether they could.
_STARTING = ("supervisor", "daemon", "selftest", "mounts")

Row = tuple[str, ...]


class Complaint(NamedTuple):
    """What is said of a file, and what is to be done."""

    texts: list[str]
    advice: str


# --- refusals ---


def refusals() -> list[type[JobfsError]]:
    """Return every class of refusals, room by room."""
    found = {
        member: source.room
        for source in sources()
        for member in vars(source.module).values()
        if isinstance(member, type)
        and issubclass(member, JobfsError)
        and member.__module__ == source.name
        and member is not JobfsError
    }
    return sorted(found, key=lambda refusal: (found[refusal], refusal.__name__))


def sentences(refusal: type[JobfsError]) -> list[str]:
    """Return what a refusal may say."""
    own = [call for call in calls() if _is_super_of(call, refusal)]
    if own:
        return distinct(text for call in own for text in call.says(0))
    said = [text for call in calls() if call.called() is refusal for text in call.says(0)]
    if refusal is DetachedError:
        said += [f"'{UNKNOWN}': {why}" for why in _whys()]
    return distinct(filter(has_words, said))


def _whys() -> Iterator[str]:
    """Yield why a handle may no longer write, which it is told of when it is next used."""
    for call in calls():
        if call.method() == "detach":
            yield from call.says(1)
    for source in sources():
        for node in ast.walk(source.tree):
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(attr="refused")], value=ast.Constant(value=str(why))
                ):
                    yield why


def _is_super_of(call: Call, refusal: type[JobfsError]) -> bool:
    """Tell whether this is the call in the class's own __init__ that makes its sentence."""
    is_init = isinstance(call.around, ast.FunctionDef) and call.around.name == "__init__"
    own = vars(refusal).get("__init__")
    return (
        is_init
        and own is not None
        and call.method() == "__init__"
        and call.source.name == refusal.__module__
        and own.__code__.co_firstlineno == call.around.lineno  # type: ignore[union-attr]
    )


def unsaid(refusal: type[JobfsError]) -> list[Call]:
    """Return where a refusal is made with a text that the source does not show."""
    if "__init__" in vars(refusal):
        return []
    if refusal is DetachedError:
        return []  # the reason is kept until the handle is used: see _whys
    made = [call for call in calls() if call.called() is refusal]
    return [call for call in made if not any(map(has_words, call.says(0)))]


def meaning(refusal: type[JobfsError]) -> str:
    """Return what a refusal means: the first paragraph of its docstring."""
    return " ".join((getdoc(refusal) or "").partition("\n\n")[0].split())


def shown_by_clients(refusal: type[JobfsError]) -> str:
    """Return what a client of OpenSSH's server shows for a refusal."""
    return _WORDS.get(refusal.errno, "Failure")


def _in_clients() -> str:
    by_word = defaultdict(list)
    for refusal in refusals():
        if refusal.reaches_clients:
            by_word[shown_by_clients(refusal)].append(refusal)
    return "\n".join(
        f"### {word}\n\n"
        + _table(
            ("because", "it means", "do", "in a shell"),
            sorted((*_row(one), os.strerror(one.errno)) for one in by_word[word]),
        )
        for word in sorted(by_word)
    )


def _of_rooms(*rooms: str) -> Callable[[], str]:
    def table() -> str:
        return _table(
            ("it says", "it means", "do"),
            sorted(
                _row(one)
                for one in refusals()
                if one.__module__.split(".")[1] in rooms
                and not one.reaches_clients
                and one is not ConfigError
            ),
        )

    return table


def _row(refusal: type[JobfsError]) -> Row:
    return _said(sentences(refusal)), meaning(refusal), refusal.advice


def _settings() -> str:
    files = [(_said([text]), "") for text in sentences(ConfigError)]
    values = {
        (_said(filter(has_words, call.says(0))), _lines(call.says(1)))
        for call in calls()
        if call.method() == "refusal" and call.source.room in {"config", "settings"}
    }
    return _table(("it says", "allowed"), [*files, *sorted(values)])


# --- problems ---


def complaints() -> Iterator[Complaint]:
    """Yield what is said of files that are no photos."""
    for call in complaining():
        texts = call.says(0, "reason")
        yield Complaint(texts, " ".join(call.says(1, "advice")))
    for call in calls():
        if (
            call.called() is Problem
            and getattr(call.around, "name", "") == problems.truncated.__name__
        ):
            yield Complaint(truncations(), " ".join(call.says(1)))
    yield Complaint(["(the same again, of a file that was sent twice)"], LOOK_AT_THE_CARD)


def complaining() -> list[Call]:
    """Return where it is said what is wrong with a file."""
    made = [call for call in calls() if call.called() in {Problem, Refused, Broken}]
    return [call for call in made if any(map(has_words, call.says(0, "reason")))]


def truncations() -> list[str]:
    """Return how it is said that a picture's structure ends too early."""
    found = [call for call in calls() if call.called() is Finding]
    cut = [call for call in found if call.source.value(call.node.args[0]) is Structure.TRUNCATED]
    reasons = [text for call in cut for text in call.says(2)]
    return distinct(re.sub("^the .+? file ", f"the {UNKNOWN} file ", text) for text in reasons)


def _problems() -> str:
    rows = [(_said(one.texts), one.advice) for one in complaints()]
    return _table(("it says", "do"), sorted(rows))


def folders() -> list[str]:
    """Return what is pointed out about folders."""
    source = next(one for one in sources() if one.module is placement)
    return distinct(
        text
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_note")
        for text in returned(node, source)
        if has_words(text)
    )


def _folders() -> str:
    return _table(("it says",), [(_said([text]),) for text in folders()])


# --- doctor and fsck ---


def doctor() -> Mapping[str, list[str]]:
    """Return what each check of `jobfs doctor` may find amiss."""
    found: dict[str, list[str]] = defaultdict(list)
    for call in calls():
        if call.called() in {findings.unfit, findings.warning}:
            for check in call.says(0):
                found[check] += filter(has_words, call.says(1))
    return {check: distinct(found[check]) for check in findings.REMEDIES}


def _doctor() -> str:
    rows = [
        (
            f"`{check}`",
            _said(texts) or "the sentence of the refusal, see above",
            findings.REMEDIES[check],
        )
        for check, texts in doctor().items()
    ]
    return _table(("check", "it says", "do"), rows)


def faults() -> Mapping[str, tuple[list[str], list[str]]]:
    """Return what `jobfs fsck` says of each kind of fault, and what it advises."""
    texts: dict[str, list[str]] = defaultdict(list)
    advice: dict[str, list[str]] = defaultdict(list)
    for call in calls():
        if call.called() is checking.Fault or call.method() == "_note":
            is_fault = call.called() is checking.Fault
            kind = call.argument(9 if is_fault else 0, "kind")
            if kind is None or not isinstance(call.source.value(kind), checking.Kind):
                continue
            name = str(call.source.value(kind))
            texts[name] += filter(has_words, call.says(9 if is_fault else 2, "text"))
            advice[name] += call.says(9 if is_fault else 3, "advice")
    texts["rows"] += [text for text, _, _ in catalog_checking._FAULTS]
    for call in calls():
        if call.called() is catalog_checking.Contradiction:
            texts["rows"] += filter(has_words, call.says(1))
    return {kind: (distinct(texts[kind]), distinct(advice[kind])) for kind in checking.Kind}


def _fsck() -> str:
    rows = [
        (f"`{kind}`", _said(texts), _lines(advice)) for kind, (texts, advice) in faults().items()
    ]
    return _table(("kind", "it says", "do"), rows)


# --- usage, the log, standard error ---


def usage() -> list[str]:
    """Return what commands themselves call wrong usage, or refuse without a class of their own."""
    return distinct(
        text
        for call in calls()
        if isinstance(call.called(), type)
        and issubclass(call.called(), click.ClickException)  # type: ignore[arg-type]
        and call.called() is not WrongSettingsError
        for text in call.says(0)
        if has_words(text)
    )


def logged() -> list[str]:
    """Return every line of the log that may ask for somebody: warnings and errors."""
    return distinct(text for call in calls() for text in _logged(call) if has_words(text))


def _logged(call: Call) -> list[str]:
    func = call.node.func
    if not (isinstance(func, ast.Attribute) and func.attr in _LEVELS):
        return []
    if not (isinstance(func.value, ast.Name) and func.value.id.endswith("log")):
        return []
    at = 1 if func.attr == "log" else 0  # behind the level
    if call.says(at) == ["%s"]:
        return call.says(at + 1)
    texts = [text.replace("%r", f"'{UNKNOWN}'") for text in call.says(at)]
    return [re.sub("%[.0-9]*[a-z]", UNKNOWN, text) for text in texts]


def causes() -> list[str]:
    """Return why a task is tried again, or has failed."""
    broken = [text for call in calls() if call.called() is Broken for text in call.says(9, "cause")]
    back = [call for call in calls() if call.method() in {"postpone", "_postpone"}]
    again = [text for call in back for text in call.says(2, "error")]
    return distinct(filter(has_words, [*broken, *again]))


def told_beside() -> list[str]:
    """Return what commands say on standard error though they do what they are asked."""
    return distinct(
        text
        for call in calls()
        if call.source.room == "cli" and call.method() == "echo" and call.argument(9, "err")
        for text in call.says(0)
        if has_words(text)
    )


def explained(heading: str) -> list[str]:
    """Return what the first cells of a hand-written table say, below a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (\*.*?\*) \|", section, re.MULTILINE)
    return [_unescaped(text) for cell in cells for text in cell.split("<br>")]


# --- the page ---


_MADE: Mapping[str, Callable[[], str]] = {
    "clients": _in_clients,
    "problems": _problems,
    "folders": _folders,
    "starting": _of_rooms(*_STARTING, "mount", "ingest"),
    "login": _of_rooms("login"),
    "settings": _settings,
    "names": _of_rooms("domain"),
    "catalog": _of_rooms("catalog"),
    "store": _of_rooms("blobs"),
    "commands": _of_rooms("cli"),
    "doctor": _doctor,
    "fsck": _fsck,
}


def page() -> str:
    """Return the text of docs/messages.md as the code wants it."""
    text = PAGE.read_text("utf-8")
    made = re.findall(r"<!-- made: (\w+) -->", text)
    assert sorted(made) == sorted(_MADE), "each part stands there once"
    return re.sub(
        r"(?s)(<!-- made: (\w+) -->\n).*?(<!-- end -->)",
        lambda part: f"{part[1]}\n{_MADE[part[2]]()}\n{part[3]}",
        text,
    )


def _table(titles: Row, rows: Iterable[Row]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _said(texts: Iterable[str]) -> str:
    return "<br>".join(f"*{_escaped(text)}*" for text in texts)


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(texts)


def _escaped(text: str) -> str:
    return re.sub(r"([*_<])", r"\\\1", text)


def _unescaped(cell: str) -> str:
    return re.sub(r"\\([*_<|])", r"\1", cell.removeprefix("*").removesuffix("*"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
