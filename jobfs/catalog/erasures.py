"""What was erased: the record by which a backup made before does not bring it back.

It names rows by their ids and nothing else of them. Bytes are recorded with the rows that named them,
until they are deleted as well: whoever is killed in between leaves that to the next.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from jobfs.catalog.schema import ErasureRow


class Kind(StrEnum):
    """What an erasure names."""

    JOB = "job"
    ENTRY = "entry"  # a file with all its versions
    UPLOAD = "upload"  # one version of a file that is still there
    ORIGINAL = "original"  # bytes that are still to be deleted
    RENDITION = "rendition"  # likewise


#: Those that a restored backup must be told.
LASTING = (Kind.JOB, Kind.ENTRY, Kind.UPLOAD)
#: Rows of one statement.
_BATCH = 200


@dataclass(frozen=True, slots=True, order=True)
class Erasure:
    """One line of the record; *name* is an id, or a key in the store."""

    kind: Kind
    name: str
    at: datetime


def note(connection: Connection, kind: Kind, names: Iterable[object], *, at: datetime) -> None:
    """Record what was erased; what is recorded already keeps its time."""
    merge(connection, [Erasure(kind, str(name), at) for name in names])


def merge(connection: Connection, erasures: Collection[Erasure]) -> None:
    """Add to the record what it does not have yet."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    unknown = insert(ErasureRow).on_conflict_do_nothing()
    rows = [{"kind": one.kind.value, "name": one.name, "at": one.at} for one in erasures]
    for first in range(0, len(rows), _BATCH):
        connection.execute(unknown, rows[first : first + _BATCH])


def lasting(connection: Connection) -> list[Erasure]:
    """Return what a restored backup must be told, in a fixed order."""
    return _of(connection, LASTING)


def bytes_left(connection: Connection) -> list[Erasure]:
    """Return the bytes whose rows are struck, and that may still be in the store."""
    return _of(connection, (Kind.ORIGINAL, Kind.RENDITION))


def bytes_gone(connection: Connection, gone: Collection[Erasure]) -> None:
    """Strike from the record what has been deleted from the store."""
    for kind in (Kind.ORIGINAL, Kind.RENDITION):
        forget(connection, kind, [one.name for one in gone if one.kind is kind])


def forget(connection: Connection, kind: Kind, names: Sequence[str]) -> None:
    """Strike lines from the record."""
    for first in range(0, len(names), _BATCH):
        these = ErasureRow.name.in_(names[first : first + _BATCH])
        connection.execute(delete(ErasureRow).where(ErasureRow.kind == kind.value, these))


def _of(connection: Connection, kinds: Iterable[Kind]) -> list[Erasure]:
    query = select(ErasureRow).where(ErasureRow.kind.in_([kind.value for kind in kinds]))
    rows = connection.execute(query)
    return sorted(Erasure(Kind(row.kind), row.name, row.at) for row in rows)
