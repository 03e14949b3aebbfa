"""The event feed: appending to it, and reading it without gaps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from jobfs.catalog import prepared
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import EventRow
from jobfs.domain.events import EventKind

#: Events that are read at once.
_MOST = 1000


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
    prepared.insert(EventRow, *values).all(connection, **values)


def after(
    connection: Connection,
    position: Position,
    *,
    limit: int = _MOST,
    kinds: Sequence[str] | None = None,
) -> list[Event]:
    """Return the next events behind *position*, of some *kinds* or of all, oldest first.

    PostgreSQL hands out ids before transactions commit, so the highest id says nothing of those below.
    There the order is (transaction, id), and only transactions older than every running one are
    read: no event can appear before the last one returned.
    """
    known: dict[str, Any] = {"known_xid": position.xid, "known_id": position.id, "most": limit}
    events = _after(connection.dialect.name, None if kinds is None else frozenset(kinds))
    return [_event(row) for row in events.all(connection, **known)]


class Seen(NamedTuple):
    """What a look at the feed has found: *events*, and the *position* up to which nothing was missed.

    held_back  there are none only because a transaction runs; nobody rings when it ends without a change
    """

    position: Position
    events: list[Event]
    held_back: bool


def look(
    connection: Connection, position: Position, kinds: frozenset[EventKind] | None = None
) -> Seen:
    """Look at what has happened since; if *kinds* are given, only what is of one of them is told."""
    if kinds is not None:
        return _look_for(connection, position, kinds)
    events = after(connection, position)
    reached = events[-1].position if events else position
    return Seen(reached, events, not events and _is_held_back(connection, position))


def _look_for(connection: Connection, position: Position, kinds: frozenset[EventKind]) -> Seen:
    """Look for a few among many: every upload makes five events."""
    reached = max(end(connection), position)
    if reached == position:
        return Seen(position, [], _is_held_back(connection, position))
    events = after(connection, position, kinds=[kind.value for kind in kinds])
    if len(events) == _MOST or (events and events[-1].position > reached):
        reached = events[-1].position
    return Seen(reached, events, not events and _is_held_back(connection, reached))


def end(connection: Connection) -> Position:
    """Return the position behind everything that can be read now."""
    if connection.dialect.name == "sqlite":
        return last_of_transaction(connection)
    query = select(EventRow.xid, EventRow.id).where(EventRow.xid < _oldest_running())
    newest_first = query.order_by(EventRow.xid.desc(), EventRow.id.desc())
    row = connection.execute(newest_first.limit(1)).one_or_none()
    return START if row is None else Position(row.xid, row.id)


def last_of_transaction(connection: Connection) -> Position:
    """Return the position of the newest event, also if its own transaction is still running."""
    row = _NEWEST.first(connection)
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


def _next(dialect: str) -> Select[*tuple[Any, ...]]:
    query = select(*EventRow.__table__.c).limit(bindparam("most", type_=BigInteger))
    known_id = bindparam("known_id", type_=BigInteger)
    if dialect == "sqlite":
        # Its xid is always 0, and of an index it uses a pair's first half only: all events would be read.
        return query.where(EventRow.id > known_id).order_by(EventRow.id)
    known = tuple_(bindparam("known_xid", type_=BigInteger), known_id)
    behind = query.where(tuple_(EventRow.xid, EventRow.id) > known)
    return behind.where(EventRow.xid < _oldest_running()).order_by(EventRow.xid, EventRow.id)


# Built once: every role reads them, thirty times a second while files are sent.
_NEWEST = Prepared(select(EventRow.xid, EventRow.id).order_by(EventRow.id.desc()).limit(1))


@cache
def _after(dialect: str, kinds: frozenset[str] | None) -> Prepared:
    if kinds is None:
        return Prepared(_next(dialect))
    those = or_(false(), *(EventRow.kind == kind for kind in sorted(kinds)))
    return Prepared(_next(dialect).where(those))


def _event(row: Any) -> Event:
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
