"""Uploads on their way: those that arrive, and those that should be photos by now, and are not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select

from jobfs.catalog.paths import Directories
from jobfs.catalog.schema import EntryRow, Instant, JobRow, TaskRow, UploadRow
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import UploadState

#: How old a received upload may be before somebody should look.
PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """An upload that was received *since* then, and is neither ingested nor a problem.

    path  begins with the job
    """

    upload_id: int
    path: str
    since: datetime


def arriving(connection: Connection) -> int:
    """Return how many uploads somebody is sending, or has open to send more."""
    query = select(func.count()).where(UploadRow.role_id.is_not(None))
    return connection.execute(query).scalar_one()


def oldest_received(connection: Connection, *, now: datetime) -> timedelta | None:
    """Return how long ago the first upload was received that waits for ingest; None if none does.

    As `stuck`, but from the tasks alone, of which there are few: for who asks several times a minute. An
    import does not count: it may wait for hours behind uploads, as it should, and nobody be woken.
    """
    begins_later = and_(TaskRow.attempts <= 1, TaskRow.not_before > UploadRow.judged_at)
    since = case((begins_later, TaskRow.not_before), else_=UploadRow.judged_at)
    query = (
        select(func.min(since, type_=Instant))
        .select_from(TaskRow)
        .join(UploadRow, UploadRow.id == TaskRow.upload_id)
        .where(
            UploadRow.current, UploadRow.state == UploadState.RECEIVED.value,
            TaskRow.priority != Priority.IMPORT.value,
        )
    )  # fmt: skip
    first: datetime | None = connection.execute(query).scalar_one()
    return None if first is None else max(now - first, timedelta(0))


def stuck(connection: Connection, *, now: datetime) -> list[Stuck]:
    """Return the uploads that were received more than PATIENCE ago, the oldest first.

    Imported ones, too. One that an administrator has just had retried counts from then on.
    """
    query = (
        select(
            UploadRow.id, UploadRow.judged_at, EntryRow.job_id, EntryRow.parent_id, EntryRow.name,
            JobRow.name.label("job"), TaskRow.attempts, TaskRow.not_before,
        )
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .join(JobRow, JobRow.id == EntryRow.job_id)
        .outerjoin(TaskRow, TaskRow.upload_id == UploadRow.id)
        .where(
            UploadRow.current, UploadRow.state == UploadState.RECEIVED.value,
            UploadRow.judged_at <= now - PATIENCE, EntryRow.removed_at.is_(None),
        )
    )  # fmt: skip
    rows = connection.execute(query).all()
    directories = Directories(connection, {row.job_id for row in rows})
    return sorted(_late(rows, directories, now), key=_since)


def _late(rows: Any, directories: Directories, now: datetime) -> Iterator[Stuck]:
    for row in rows:
        since = _received_at(row)
        if since <= now - PATIENCE:
            path = (row.job, *directories.above(row.parent_id), row.name)
            yield Stuck(upload_id=row.id, path="/".join(path), since=since)


def _received_at(row: Row[Any]) -> datetime:
    """Return when ingest was asked for: at the close, or later by an administrator."""
    judged_at: datetime = row.judged_at
    is_first_try = row.attempts is not None and row.attempts <= 1
    return max(judged_at, row.not_before) if is_first_try else judged_at


def _since(one: Stuck) -> tuple[datetime, int]:
    return one.since, one.upload_id
