"""Latecomers: files that were closed after their job had left `planned`, or wait for a final name.

Their client has a few minutes to finish what it does after the last byte: to name the file, to set
its time, and to look whether it is there.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Interval,
    bindparam,
    func,
    literal,
    select,
    text,
    update,
)

from jobfs.catalog.entries import GRANTED, Entry, entry_of
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import EntryRow, Instant, JobRow, UploadRow
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import UploadState

#: How long a client may go on after the job is closed; product.md, section 4.
GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Latecomer:
    """A file that its client has sent; *late*: its upload was judged after its job was closed."""

    entry: Entry
    late: bool


def of_account(connection: Connection, account_id: int) -> list[Latecomer]:
    """Return what an account has sent to jobs that were closed within GRACE."""
    closed = _JUST_CLOSED[connection.dialect.name].all(connection)
    jobs = {row.id: row.closed_at for row in closed}
    if not jobs:
        return []
    wanted = {"account": account_id, "since": min(jobs.values()) - GRACE, "jobs": list(jobs)}
    return [
        Latecomer(entry_of(row), row.late)
        for row in connection.execute(_SENT, wanted)
        if row.judged_at > jobs[row.job_id] - GRACE
    ]


def directory(connection: Connection, account_id: int, entry_id: int) -> Entry:
    """Return a directory of a closed job that holds a latecomer."""
    row = connection.execute(GRANTED.where(EntryRow.id == entry_id), {"account": account_id}).one()
    return entry_of(row)


def waiting(connection: Connection, job_id: int | None = None) -> list[tuple[int, str]]:
    """Return the entries that wait in closed jobs, or in one, with their names."""
    query = (
        select(EntryRow.id, EntryRow.name)
        .join(UploadRow, UploadRow.entry_id == EntryRow.id)
        .join(JobRow, JobRow.id == EntryRow.job_id)
        .where(
            _OF_INDEX, UploadRow.state == UploadState.WAITING.value,
            EntryRow.removed_at.is_(None), JobRow.status != JobStatus.PLANNED.value,
        )
    )  # fmt: skip
    if job_id is not None:
        query = query.where(JobRow.id == job_id)
    return [(row.id, row.name) for row in connection.execute(query.order_by(EntryRow.id))]


def know_as(connection: Connection, entry_id: int, sent_as: str) -> None:
    """Note the name by which a client knows an entry until it has renamed it."""
    connection.execute(update(EntryRow).where(EntryRow.id == entry_id).values(sent_as=sent_as))


#: In the very words of the index ix_upload_latecomers, or SQLite would not use it.
_OF_INDEX = text("upload.current AND (upload.late OR upload.state = 'waiting')")


#: The instant GRACE before now in each dialect, by the clock that its trigger has used.
_AGO: dict[str, ColumnElement[Any]] = {
    "postgresql": func.statement_timestamp(type_=Instant) - literal(GRACE, Interval),
    "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", "now", f"-{GRACE.total_seconds():.0f} seconds"),
}
#: Made once: every look for a name that is not there, which is every create, asks it.
_JUST_CLOSED = {
    dialect: Prepared(
        select(JobRow.id, JobRow.closed_at).where(
            JobRow.status != JobStatus.PLANNED.value, JobRow.closed_at > ago
        )
    )
    for dialect, ago in _AGO.items()
}
#: Sent in the minutes before, or after: cost must not grow with what waits for other reasons.
_SENT = GRANTED.add_columns(UploadRow.late, UploadRow.judged_at).where(
    UploadRow.account_id == bindparam("account"), _OF_INDEX,
    UploadRow.judged_at > bindparam("since"),
    EntryRow.removed_at.is_(None), EntryRow.job_id.in_(bindparam("jobs", expanding=True)),
)  # fmt: skip
