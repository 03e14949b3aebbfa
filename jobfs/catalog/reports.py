"""What the files that jobfs writes for photographers tell, as rows have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Interval,
    Select,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
)

from jobfs.catalog.entries import GRANTED
from jobfs.catalog.paths import Directories
from jobfs.catalog.schema import AccountRow, BlobRow, EntryRow, Instant, JobRow, UploadRow
from jobfs.domain import names
from jobfs.domain.jobs import JobStatus
from jobfs.domain.metadata.sidecars import FORMAT as XMP
from jobfs.domain.reports.receipt import Verified
from jobfs.domain.reports.root import REMEMBERED, Closed
from jobfs.domain.reports.status import Arrival, Unfinished
from jobfs.domain.reports.words import MOST
from jobfs.domain.uploads import UploadState


@dataclass(frozen=True, slots=True)
class Job:
    """A job that an account may see, and whether that account wants reports."""

    name: str
    has_reports: bool


_JOB = GRANTED.with_only_columns(JobRow.name, AccountRow.status_files).where(
    JobRow.id == bindparam("job", type_=BigInteger),
    EntryRow.parent_id.is_(None),
    JobRow.status == JobStatus.PLANNED.value,
)


def job(connection: Connection, account_id: int, job_id: int) -> Job | None:
    """Return a job if it is planned and granted to an account."""
    row = connection.execute(_JOB, {"account": account_id, "job": job_id}).one_or_none()
    return None if row is None else Job(row.name, row.status_files)


def are_wanted(connection: Connection, account_id: int) -> bool:
    """Whether an account is shown reports; one that is not there is not."""
    query = select(AccountRow.status_files).where(AccountRow.id == account_id)
    return bool(connection.execute(query).scalar_one_or_none())


def closed_jobs(connection: Connection, account_id: int) -> list[Closed]:
    """Return the jobs of an account that have left `planned` within REMEMBERED, the last one first."""
    query = _CLOSED[connection.dialect.name]
    found = connection.execute(query, {"account": account_id})
    return [Closed(row.name, row.closed_at) for row in found]


#: The instant REMEMBERED before now in each dialect, by the clock that its trigger has used.
_AGO: dict[str, ColumnElement[Any]] = {
    "postgresql": func.statement_timestamp(type_=Instant) - literal(REMEMBERED, Interval),
    "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", "now", f"-{REMEMBERED.days} days"),
}
_CLOSED = {
    dialect: GRANTED.with_only_columns(JobRow.name, JobRow.closed_at)
    .where(
        EntryRow.parent_id.is_(None),
        JobRow.closed_at > ago,
        JobRow.status != JobStatus.PLANNED.value,
    )
    .order_by(JobRow.closed_at.desc(), JobRow.id)
    for dialect, ago in _AGO.items()
}


#: Ingest has read it back; the second says that it was to be decoded, too.
_IS_READ = UploadRow.state == UploadState.INGESTED.value
_IS_PICTURE = or_(UploadRow.format.is_(None), UploadRow.format != XMP)
#: The state as photographers are told it: a sidecar that was read is no photo.
_TOLD = case((_IS_READ & ~_IS_PICTURE, UploadState.UNSUPPORTED.value), else_=UploadRow.state).label(
    "told"
)


class Files:
    """The files of one job, removed ones left out, and the versions they show."""

    def __init__(self, connection: Connection, job_id: int) -> None:
        self._connection = connection
        self._job_id = job_id
        self._directories = Directories(connection, [job_id])
        self._above: dict[int | None, str] = {}

    @cached_property
    def states(self) -> dict[UploadState, int]:
        """How many there are of each state; a sidecar that was read counts as unsupported."""
        query = self._query(_TOLD, func.count()).group_by(_TOLD)
        return {UploadState(state): number for state, number in self._connection.execute(query)}

    def waiting(self) -> list[Unfinished]:
        """Return those that wait, by path."""
        if UploadState.WAITING not in self.states:  # nearly always, and none is looked for
            return []
        is_waiting = UploadRow.state == UploadState.WAITING.value
        columns = UploadRow.size, UploadRow.judged_at, UploadRow.started_at
        found = [
            Unfinished(path, size, judged_at or started_at)
            for path, size, judged_at, started_at in self._by_path(is_waiting, *columns)
        ]
        return sorted(found)

    def lately(self, since: datetime) -> tuple[list[Arrival], int]:
        """Return the newest of those that were closed since then, and how many were."""
        query = self._query(
            EntryRow.parent_id, EntryRow.name, UploadRow.judged_at, _TOLD, UploadRow.reason
        ).where(UploadRow.judged_at >= since)
        newest = query.order_by(UploadRow.judged_at.desc(), UploadRow.id.desc())
        found = [
            (at, parent_id, name, state, reason)
            for parent_id, name, at, state, reason in self._connection.execute(newest)
            if not names.is_junk(name)
        ]
        return [
            Arrival(at, self._path(parent_id, name), UploadState(state), reason)
            for at, parent_id, name, state, reason in found[:MOST]
        ], len(found)

    def verified(self) -> list[Verified]:
        """Return those whose bytes were read back and decoded, by path."""
        safe = self._query(EntryRow.parent_id, EntryRow.name, BlobRow.sha256).join(
            BlobRow, BlobRow.id == UploadRow.blob_id
        )
        found = self._connection.execute(
            safe.where(_IS_READ, _IS_PICTURE, BlobRow.sha256.is_not(None))
        ).all()
        return sorted(
            Verified(self._path(parent_id, name), sha256) for parent_id, name, sha256 in found
        )

    def stored(self) -> list[str]:
        """Return the paths of those that are no pictures, or that were set aside."""
        if self.states.keys().isdisjoint({UploadState.UNSUPPORTED, UploadState.WAITING}):
            return []
        kept = UploadRow.state == UploadState.UNSUPPORTED.value
        backup = (UploadRow.state == UploadState.WAITING.value) & UploadRow.base_id.is_not(None)
        is_sidecar = _IS_READ & ~_IS_PICTURE
        return sorted(path for (path,) in self._by_path(or_(kept, backup, is_sidecar)))

    def _by_path(self, condition: Any, *columns: Any) -> Iterator[tuple[Any, ...]]:
        query = self._query(EntryRow.parent_id, EntryRow.name, *columns).where(condition)
        for parent_id, name, *rest in self._connection.execute(query):
            yield self._path(parent_id, name), *rest

    def _path(self, parent_id: int | None, name: str) -> str:
        if parent_id not in self._above:
            above = self._directories.above(parent_id)
            self._above[parent_id] = "".join(f"{one}/" for one in above)
        return self._above[parent_id] + name

    def _query(self, *columns: Any) -> Select[*tuple[Any, ...]]:
        return (
            select(*columns)
            .select_from(EntryRow)
            .join(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
            .where(EntryRow.job_id == self._job_id, EntryRow.removed_at.is_(None))
        )
