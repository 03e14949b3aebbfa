"""The processes of jobfs that are at work, and how far each has followed the feed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from jobfs.catalog.feed import Position
from jobfs.catalog.schema import RoleRow
from jobfs.processes import Process, host

#: How often a role says that it lives.
SIGN_OF_LIFE = timedelta(seconds=20)
#: A role of another machine is taken for dead when it has been silent for this long.
SILENCE = SIGN_OF_LIFE * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A process at work; *kind* is mount, login or worker, *ready* false while it starts."""

    id: int
    kind: str
    host: str
    process: Process
    ready: bool
    seen_at: datetime
    taken: Position

    def is_alive(self, now: datetime) -> bool:
        """Whether the process still runs: looked up on its own machine, else by its silence."""
        if self.host == host():
            return self.process.is_running()
        return now - self.seen_at < SILENCE


def start(connection: Connection, kind: str, process: Process, *, now: datetime) -> int:
    """Enter a role that begins; returns its id."""
    entry = insert(RoleRow).values(
        kind=kind, host=host(), pid=process.pid, start_tick=process.start_tick,
        started_at=now, seen_at=now,
    )  # fmt: skip
    return connection.execute(entry.returning(RoleRow.id)).scalar_one()


def ready(connection: Connection, role_id: int, *, now: datetime) -> None:
    """Note that the role serves from now on."""
    connection.execute(
        update(RoleRow).where(RoleRow.id == role_id).values(ready_at=now, seen_at=now)
    )


def seen(connection: Connection, role_id: int, *, now: datetime) -> None:
    """Note a sign of life."""
    connection.execute(update(RoleRow).where(RoleRow.id == role_id).values(seen_at=now))


def took(connection: Connection, role_id: int, position: Position) -> None:
    """Note that the role has acted on everything up to *position*."""
    taken = {"taken_xid": position.xid, "taken_id": position.id}
    connection.execute(update(RoleRow).where(RoleRow.id == role_id).values(**taken))


def stop(connection: Connection, role_id: int) -> None:
    """Strike a role that ends, unless an upload still names it."""
    connection.execute(delete(RoleRow).where(RoleRow.id == role_id))


def known(connection: Connection, *, kind: str | None = None) -> list[Role]:
    """Return every role on record, dead ones too, the oldest first."""
    query = select(RoleRow).order_by(RoleRow.id)
    if kind is not None:
        query = query.where(RoleRow.kind == kind)
    return [_role(row) for row in connection.execute(query)]


def _role(row: Row[Any]) -> Role:
    return Role(
        id=row.id, kind=row.kind, host=row.host, process=Process(row.pid, row.start_tick),
        ready=row.ready_at is not None, seen_at=row.seen_at,
        taken=Position(row.taken_xid, row.taken_id),
    )  # fmt: skip
