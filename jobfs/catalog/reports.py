"""What the files that jobfs writes for photographers tell, as rows have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

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
from jobfs.catalog.prepared import Prepared
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


_OF_JOB = bindparam("job", type_=BigInteger)
_JOB = Prepared(
    GRANTED.with_only_columns(JobRow.name, AccountRow.status_files).where(
        JobRow.id == _OF_JOB,
        EntryRow.parent_id.is_(None),
        JobRow.status == JobStatus.PLANNED.value,
    )
)
_WANTED = Prepared(select(AccountRow.status_files).where(AccountRow.id == bindparam("account")))


def job(connection: Connection, account_id: int, job_id: int) -> Job | None:
    """Return a job if it is planned and granted to an account."""
    row = _JOB.first(connection, account=account_id, job=job_id)
    return None if row is None else Job(row.name, row.status_files)


def are_wanted(connection: Connection, account_id: int) -> bool:
    """Whether an account is shown reports; one that is not there is not."""
    row = _WANTED.first(connection, account=account_id)
    return row is not None and row.status_files


def closed_jobs(connection: Connection, account_id: int) -> list[Closed]:
    """Return the jobs of an account that have left `planned` within REMEMBERED, the last one first."""
    found = _CLOSED[connection.dialect.name].all(connection, account=account_id)
    return [Closed(row.name, row.closed_at) for row in found]


#: The instant REMEMBERED before now in each dialect, by the clock that its trigger has used.
_AGO: dict[str, ColumnElement[Any]] = {
    "postgresql": func.statement_timestamp(type_=Instant) - literal(REMEMBERED, Interval),
    "sqlite": func.strftime("%Y-%m-%d %H:%M:%f", "now", f"-{REMEMBERED.days} days"),
}
_CLOSED = {
    dialect: Prepared(
        GRANTED.with_only_columns(JobRow.name, JobRow.closed_at)
        .where(
            EntryRow.parent_id.is_(None),
            JobRow.closed_at > ago,
            JobRow.status != JobStatus.PLANNED.value,
        )
        .order_by(JobRow.closed_at.desc(), JobRow.id)
    )
    for dialect, ago in _AGO.items()
}


#: Ingest has read it back; the second says that it was to be decoded, too.
_IS_READ = UploadRow.state == UploadState.INGESTED.value
_IS_PICTURE = or_(UploadRow.format.is_(None), UploadRow.format != XMP)
#: The state as photographers are told it: a sidecar that was read is no photo.
_TOLD = case((_IS_READ & ~_IS_PICTURE, UploadState.UNSUPPORTED.value), else_=UploadRow.state).label(
    "told"
)


class Lately(NamedTuple):
    """The newest of files that were closed, how many were in all, and when the first of them was."""

    newest: list[Arrival]
    in_all: int
    oldest: datetime | None


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
        return {UploadState(row.told): row.number for row in self._states}

    @cached_property
    def _states(self) -> Sequence[Any]:
        return _STATES.all(self._connection, job=self._job_id)

    def waiting(self) -> list[Unfinished]:
        """Return those that wait, by path."""
        if UploadState.WAITING not in self.states:  # nearly always, and none is looked for
            return []
        return sorted(
            Unfinished(self._path(row), row.size, row.judged_at or row.started_at)
            for row in _WAITING.all(self._connection, job=self._job_id)
        )

    def lately(self, since: datetime) -> Lately:
        """Return those that were closed since then."""
        if not any(row.newest is not None and row.newest >= since for row in self._states):
            return Lately([], 0, None)
        newest = _LATELY.all(self._connection, job=self._job_id, since=since)
        found = [row for row in newest if not names.is_junk(row.name)]
        arrivals = [
            Arrival(row.judged_at, self._path(row), UploadState(row.told), row.reason)
            for row in found[:MOST]
        ]
        return Lately(arrivals, len(found), found[-1].judged_at if found else None)

    def verified(self) -> list[Verified]:
        """Return those whose bytes were read back and decoded, by path."""
        found = _VERIFIED.all(self._connection, job=self._job_id)
        return sorted(Verified(self._path(row), row.sha256) for row in found)

    def stored(self) -> list[str]:
        """Return the paths of those that are no pictures, or that were set aside."""
        if self.states.keys().isdisjoint({UploadState.UNSUPPORTED, UploadState.WAITING}):
            return []
        return sorted(map(self._path, _STORED.all(self._connection, job=self._job_id)))

    def _path(self, row: Any) -> str:
        """Return the path of a row with the columns `parent_id` and `name`."""
        if row.parent_id not in self._above:
            above = self._directories.above(row.parent_id)
            self._above[row.parent_id] = "".join(f"{one}/" for one in above)
        path: str = self._above[row.parent_id] + row.name
        return path


def _files(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Select from the files of one job, and the versions they show."""
    return (
        select(*columns)
        .select_from(EntryRow)
        .join(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
        .where(EntryRow.job_id == _OF_JOB, EntryRow.removed_at.is_(None))
    )


_PATH = EntryRow.parent_id, EntryRow.name
_IS_WAITING = UploadRow.state == UploadState.WAITING.value
_IS_KEPT = or_(
    UploadRow.state == UploadState.UNSUPPORTED.value,
    _IS_WAITING & UploadRow.base_id.is_not(None),  # a backup
    _IS_READ & ~_IS_PICTURE,  # a sidecar
)
_STATES = Prepared(
    _files(
        _TOLD, func.count().label("number"), func.max(UploadRow.judged_at).label("newest")
    ).group_by(_TOLD)
)
_WAITING = Prepared(
    _files(*_PATH, UploadRow.size, UploadRow.judged_at, UploadRow.started_at).where(_IS_WAITING)
)
_LATELY = Prepared(
    _files(*_PATH, UploadRow.judged_at, _TOLD, UploadRow.reason)
    .where(UploadRow.judged_at >= bindparam("since"))
    .order_by(UploadRow.judged_at.desc(), UploadRow.id.desc())
)
_VERIFIED = Prepared(
    _files(*_PATH, BlobRow.sha256)
    .join(BlobRow, BlobRow.id == UploadRow.blob_id)
    .where(_IS_READ, _IS_PICTURE, BlobRow.sha256.is_not(None))
)
_STORED = Prepared(_files(*_PATH).where(_IS_KEPT))
