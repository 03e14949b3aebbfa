"""Statements of the kernel's requests: compiled once, and handed to SQLite as they are.

SQLAlchemy takes about ten times as long as SQLite for a statement that finds one row by its number: it looks
up what it has compiled, and makes a context, a cursor and a result for it. An upload takes thirty of them.
PostgreSQL, which is asked over a wire, gets them through SQLAlchemy.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, inspect
from sqlalchemy import insert as core_insert
from sqlalchemy import update as core_update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.type_api import TypeEngine

Process = Callable[[Any], Any]


class _Place(NamedTuple):
    """What stands for a question mark: the value of this name, or else *value*."""

    name: str
    value: Any
    process: Process | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement as SQLite takes it; *row* makes a row of what it finds, *changes* its columns."""

    sql: str
    places: tuple[_Place, ...]
    row: Callable[[Sequence[Any]], Any]
    changes: tuple[tuple[int, Process], ...]


class Prepared:
    """A statement with named values; *sets* are columns that an INSERT or UPDATE is given by name."""

    def __init__(self, statement: Executable, *sets: str) -> None:
        self._statement = statement
        self._sets = sets
        self._plan: _Plan | None = None

    def all(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Return the rows that it finds, in a transaction that has begun or begins with it."""
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name != "sqlite" or not driver.in_transaction:
            result = connection.execute(self._statement, values)
            return result.all() if result.returns_rows else ()
        plan = self._plan
        if plan is None:
            plan = self._plan = _plan(self._statement, self._sets, connection.dialect)
        return _run(connection, driver, plan, values)

    def first(self, connection: Connection, **values: Any) -> Any | None:
        """Return the one row that it finds; None without one."""
        rows = self.all(connection, **values)
        assert len(rows) <= 1, "what is asked for one row finds one"
        return rows[0] if rows else None

    def one(self, connection: Connection, **values: Any) -> Any:
        """Return the one row that it finds."""
        (row,) = self.all(connection, **values)
        return row


class OnPostgreSQL(Prepared):
    """A statement that locks what SQLite need not: its writers are alone."""

    def all(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Return the rows that it locks."""
        return super().all(connection, **values) if connection.dialect.name == "postgresql" else ()


def _run(connection: Connection, driver: Any, plan: _Plan, values: dict[str, Any]) -> Sequence[Any]:
    given = [
        values.get(name, value) if process is None else process(values.get(name, value))
        for name, value, process in plan.places
    ]
    try:
        found = driver.execute(plan.sql, given).fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            plan.sql,
            given,
            error,
            connection.dialect.loaded_dbapi.Error,
            dialect=connection.dialect,
        ) from error
    if plan.changes:
        found = [_changed(row, plan.changes) for row in found]
    return [plan.row(row) for row in found]


def _changed(row: Sequence[Any], changes: tuple[tuple[int, Process], ...]) -> list[Any]:
    columns = list(row)
    for place, process in changes:
        columns[place] = process(columns[place])
    return columns


def _plan(statement: Executable, sets: tuple[str, ...], dialect: Dialect) -> _Plan:
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=dialect, column_keys=list(sets) or None)
    assert isinstance(compiled, SQLCompiler)
    binds = [compiled.binds[name] for name in compiled.positiontup or ()]
    columns = list(getattr(statement, "exported_columns", ()))
    processes = [_from_driver(column.type, dialect) for column in columns]
    return _Plan(
        sql=compiled.string,
        places=tuple(_Place(one.key, one.value, _to_driver(one.type, dialect)) for one in binds),
        row=_rows(tuple(column.key for column in columns)),
        changes=tuple((place, one) for place, one in enumerate(processes) if one is not None),
    )


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


@cache
def _rows(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return what makes a row with these names of its columns."""
    kind: Any = namedtuple("Found", names)  # type: ignore[misc]
    make: Callable[[Sequence[Any]], Any] = kind._make
    return make


@cache
def insert(row: type, *columns: str, returning: str | None = None) -> Prepared:
    """Return the statement that adds a row of a table with values for these columns."""
    table = _table(row)
    statement: Any = core_insert(table)
    if returning is not None:
        statement = statement.returning(table.c[returning])
    return Prepared(statement, *columns)


@cache
def update(row: type, *columns: str) -> Prepared:
    """Return the statement that sets these columns of the row with the id `this`."""
    table = _table(row)
    given = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
    return Prepared(core_update(table).where(table.c.id == bindparam("this")).values(given))


def change(connection: Connection, row: type, this: int, /, **values: Any) -> None:
    """Set columns of the row with an id."""
    given = {f"new_{name}": value for name, value in values.items()}
    update(row, *values).all(connection, this=this, **given)


def add(connection: Connection, row: type, /, **values: Any) -> int:
    """Add a row; returns its id, which may be given."""
    if "id" in values:
        insert(row, *values).all(connection, **values)
        given: int = values["id"]
        return given
    found: int = insert(row, *values, returning="id").one(connection, **values).id
    return found


def _table(row: type) -> Table:
    table: Table = inspect(row).local_table
    return table
