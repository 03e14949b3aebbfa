"""Whose turn it is: which of the tasks that wait begins next.

Of the tasks that may begin, that of the first priority goes first, and among equals the one that has been
allowed to begin for longest, whichever worker asks. So whatever is ingested between the moment when an
upload may begin and its photo was in a worker's hands before: no more tasks than there are decoders, of
all workers together. Nothing is begun for later, so no worker has to itself what another could do.

- *May begin* counts from `not_before`: from the close of an upload, or from when a task that was put back
  is to be tried again. A claim that is given back or lost has its old place.
- Versions of one file go in the order they were sent. The earlier one of them has the priority of the later,
  which waits for it; else an upload would wait behind an import of the same name.
- Imports wait as long as there are uploads that may begin, and new renditions as long as there are imports.

Times are the database's own; see `jobfs.catalog.tasks`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import Instant, StudioRow, TaskRow, UploadRow
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import UploadState


def first_due(connection: Connection, *, now: datetime, lock: bool = False) -> int | None:
    """Return the task that is to begin next; None if none can be claimed now.

    *lock* its row, and pass over those that others have locked.
    """
    dialect = connection.dialect.name
    for priority in Priority:  # one by one, so that each search begins where its index does
        due = _DUE[dialect, lock]
        found = due.first(connection, priority=priority.value, **by_clock(connection, now))
        if found is not None:
            first: int = found.id
            return first
    return None


def next_opening(connection: Connection, *, now: datetime) -> timedelta | None:
    """Return how long until time alone lets a task be claimed; None: it never does.

    Then a task of some priority need no longer be waited with, or a lease ends.
    """
    openings = _OPENINGS[connection.dialect.name]
    clock, *instants = openings.one(connection, **by_clock(connection, now))
    pauses = [max(at - clock, timedelta(0)) for at in instants if at is not None]
    return min(pauses, default=None)


def urge_elders(
    connection: Connection, upload_id: int, clock: Callable[[], ColumnElement[datetime]]
) -> None:
    """Give each task of an upload's entry the priority of the later ones, which wait for it.

    One that is urged so counts as allowed to begin from now on, or it would come before uploads that
    have waited for longer than the one it is urged for.
    """
    urgent = max(Priority).value
    for task_id, priority in _OF_ENTRY.all(connection, upload=upload_id):
        if priority > urgent:
            now = clock()
            since = case((TaskRow.not_before < now, now), else_=TaskRow.not_before)
            urged = update(TaskRow).where(TaskRow.id == task_id)
            connection.execute(urged.values(priority=urgent, not_before=since))
        urgent = min(urgent, priority)


def by_clock(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return what statements made with one of `CLOCKS` need: *now*, or nothing."""
    return {} if connection.dialect.name == "postgresql" else {"now": now}


def _due(clock: ColumnElement[datetime]) -> Select[int]:
    """Select the oldest task of a priority that can be claimed now.

    More than time may keep it: the studio's pause, somebody who is still writing to the entry (what
    he writes will be ingested instead), and an earlier upload of the entry that has its turn first.
    """
    sibling, writing = aliased(UploadRow), aliased(UploadRow)
    earlier = aliased(TaskRow)
    unclaimed = or_(TaskRow.claim_token.is_(None), TaskRow.claimed_until < clock)
    paused = exists().where(StudioRow.ingest_paused)
    open_writer = exists().where(
        writing.entry_id == UploadRow.entry_id, writing.state == UploadState.RECEIVING.value
    )
    has_the_turn = exists().where(
        earlier.upload_id == sibling.id, sibling.entry_id == UploadRow.entry_id,
        sibling.id < UploadRow.id, earlier.failed_at.is_(None),
    )  # fmt: skip
    return (
        select(TaskRow.id)
        .join_from(TaskRow, UploadRow, UploadRow.id == TaskRow.upload_id)
        .where(
            TaskRow.priority == bindparam("priority", type_=BigInteger),
            TaskRow.not_before <= clock, TaskRow.failed_at.is_(None), unclaimed,
            ~paused, ~open_writer, ~has_the_turn,
        )
        .order_by(TaskRow.not_before, TaskRow.id)
        .limit(1)
    )  # fmt: skip


def _openings(clock: ColumnElement[datetime]) -> Select[*tuple[Any, ...]]:
    """Select what time it is, and instants or NULLs: when tasks may begin, and when a lease ends."""
    begins = [
        select(func.min(TaskRow.not_before, type_=Instant))
        .where(
            TaskRow.priority == priority.value, TaskRow.not_before > clock,
            TaskRow.failed_at.is_(None),
        )
        .scalar_subquery()
        .label(f"{priority.word}_begins")
        for priority in Priority
    ]  # fmt: skip
    ends = select(func.min(TaskRow.claimed_until, type_=Instant)).where(
        TaskRow.claim_token.is_not(None), TaskRow.claimed_until >= clock
    )
    return select(clock.label("clock"), *begins, ends.scalar_subquery().label("lease_ends"))


#: The time that counts, in statements: the server's where there is one.
CLOCKS: dict[str, ColumnElement[datetime]] = {
    "postgresql": func.statement_timestamp(type_=Instant),
    "sqlite": bindparam("now", type_=Instant),
}

# Built once, see `jobfs.catalog.entries`: a worker asks at every ring of its bell.
_DUE = {
    (dialect, lock): Prepared(
        _due(clock).with_for_update(skip_locked=True, of=TaskRow) if lock else _due(clock)
    )
    for dialect, clock in CLOCKS.items()
    for lock in (False, True)
}
_OPENINGS = {dialect: Prepared(_openings(clock)) for dialect, clock in CLOCKS.items()}
#: The tasks of an upload's entry, the newest upload's first; built once, see `jobfs.catalog.entries`.
_OF_ENTRY = Prepared(
    select(TaskRow.id, TaskRow.priority)
    .join(UploadRow, UploadRow.id == TaskRow.upload_id)
    .where(
        UploadRow.entry_id
        == select(UploadRow.entry_id)
        .where(UploadRow.id == bindparam("upload", type_=BigInteger))
        .scalar_subquery(),
        TaskRow.failed_at.is_(None),
    )
    .order_by(UploadRow.id.desc())
)
