"""Jobs: adding, finding, listing, opening and closing them, giving them another name."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from jobfs.catalog import namesakes, pairs, problems
from jobfs.catalog.refusals import JobExistsError, NoSuchJobError
from jobfs.catalog.schema import EntryRow, JobRow, PhotoRow
from jobfs.domain.jobs import JobStatus
from jobfs.domain.names import job_key, job_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A photo assignment."""

    id: int
    name: str
    title: str
    status: JobStatus
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A job and what is in it: *files* as sent, *photos* that are current, *problems* as listed."""

    job: Job
    files: int
    photos: int
    problems: int


def add(
    connection: Connection, name: str, *, title: str = "", status: JobStatus, now: datetime
) -> int:
    """Add a job and return its id; a trigger makes its directory.

    Raises BadJobNameError and JobExistsError.
    """
    name = job_name(name)
    _refuse_taken(connection, name)
    entry = insert(JobRow).values(
        name=name, name_key=job_key(name), title=title, status=status.value, created_at=now
    )
    try:
        return connection.execute(entry.returning(JobRow.id)).scalar_one()
    except IntegrityError as error:  # a job added since we looked
        raise _taken(name, name) from error


def by_name(connection: Connection, name: str) -> Job:
    """Return the job of that name; raises NoSuchJobError, which names similar ones."""
    query = _jobs().where(JobRow.name == unicodedata.normalize("NFC", name))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchJobError(f"there is no job {name!r}{_hint(_similar(connection, name))}")
    return _job(row)


def names(connection: Connection) -> list[str]:
    """Return the name of every job, in order."""
    return list(connection.execute(select(JobRow.name).order_by(JobRow.name_key)).scalars())


def listing(connection: Connection, job_id: int | None = None) -> list[JobSummary]:
    """Return every job, or the one with *job_id*, by name."""
    files = _counts(connection, _files(), job_id)
    photos = _counts(connection, _photos(), job_id)
    faults = problems.counts(connection, job_id)
    query = _jobs().order_by(JobRow.name_key)
    if job_id is not None:
        query = query.where(JobRow.id == job_id)
    return [
        JobSummary(
            job=_job(row), files=files.get(row.id, 0), photos=photos.get(row.id, 0),
            problems=faults.get(row.id, 0),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def set_status(connection: Connection, job_id: int, status: JobStatus) -> None:
    """Open or close a job; a trigger appends the event if that changes anything."""
    connection.execute(update(JobRow).where(JobRow.id == job_id).values(status=status.value))


def rename(connection: Connection, job_id: int, name: str) -> None:
    """Give a job another name; it keeps its id, and with it every inode number.

    Raises BadJobNameError and JobExistsError.
    """
    name = job_name(name)
    _refuse_taken(connection, name, but=job_id)
    this_job = update(JobRow).where(JobRow.id == job_id)
    try:
        # The trigger that serves plain SQL writes a key of its own with the name; ours comes last.
        connection.execute(this_job.values(name=name, name_key=job_key(name)))
        connection.execute(this_job.values(name_key=job_key(name)))
    except IntegrityError as error:  # a job renamed since we looked
        raise _taken(name, name) from error


def _refuse_taken(connection: Connection, name: str, *, but: int | None = None) -> None:
    same = select(JobRow.id, JobRow.name).where(JobRow.name_key == job_key(name))
    row = connection.execute(same).one_or_none()
    if row is not None and row.id != but:
        raise _taken(name, row.name)


def _taken(name: str, holder: str) -> JobExistsError:
    if name == holder:
        return JobExistsError(f"there is a job {name!r} already")
    return JobExistsError(f"there is a job {holder!r} already; {name!r} differs in case only")


def _similar(connection: Connection, name: str) -> list[str]:
    """Return names that may have been meant, the likeliest first, three at most."""
    names = dict(connection.execute(select(JobRow.name_key, JobRow.name)).all())
    wanted = job_key(name)
    alike = difflib.get_close_matches(wanted, names, n=3)
    containing = [key for key in sorted(names) if wanted and wanted in key]
    return [names[key] for key in dict.fromkeys((*alike, *containing))][:3]


def _hint(names: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""


def _files() -> Select[int, int]:
    return (
        select(EntryRow.job_id, func.count())
        .where(EntryRow.removed_at.is_(None), EntryRow.directory.is_(False))
        .group_by(EntryRow.job_id)
    )


def _photos() -> Select[int, int]:
    return (
        select(EntryRow.job_id, func.count(pairs.number().distinct()))
        .join(PhotoRow, PhotoRow.entry_id == EntryRow.id)
        .where(PhotoRow.current, namesakes.is_shown())
        .group_by(EntryRow.job_id)
    )


def _counts(connection: Connection, query: Select[int, int], job_id: int | None) -> dict[int, int]:
    if job_id is not None:
        query = query.where(EntryRow.job_id == job_id)
    return dict(connection.execute(query).all())


def _jobs() -> Select[*tuple[Any, ...]]:
    return select(JobRow.id, JobRow.name, JobRow.title, JobRow.status, JobRow.created_at)


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id, name=row.name, title=row.title, status=JobStatus(row.status),
        created_at=row.created_at,
    )  # fmt: skip
