"""The processes of jobfs that are at work, and how far each has followed the feed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from jobfs.catalog import prepared
from jobfs.catalog.feed import Position
from jobfs.catalog.refusals import StruckError, StudioRunsError
from jobfs.catalog.schema import RoleRow
from jobfs.processes import Process, host

#: How often a role says that it lives.
SIGN_OF_LIFE = timedelta(seconds=20)
#: A role of another machine is taken for dead when it has been silent for this long.
SILENCE = SIGN_OF_LIFE * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A process at work; *kind* is mount, login or worker, *ready* false while it starts.

    *confinement* is what the kernel keeps a worker's decoders from; None until it is known.
    """

    id: int
    kind: str
    host: str
    process: Process
    ready: bool
    seen_at: datetime
    taken: Position
    confinement: tuple[str, ...] | None

    def is_alive(self, now: datetime) -> bool:
        """Whether the process still runs: looked up on its own machine, else by its silence."""
        return _is_alive(self.host, self.process, self.seen_at, now)


def refuse_running(connection: Connection, *, now: datetime) -> None:
    """Raise StudioRunsError if a process of the studio is alive.

    It reads what every revision of the schema has, since a studio is also stopped to be migrated.
    """
    columns = (RoleRow.kind, RoleRow.host, RoleRow.pid, RoleRow.start_tick, RoleRow.seen_at)
    for row in connection.execute(select(*columns)):
        process = Process(row.pid, row.start_tick)
        if _is_alive(row.host, process, row.seen_at, now):
            raise StudioRunsError(
                f"the studio is at work: {row.kind} runs on {row.host.partition(' ')[0]} as process"
                f" {row.pid}; end `jobfs up` first"
            )


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
    """Note a sign of life; raises StruckError if others have taken the role for dead meanwhile."""
    noted = update(RoleRow).where(RoleRow.id == role_id).values(seen_at=now)
    if connection.execute(noted).rowcount == 0:
        raise StruckError


def confined(connection: Connection, role_id: int, layers: Iterable[str]) -> None:
    """Note what the kernel keeps a worker's decoders from."""
    known = {"confinement": json.dumps(sorted(layers))}
    connection.execute(update(RoleRow).where(RoleRow.id == role_id).values(**known))


def took(connection: Connection, role_id: int, position: Position) -> None:
    """Note that the role has acted on everything up to *position*."""
    prepared.change(connection, RoleRow, role_id, taken_xid=position.xid, taken_id=position.id)


def stop(connection: Connection, role_id: int) -> None:
    """Strike a role that ends. The database refuses it while an upload names the role."""
    connection.execute(delete(RoleRow).where(RoleRow.id == role_id))


def known(connection: Connection, *, kind: str | None = None) -> list[Role]:
    """Return every role on record, dead ones too, the oldest first."""
    query = select(RoleRow).order_by(RoleRow.id)
    if kind is not None:
        query = query.where(RoleRow.kind == kind)
    return [_role(row) for row in connection.execute(query)]


def _is_alive(its_host: str, process: Process, seen_at: datetime, now: datetime) -> bool:
    if its_host == host():
        return process.is_running()
    return now - seen_at < SILENCE


def _role(row: Row[Any]) -> Role:
    return Role(
        id=row.id, kind=row.kind, host=row.host, process=Process(row.pid, row.start_tick),
        ready=row.ready_at is not None, seen_at=row.seen_at,
        taken=Position(row.taken_xid, row.taken_id),
        confinement=None if row.confinement is None else tuple(json.loads(row.confinement)),
    )  # fmt: skip
