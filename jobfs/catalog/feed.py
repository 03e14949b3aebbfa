"""The event feed: appending to it, and reading it without gaps."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
)

from jobfs.catalog.schema import EventRow
from jobfs.domain.events import EventKind


class Position(NamedTuple):
    """A place in the feed; everything up to and including it has been seen."""

    xid: int
    id: int


#: Before the first event.
START = Position(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of what happened; *data* holds further facts."""

    position: Position
    at: datetime
    kind: str
    account_id: int | None
    job_id: int | None
    entry_id: int | None
    upload_id: int | None
    photo_id: int | None
    data: dict[str, Any]


def append(
    connection: Connection,
    kind: EventKind,
    *,
    data: dict[str, Any] | None = None,
    **ids: int | None,
) -> None:
    """Append an event to the transaction; *ids* are the columns account_id, job_id, ..."""
    values: dict[str, Any] = {"at": datetime.now(UTC), "kind": kind.value, **ids}
    if data:
        values["data"] = json.dumps(data, ensure_ascii=False)
    connection.execute(insert(EventRow).values(values))


def after(connection: Connection, position: Position, *, limit: int = 1000) -> list[Event]:
    """Return the next events behind *position*, oldest first.

    PostgreSQL hands out ids before transactions commit, so the highest id says nothing of those below.
    There the order is (transaction, id), and only transactions older than every running one are
    read: no event can appear before the last one returned.
    """
    place = tuple_(EventRow.xid, EventRow.id)
    query = (
        select(EventRow)
        .where(place > tuple_(position.xid, position.id))
        .order_by(EventRow.xid, EventRow.id)
        .limit(limit)
    )
    if connection.dialect.name == "postgresql":
        query = query.where(EventRow.xid < _oldest_running())
    return [_event(row) for row in connection.execute(query)]


def look(connection: Connection, position: Position) -> tuple[list[Event], bool]:
    """Return the next events, and whether there are none only because they are held back.

    What holds them back is a transaction that runs; nobody rings when it ends without a change.
    """
    events = after(connection, position)
    return events, not events and _is_held_back(connection, position)


def end(connection: Connection) -> Position:
    """Return the position behind everything that can be read now."""
    query = (
        select(EventRow.xid, EventRow.id).order_by(EventRow.xid.desc(), EventRow.id.desc()).limit(1)
    )
    if connection.dialect.name == "postgresql":
        query = query.where(EventRow.xid < _oldest_running())
    row = connection.execute(query).one_or_none()
    return START if row is None else Position(row.xid, row.id)


def last_of_transaction(connection: Connection) -> Position:
    """Return the position of the newest event, also if its own transaction is still running."""
    query = select(EventRow.xid, EventRow.id).order_by(EventRow.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return START if row is None else Position(row.xid, row.id)


def forget(connection: Connection, *, before: datetime, limit: int = 1000) -> int:
    """Delete some of the events older than an instant; returns how many: call again until that is 0.

    The newest stays, however old: whoever asks for the feed's end must not be sent back to its begin.
    """
    newest = connection.execute(select(func.max(EventRow.id))).scalar()
    oldest = select(EventRow.id, EventRow.at).order_by(EventRow.id).limit(limit)
    ids = [row.id for row in connection.execute(oldest) if row.at < before and row.id != newest]
    connection.execute(delete(EventRow).where(EventRow.id.in_(ids)))
    return len(ids)


def _is_held_back(connection: Connection, position: Position) -> bool:
    if connection.dialect.name != "postgresql":
        return False
    later = tuple_(EventRow.xid, EventRow.id) > tuple_(position.xid, position.id)
    return connection.execute(select(EventRow.id).where(later).limit(1)).first() is not None


def _oldest_running() -> ColumnElement[int]:
    return literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)


def _event(row: Row[Any]) -> Event:
    return Event(
        position=Position(row.xid, row.id),
        at=row.at,
        kind=row.kind,
        account_id=row.account_id,
        job_id=row.job_id,
        entry_id=row.entry_id,
        upload_id=row.upload_id,
        photo_id=row.photo_id,
        data=json.loads(row.data) if row.data else {},
    )
