"""Every row of one database into another, and proof that none has changed on the way.

The tables are taken as both databases describe them, not as today's code does: a database is also copied
before it is migrated. The target's triggers are silent meanwhile, or a copied job would append events
and make directories; its references are looked at when all rows are there, since an entry may stand in
a directory that is younger than itself. All of it needs no more than the tables' owner may do.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Row,
    String,
    Table,
    event,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.schema import AddConstraint, DropConstraint

from jobfs.catalog import migrate, opening
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import CopyDiffersError, NotEmptyError
from jobfs.catalog.schema import EventRow, Instant, RoleRow, StudioRow

#: Told how many rows more are done.
Advance = Callable[[int], object]


def _nobody(_rows: int) -> None:
    """Tell nobody."""


#: Rows that are held in memory at once.
_BATCH = 1000
#: Tables that are alembic's or the installation's own: rows in them make no studio.
_OWN = {"alembic_version", RoleRow.__tablename__, StudioRow.__tablename__}


@contextmanager
def snapshot(catalog: Catalog) -> Iterator[Connection]:
    """Give a connection that sees one moment of the database, however long it reads."""
    with catalog.reading() as connection:
        if not catalog.is_sqlite:  # where every statement would see a moment of its own
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield connection


def count(connection: Connection) -> int:
    """Return the number of rows of all tables: what `copy` advances by, twice."""
    tables = _tables(connection)
    return sum(
        connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
    )


def refuse_filled(connection: Connection) -> None:
    """Raise NotEmptyError if there is more than `jobfs init` makes."""
    for table in _tables(connection):
        if table.name not in _OWN and connection.execute(select(table).limit(1)).first():
            raise NotEmptyError(
                f"the database {connection.engine.url.render_as_string()} is not empty: there are"
                f" rows in its table {table.name}"
            )


def copy(source: Connection, target: Connection, *, advance: Advance = _nobody) -> None:
    """Make the target's rows those of the source, and compare each.

    The target's schema is at the source's revision, and it holds no more than `jobfs init` makes.
    Raises NotEmptyError, CopyDiffersError; then the target's transaction is not to be committed.
    """
    refuse_filled(target)
    pairs = _pairs(source, target)
    with _triggers_silent(target, pairs.values()), _references_later(target, pairs.values()):
        for name in _OWN & {table.name for table in pairs}:
            target.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - our own tables
        for there, here in pairs.items():
            for rows in _batches(source, there, _copied(there)):
                target.execute(insert(here), [row._asdict() for row in rows])
                advance(len(rows))
    for there, here in pairs.items():
        _set_number(target, here, _last_number(source, there))
        _compare(source, there, target, here, advance)


def portable(source: Connection, file: Path, *, advance: Advance = _nobody) -> None:
    """Copy into a new SQLite database, *file*, that needs no other file beside it.

    Whatever the studio's own database is, a backup holds this: it is one file, needs no server to be
    looked into, can be restored into either kind of database, and is proven row by row.
    """
    file.touch(mode=0o600, exist_ok=False)
    with opened(file) as catalog, opening.answering(catalog.url):
        revision = migrate.revision(source)
        assert revision is not None
        migrate.upgrade(catalog, to=revision)
        with catalog.writing() as target:
            copy(source, target, advance=advance)


@contextmanager
def opened(file: Path) -> Iterator[Catalog]:
    """Give such a copy for a block; at its end it needs no other file beside it again."""
    catalog = Catalog(URL.create("sqlite", database=str(file)), connections=2)
    try:
        yield catalog
    finally:
        catalog.dispose()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _pairs(source: Connection, target: Connection) -> Mapping[Table, Table]:
    """Return the tables of both, those that others refer to first."""
    ours = {table.name: table for table in _tables(target)}
    return {table: ours[table.name] for table in _tables(source)}


def _tables(connection: Connection) -> list[Table]:
    """Return the tables as the database describes them, without alembic's."""
    metadata = MetaData()
    event.listen(metadata, "column_reflect", _as_instant)
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def _as_instant(_inspector: object, _table: object, column: Any) -> None:
    if isinstance(column["type"], DateTime):
        column["type"] = Instant()


def _batches(
    connection: Connection, table: Table, columns: Sequence[ColumnElement[Any]]
) -> Iterator[list[Row[Any]]]:
    """Yield all rows in the order of the primary key, which is the same in both databases."""
    query = select(*columns).order_by(*(_ordered(connection, it) for it in table.primary_key))
    with connection.execute(query.execution_options(yield_per=_BATCH)) as result:
        for rows in result.partitions():
            yield list(rows)


def _copied(table: Table) -> list[ColumnElement[Any]]:
    """Return the columns of the source as they are to be in the target.

    An event's transaction id means something in its own cluster only: in another it might lie in the
    future, and the event would not be read. 0 is older than every transaction; ids keep the order.
    """
    xid = EventRow.xid.name
    return [literal(0).label(xid) if column.name == xid else column for column in table.columns]


def _ordered(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    """Return what to order by: texts by their bytes, as SQLite does."""
    is_text = isinstance(column.type, String) and connection.dialect.name == "postgresql"
    return column.collate("C") if is_text else column


def _compare(
    source: Connection, there: Table, target: Connection, here: Table, advance: Advance
) -> None:
    """Raise CopyDiffersError unless every row is the same, value by value."""
    nothing: list[Row[Any]] = []
    copied = _batches(source, there, _copied(there))
    found = _batches(target, here, [here.columns[column.name] for column in there.columns])
    for theirs, ours in zip_longest(copied, found, fillvalue=nothing):
        if theirs != ours:
            raise CopyDiffersError(f"{_first_difference(theirs, ours, there)} differs")
        advance(len(theirs))


def _first_difference(theirs: list[Row[Any]], ours: list[Row[Any]], table: Table) -> str:
    pairs = zip_longest(theirs, ours)
    which = next(one or other for one, other in pairs if one != other)
    key = ", ".join(f"{column.name} {which._mapping[column.name]}" for column in table.primary_key)
    return f"the row {key} of the table {table.name}"


@contextmanager
def _triggers_silent(target: Connection, tables: Iterable[Table]) -> Iterator[None]:
    """Let nothing be appended or made for a row that is copied; ends with the transaction at the latest."""
    if target.dialect.name == "sqlite":
        query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        triggers = target.execute(query).all()
        for name, _ in triggers:
            target.exec_driver_sql(f'DROP TRIGGER "{name}"')
        yield
        for _, statement in triggers:
            target.exec_driver_sql(statement)
        return
    for table in tables:
        target.exec_driver_sql(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
    yield
    for table in tables:
        target.exec_driver_sql(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')


@contextmanager
def _references_later(target: Connection, tables: Iterable[Table]) -> Iterator[None]:
    """Let references be looked at when all rows are there: SQLite at the commit, PostgreSQL at the end."""
    if target.dialect.name == "sqlite":
        target.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        yield
        return
    references = [one for table in tables for one in table.foreign_key_constraints]
    for one in references:
        target.execute(DropConstraint(one))
    yield
    for one in references:
        target.execute(AddConstraint(one))


def _last_number(connection: Connection, table: Table) -> int:
    """Return the highest id that was ever given, also to rows that are gone: ids are never reused."""
    sequence = _sequence(connection, table)
    if sequence is None:
        return 0
    if connection.dialect.name == "sqlite":
        query = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :name")
        return int(connection.execute(query, {"name": sequence}).scalar_one())
    query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
    highest = select(func.coalesce(func.max(*table.primary_key), 0))
    return max(int(connection.execute(one).scalar_one()) for one in (query, highest))


def _set_number(connection: Connection, table: Table, number: int) -> None:
    """Let the next row of a table have a higher id than *number*."""
    sequence = _sequence(connection, table)
    if sequence is None or number == 0:
        return
    names = {"name": sequence, "number": number}
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), names)
        connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), names)
    else:
        connection.execute(text("SELECT setval(CAST(:name AS regclass), :number)"), names)


def _sequence(connection: Connection, table: Table) -> str | None:
    """Return what gives a table its ids; None if its keys are not numbered."""
    columns = list(table.primary_key)
    if len(columns) != 1:
        return None
    if connection.dialect.name == "sqlite":
        return table.name
    query = text("SELECT pg_get_serial_sequence(quote_ident(:table), :column)")
    names = {"table": table.name, "column": columns[0].name}
    found: str | None = connection.execute(query, names).scalar_one()
    return found
