"""What the code says to people, read from its source: sentences with "..." for what differs.

Nothing is run, so a sentence is found whatever has to happen for it to be said.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType

import jobfs

UNKNOWN = "..."

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A module of jobfs, as it is written and as it is."""

    name: str
    tree: ast.Module
    module: ModuleType

    @property
    def room(self) -> str:
        """The package below `jobfs`, or the module itself that stands beside them."""
        return self.name.split(".")[1]

    def value(self, node: ast.expr) -> object:
        """Return what a name, or an attribute of one, stands for; None if only a run can tell."""
        match node:
            case ast.Name(id=name):
                return vars(self.module).get(name)
            case ast.Attribute(value=value, attr=name):
                return getattr(self.value(value), name, None)
        return None


@dataclass(frozen=True)
class Place:
    """Where an expression stands: its module, and the function around it."""

    source: Source
    around: ast.Module | _Function


@dataclass(frozen=True)
class Call(Place):
    """A call, where it stands."""

    node: ast.Call

    def called(self) -> object:
        """Return what is called; None if only a run can tell."""
        return self.source.value(self.node.func)

    def method(self) -> str:
        """Return the name under which it is called."""
        match self.node.func:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name
        return ""

    def argument(self, position: int, name: str = "") -> ast.expr | None:
        """Return an argument by its position or its name."""
        named = [keyword.value for keyword in self.node.keywords if keyword.arg == name]
        if named:
            return named[0]
        return self.node.args[position] if position < len(self.node.args) else None

    def says(self, position: int, name: str = "") -> list[str]:
        """Return everything that an argument may be, sorted; of what is alike, the most general."""
        argument = self.argument(position, name)
        return distinct(read(argument, self)) if argument else []


@cache
def sources() -> tuple[Source, ...]:
    """Return every module, but migrations."""
    names = sorted(found.name for found in pkgutil.walk_packages(jobfs.__path__, "jobfs."))
    return tuple(
        Source(name, ast.parse(Path(str(module.__file__)).read_text("utf-8")), module)
        for name in names
        if ".migrations" not in name and not name.endswith("__main__")
        for module in [importlib.import_module(name)]
    )


@cache
def calls() -> tuple[Call, ...]:
    """Return every call in every module."""
    return tuple(
        Call(place.source, place.around, node)
        for source in sources()
        for node, place in _walk(source.tree, Place(source, source.tree))
        if isinstance(node, ast.Call)
    )


def _walk(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    for child in ast.iter_child_nodes(node):
        yield child, place
        inside = Place(place.source, child) if isinstance(child, _Function) else place
        yield from _walk(child, inside)


def read(node: ast.expr, place: Place) -> list[str]:  # noqa: PLR0911 (a case each)
    """Return every text that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return _joined(parts, place)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return read(value, place)
        case ast.FormattedValue():
            return [_formatted(node, place)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([left, right], place)
        case ast.BoolOp(op=ast.Or(), values=ways):
            return [text for way in ways for text in read(way, place)]
        case ast.IfExp(body=one, orelse=other):
            return [*read(one, place), *read(other, place)]
        case ast.Name():
            return _named(node, place) or [_constant(node, place)]
        case ast.Call(func=ast.Name(id=name)):
            return _returned(name, place.source) or [UNKNOWN]
    return [_constant(node, place)]


def _joined(parts: list[ast.expr], place: Place) -> list[str]:
    return ["".join(way) for way in product(*(read(part, place) for part in parts))]


def _constant(node: ast.expr, place: Place) -> str:
    """Return a constant of a module, or "..."."""
    value = place.source.value(node)
    return str(value) if isinstance(value, str | int | float) else UNKNOWN


def _formatted(node: ast.FormattedValue, place: Place) -> str:
    value = place.source.value(node.value)
    if not isinstance(value, str | int | float):
        return f"'{UNKNOWN}'" if node.conversion == ord("r") else UNKNOWN
    spec = node.format_spec
    fits = isinstance(spec, ast.JoinedStr)
    return format(value, "".join(read(spec, place))) if fits and spec is not None else str(value)


def _named(name: ast.Name, place: Place) -> list[str]:
    """Return what a name of a function may be: what it is set to, or what its callers give it."""
    around = place.around
    if isinstance(around, ast.Module):
        return []
    sure = [set_.lineno for block in _blocks(around, name) for set_ in _set(name.id, block, name)]
    found = [
        text
        for node, inside in _walk(around, place)
        if isinstance(node, ast.Assign) and inside.around is around
        if _set(name.id, [node], name) and node.lineno >= max(sure, default=0)
        for text in read(node.value, place)
    ]
    return found or _given(name.id, around, place.source)


def _blocks(around: ast.AST, inside: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the statements up to the one that an expression is in: of its block, and those around it."""
    for node in ast.walk(around):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and any(_holds(one, inside) for one in block):
                yield block


def _holds(statement: ast.stmt, node: ast.AST) -> bool:
    return any(one is node for one in ast.walk(statement))


def _set(name: str, block: list[ast.stmt], until: ast.Name) -> list[ast.Assign]:
    """Return the statements of a block that set a name before it is used."""
    return [
        one
        for one in block
        if isinstance(one, ast.Assign) and one.lineno < until.lineno
        if any(isinstance(target, ast.Name) and target.id == name for target in one.targets)
    ]


def _given(name: str, function: _Function, source: Source) -> list[str]:
    """Return what callers give a function, by the name of a parameter, of texts alone."""
    parameters = [*function.args.posonlyargs, *function.args.args]
    names = [parameter.arg for parameter in parameters]
    texts = [parameter.arg for parameter in parameters if _is_text(parameter)]
    own = vars(source.module).get(function.name)
    if name not in texts or own is None:
        return []
    given = [call.argument(names.index(name), name) for call in calls() if call.called() is own]
    asked = [call for call in calls() if call.called() is own]
    found = [
        text for call, node in zip(asked, given, strict=True) if node for text in read(node, call)
    ]
    standard = dict(zip(names[::-1], function.args.defaults[::-1], strict=False)).get(name)
    return [*found, *(read(standard, Place(source, source.tree)) if standard else [])]


def _is_text(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and ast.unparse(parameter.annotation) == "str"


def _returned(name: str, source: Source) -> list[str]:
    """Return what a function of the module may return."""
    for node in source.tree.body:
        if isinstance(node, _Function) and node.name == name:
            return returned(node, source)
    return []


def returned(function: _Function, source: Source) -> list[str]:
    """Return the texts that a function may return."""
    values = [one.value for one in ast.walk(function) if isinstance(one, ast.Return)]
    return [text for one in values if one for text in read(one, Place(source, function))]


def distinct(texts: Iterable[str]) -> list[str]:
    """Return the texts sorted, without those that another one stands for: "..." for a word."""
    tidy = {re.sub(r"\.{4,}", UNKNOWN, " ".join(text.split())) for text in texts}
    patterns = {text: re.escape(text).replace(r"\.\.\.", r"[\w.]+") for text in tidy}
    return sorted(
        text
        for text in tidy
        if not any(
            other != text and re.fullmatch(pattern, text) for other, pattern in patterns.items()
        )
    )


def has_words(sentence: str) -> bool:
    """Tell whether a sentence has words of its own."""
    return re.search("[a-z]{2}", sentence) is not None
