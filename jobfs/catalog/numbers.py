"""Ids that are known before their rows are there, for a kernel that is told them first. Only SQLite's."""

from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, column, or_, select, table

from jobfs.catalog.prepared import Prepared

_SEQUENCE = table("sqlite_sequence", column("name"), column("seq", BigInteger))
_LAST = Prepared(
    select(_SEQUENCE.c.name, _SEQUENCE.c.seq).where(
        or_(*(_SEQUENCE.c.name == name for name in ("entry", "upload", "blob")))
    )
)


class Ids(NamedTuple):
    """Of a new file: its entry, its first version, and the bytes of that."""

    entry: int
    upload: int
    blob: int


def following(connection: Connection) -> Ids:
    """Return the ids that come next, in a transaction that keeps other writers out.

    AUTOINCREMENT, which never gives an id a second time, keeps the last ones in a table of SQLite's; of a
    table that never had a row there is none.
    """
    last = {row.name: row.seq for row in _LAST.all(connection)}
    return Ids(last.get("entry", 0) + 1, last.get("upload", 0) + 1, last.get("blob", 0) + 1)
