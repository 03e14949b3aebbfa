"""The work that uploads wait for, and who does it.

A worker claims a task with a lease and a random token. When the lease has run out the task is free
again, whoever had it; what a worker found is recorded only if the task still carries its token.
Every time is reckoned by the database's own clock on PostgreSQL, because the clocks of several
machines differ; on SQLite there is one machine, and *now* is its time.
Which task is the next one: `jobfs.catalog.turns`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Interval,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from jobfs.catalog import feed, roles, turns, uploads
from jobfs.catalog.paths import Directories
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.refusals import NoSuchTaskError
from jobfs.catalog.schema import EntryRow, Instant, JobRow, StudioRow, TaskRow, UploadRow
from jobfs.domain.events import EventKind
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import Change, UploadState

_FREE = {"claim_token": None, "claimed_until": None, "claimed_by": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task that a worker has claimed; *attempts* counts this claim too."""

    id: int
    upload_id: int
    token: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedTask:
    """A task as people see it: *state* is waiting, working or failed, *path* begins with the job."""

    id: int
    upload_id: int
    path: str
    priority: Priority
    state: str
    attempts: int
    not_before: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    failed_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many tasks of a priority wait, are worked on, and have failed.

    age  for how long the first one that waits has been allowed to begin; None if none is
    """

    priority: Priority
    waiting: int
    working: int
    failed: int
    age: timedelta | None


# --- from the mount ---


def enqueue(
    connection: Connection,
    upload_id: int,
    *,
    now: datetime,
    delay: timedelta = timedelta(0),
    priority: Priority = Priority.UPLOAD,
) -> None:
    """Ask for an upload's ingest, not to begin before *delay* has passed.

    There is one task for an upload, however often it is asked for. One that waits has the more urgent
    priority of both, and a new time if it is an upload; one that failed begins anew, one that a
    worker has is left alone.
    """
    by_clock = {"begins": now + delay} if _is_sqlite(connection) else {"pause": delay}
    _ENQUEUE[connection.dialect.name].all(
        connection, upload=upload_id, urgency=priority.value, **by_clock
    )
    turns.urge_elders(connection, upload_id, partial(_clock, connection, now))


def withdraw(connection: Connection, upload_id: int) -> None:
    """Strike an upload's task that nobody has claimed; without one nothing happens."""
    _WITHDRAW.all(connection, upload=upload_id)


def lift(connection: Connection, upload_id: int, *, now: datetime) -> None:
    """Let an upload's waiting task begin at once."""
    lift = _LIFT[connection.dialect.name]
    lift.all(connection, upload=upload_id, **turns.by_clock(connection, now))


# --- from the worker ---


def claim(connection: Connection, *, worker: str, lease: timedelta, now: datetime) -> Task | None:
    """Take the first task that may begin, for *lease*; None if there is none.

    *worker* begins with the id of its role; what follows is for people.
    Two workers never get the same row: PostgreSQL skips rows that another has locked, and SQLite,
    which drops the lock clause, lets one writer in at a time (see engine.py).
    """
    task_id = turns.first_due(connection, now=now, lock=True)
    if task_id is None:
        return None
    until = {"until": now + lease} if _is_sqlite(connection) else {"lease": lease}
    token = secrets.token_hex(16)
    row = _CLAIM[connection.dialect.name].one(
        connection, task=task_id, token=token, worker=worker, **until
    )
    return Task(id=task_id, upload_id=row.upload_id, token=token, attempts=row.attempts)


def next_wakeup(connection: Connection, *, now: datetime) -> timedelta | None:
    """Return how long until a task can be claimed unless something changes; None: for ever.

    A duration and not an instant, since it is the database's clock that counts.
    """
    if is_paused(connection):
        return None
    if turns.first_due(connection, now=now) is not None:
        return timedelta(0)
    return turns.next_opening(connection, now=now)


def extend(connection: Connection, task: Task, *, lease: timedelta, now: datetime) -> bool:
    """Keep a claim for another *lease*; false if it has been lost to another worker."""
    until = _after(connection, now, lease)
    return _changed(connection, update(TaskRow).where(_is(task)).values(claimed_until=until))


def finish(connection: Connection, task: Task) -> bool:
    """Strike a task that is done; false if its claim has been lost, and nothing may be recorded."""
    return _FINISH.first(connection, task=task.id, token=task.token) is not None


def postpone(connection: Connection, task: Task, *, until: datetime, error: str) -> bool:
    """Put a task back, to be tried again; false if its claim has been lost."""
    back = update(TaskRow).where(_is(task)).values(not_before=until, error=error, **_FREE)
    return _changed(connection, back)


def give_up(
    connection: Connection,
    task: Task,
    error: str,
    *,
    reason: str | None = None,
    advice: str | None = None,
    now: datetime,
) -> bool:
    """Note that an upload cannot be ingested; false if the claim is lost.

    *error* is for whoever looks into the queue; *reason* and *advice* are for the photographer, who reads
    the error if nobody has better words.
    """
    upload = uploads.find(connection, task.upload_id, lock=True)
    failed = update(TaskRow).where(_is(task)).values(failed_at=now, error=error, **_FREE)
    if upload is None or not _changed(connection, failed):
        return False
    if upload.state is UploadState.RECEIVED:
        words = reason or error
        uploads.change(
            connection, upload, Change.GAVE_UP, now=now, reason=words, advice=advice, cause=error
        )
    feed.append(
        connection, EventKind.TASK_FAILED, data={"task": task.id, "error": error},
        job_id=upload.job_id, entry_id=upload.entry_id, upload_id=upload.id,
    )  # fmt: skip
    return True


def dead_workers(connection: Connection, *, now: datetime) -> list[str]:
    """Return the workers that have claims and run no more."""
    query = select(TaskRow.claimed_by).where(TaskRow.claim_token.is_not(None)).distinct()
    claimants = [str(worker) for worker in connection.execute(query).scalars()]
    alive = {str(role.id) for role in roles.known(connection, kind="worker") if role.is_alive(now)}
    return [worker for worker in claimants if worker.partition(" ")[0] not in alive]


def free_claims(connection: Connection, worker: str, *, tried: bool) -> int:
    """Free what *worker* has claimed, because it ends or is dead; returns how many tasks those were.

    *tried*: it may have died of one of them, so that the attempts count.
    """
    attempts = TaskRow.attempts if tried else TaskRow.attempts - 1
    freed = update(TaskRow).where(TaskRow.claim_token.is_not(None), TaskRow.claimed_by == worker)
    return connection.execute(freed.values(attempts=attempts, **_FREE)).rowcount


# --- from people ---


def retry(connection: Connection, task_id: int, *, now: datetime) -> None:
    """Let a task begin anew that failed, or at once if it waits. Raises NoSuchTaskError."""
    row = connection.execute(select(TaskRow).where(TaskRow.id == task_id)).one_or_none()
    if row is None:
        raise NoSuchTaskError(task_id)
    if row.claim_token is None:
        _retry(connection, row, now=now)


def retry_all(connection: Connection, *, now: datetime) -> int:
    """Let every failed task begin anew; returns how many those are."""
    failed = select(TaskRow).where(TaskRow.failed_at.is_not(None))
    rows = connection.execute(failed.order_by(TaskRow.upload_id.desc())).all()
    for row in rows:
        _retry(connection, row, now=now)
    return len(rows)


def pause(connection: Connection) -> bool:
    """Let workers begin no more tasks; false if they are paused already."""
    return _set_paused(connection, EventKind.INGEST_PAUSED, paused=True)


def resume(connection: Connection) -> bool:
    """Let workers begin tasks again; false if they may already."""
    return _set_paused(connection, EventKind.INGEST_RESUMED, paused=False)


def is_paused(connection: Connection) -> bool:
    """Whether workers begin no more tasks."""
    return any(studio.ingest_paused for studio in _STUDIO.all(connection))


def backlogs(connection: Connection, *, now: datetime) -> list[Backlog]:
    """Return how much there is to do of each priority, the first one first."""
    clock = _clock(connection, now)
    working = TaskRow.claim_token.is_not(None)
    query = select(
        TaskRow.priority, clock.label("now"),
        func.count(case((_IS_WAITING, 1))).label("waiting"),
        func.count(case((working, 1))).label("working"),
        func.count(TaskRow.failed_at).label("failed"),
        func.min(case((_IS_WAITING, TaskRow.not_before)), type_=Instant).label("since"),
    ).group_by(TaskRow.priority)  # fmt: skip
    found = {row.priority: row for row in connection.execute(query)}
    return [_backlog(priority, found.get(priority.value)) for priority in Priority]


def listing(connection: Connection) -> list[QueuedTask]:
    """Return every task there is, in the order of their turns."""
    query = (
        select(
            TaskRow, EntryRow.job_id, JobRow.name.label("job"), EntryRow.parent_id, EntryRow.name
        )
        .join(UploadRow, UploadRow.id == TaskRow.upload_id)
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .join(JobRow, JobRow.id == EntryRow.job_id)
        .order_by(TaskRow.priority, TaskRow.not_before, TaskRow.id)
    )
    rows = connection.execute(query).all()
    directories = Directories(connection, (row.job_id for row in rows))
    return [_queued(row, directories) for row in rows]


# --- what the statements above are made of ---

#: Neither claimed nor given up.
_IS_WAITING = and_(TaskRow.claim_token.is_(None), TaskRow.failed_at.is_(None))


def _clock(connection: Connection, now: datetime) -> ColumnElement[datetime]:
    """Return the time that counts: the server's where there is one."""
    if connection.dialect.name == "postgresql":
        return func.statement_timestamp(type_=Instant)
    return literal(now, Instant)


def _after(
    connection: Connection, now: datetime, pause: timedelta
) -> ColumnElement[datetime] | datetime:
    """Return the time when *pause* has passed."""
    if connection.dialect.name == "postgresql":
        return func.statement_timestamp(type_=Instant) + literal(pause, Interval)
    return now + pause


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _is(task: Task) -> ColumnElement[bool]:
    return and_(TaskRow.id == task.id, TaskRow.claim_token == task.token)


def _changed(connection: Connection, statement: Any) -> bool:
    return connection.execute(statement).rowcount == 1


def _retry(connection: Connection, row: Row[Any], *, now: datetime) -> None:
    upload = uploads.find(connection, row.upload_id, lock=True)  # before its task, as a worker does
    if upload is None:
        return
    clock = _clock(connection, now)
    anew = {"not_before": clock, "attempts": 0, "failed_at": None, "error": None}
    connection.execute(update(TaskRow).where(TaskRow.id == row.id).values(**anew))
    turns.urge_elders(connection, row.upload_id, partial(_clock, connection, now))
    if upload.state is UploadState.FAILED:
        uploads.change(connection, upload, Change.RETRIED, now=now, reason=None, advice=None)
    feed.append(
        connection, EventKind.TASK_RETRIED, data={"task": row.id},
        job_id=upload.job_id, entry_id=upload.entry_id, upload_id=upload.id,
    )  # fmt: skip


def _set_paused(connection: Connection, kind: EventKind, *, paused: bool) -> bool:
    other = update(StudioRow).where(StudioRow.ingest_paused.is_(not paused))
    if not _changed(connection, other.values(ingest_paused=paused)):
        return False
    feed.append(connection, kind)
    return True


def _backlog(priority: Priority, row: Row[*tuple[Any, ...]] | None) -> Backlog:
    if row is None:
        return Backlog(priority=priority, waiting=0, working=0, failed=0, age=None)
    may_begin = row.since is not None and row.since <= row.now
    return Backlog(
        priority=priority, waiting=row.waiting, working=row.working, failed=row.failed,
        age=row.now - row.since if may_begin else None,
    )  # fmt: skip


def _queued(row: Row[*tuple[Any, ...]], directories: Directories) -> QueuedTask:
    state = "failed" if row.failed_at else "working" if row.claim_token else "waiting"
    return QueuedTask(
        id=row.id, upload_id=row.upload_id, state=state, attempts=row.attempts,
        priority=Priority(row.priority),
        path="/".join((row.job, *directories.above(row.parent_id), row.name)),
        not_before=row.not_before, claimed_by=row.claimed_by, claimed_until=row.claimed_until,
        failed_at=row.failed_at, error=row.error,
    )  # fmt: skip


def _enqueuing(insert: Any, begins: ColumnElement[datetime]) -> Prepared:
    urgency: BindParameter[int] = bindparam("urgency", type_=BigInteger)
    task = insert(TaskRow).values(
        upload_id=bindparam("upload", type_=BigInteger), not_before=begins, priority=urgency
    )
    is_new = or_(TaskRow.failed_at.is_not(None), task.excluded.priority < TaskRow.priority)
    is_moved = or_(is_new, task.excluded.priority == Priority.UPLOAD.value)
    anew = {
        "priority": case((is_new, task.excluded.priority), else_=TaskRow.priority),
        "not_before": case((is_moved, task.excluded.not_before), else_=TaskRow.not_before),
        "attempts": case((TaskRow.failed_at.is_(None), TaskRow.attempts), else_=0),
        "failed_at": None,
        "error": None,
    }
    return Prepared(
        task.on_conflict_do_update(
            index_elements=[TaskRow.upload_id], set_=anew, where=TaskRow.claim_token.is_(None)
        )
    )


def _lifting(clock: ColumnElement[datetime]) -> Prepared:
    this = TaskRow.upload_id == bindparam("upload", type_=BigInteger)
    waits = update(TaskRow).where(this, TaskRow.not_before > clock, _IS_WAITING)
    return Prepared(waits.values(not_before=clock))


def _claiming(until: ColumnElement[datetime]) -> Prepared:
    claimed = update(TaskRow).where(TaskRow.id == bindparam("task"))
    values = {
        "claim_token": bindparam("token"), "claimed_by": bindparam("worker"),
        "claimed_until": until, "attempts": TaskRow.attempts + 1,
    }  # fmt: skip
    return Prepared(claimed.values(values).returning(TaskRow.upload_id, TaskRow.attempts))


# Built once, see `jobfs.catalog.entries`; by the clock that counts.
_ENQUEUE = {
    "postgresql": _enqueuing(
        postgresql.insert, turns.CLOCKS["postgresql"] + bindparam("pause", type_=Interval)
    ),
    "sqlite": _enqueuing(sqlite.insert, bindparam("begins", type_=Instant)),
}
_LIFT = {dialect: _lifting(clock) for dialect, clock in turns.CLOCKS.items()}
_WITHDRAW = Prepared(
    delete(TaskRow).where(TaskRow.upload_id == bindparam("upload", type_=BigInteger), _IS_WAITING)
)
_CLAIM = {
    "postgresql": _claiming(turns.CLOCKS["postgresql"] + bindparam("lease", type_=Interval)),
    "sqlite": _claiming(bindparam("until", type_=Instant)),
}
_CLAIMED = (TaskRow.id == bindparam("task"), TaskRow.claim_token == bindparam("token"))
_FINISH = Prepared(delete(TaskRow).where(*_CLAIMED).returning(TaskRow.id))
_STUDIO = Prepared(select(StudioRow.ingest_paused))
