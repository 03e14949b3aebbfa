"""What went wrong, and what to do about it: files that are no photos, and photos in odd places."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, func, or_, select

from jobfs.catalog import namesakes
from jobfs.catalog.paths import Directories
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import AccountRow, EntryRow, JobRow, PhotoRow, UploadRow
from jobfs.domain import problems
from jobfs.domain.metadata.sidecars import FORMAT as XMP
from jobfs.domain.names import is_junk, is_original_backup, is_sidecar, is_temporary
from jobfs.domain.placement import place
from jobfs.domain.uploads import UploadState

MISPLACED = "misplaced"  # a folder whose photos are in another album or section than it may seem
COLLISION = "collision"  # another photo has taken the name of this one

_CHUNK = 500  # ids in one statement; databases allow a few thousand parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One line of the list.

    path    below the job, as sent; a folder's for `misplaced`
    kind    the upload's state, `misplaced` or `collision`
    text    what is wrong, in words for a photographer
    advice  what to do about it
    size    bytes that arrived; None for a folder
    at      since when

    *uploader* is the account that sent it, also one that was removed since; None for a folder, and for what
    an administrator sent.
    """

    job_id: int
    job: str
    path: str
    kind: str
    text: str
    advice: str
    size: int | None
    at: datetime
    uploader: str | None = None


#: States of files that are photos, will be, or were meant to be.
_PICTURES = (
    UploadState.RECEIVED,
    UploadState.INGESTED,
    UploadState.INTERRUPTED,
    UploadState.INCOMPLETE,
    UploadState.DAMAGED,
)


def listing(
    connection: Connection,
    job_id: int | None = None,
    *,
    states: Collection[UploadState] = tuple(problems.BY_STATE),
) -> list[Problem]:
    """Return every problem, or those of one job, by job and path.

    *states*: of the files there, if whoever asks knows them.
    """
    jobs = _jobs(connection, job_id)
    directories = Directories(connection, jobs)
    is_unfit = not problems.BY_STATE.keys().isdisjoint(states)
    found = [
        *(_uploads(connection, directories, jobs, job_id) if is_unfit else ()),
        *_misplaced(connection, directories, jobs, job_id),
        *_collisions(connection, directories, jobs, job_id),
    ]
    return sorted(found, key=_by_job_and_path)


def counts(connection: Connection, job_id: int | None = None) -> Mapping[int, int]:
    """Return how many problems each job has that has any, by the job's id."""
    return Counter(problem.job_id for problem in listing(connection, job_id))


def _by_job_and_path(problem: Problem) -> tuple[str, str, str]:
    return problem.job, problem.path, problem.kind


def _jobs(connection: Connection, job_id: int | None) -> dict[int, str]:
    """Return the names of the jobs in question by their ids."""
    return dict(_asked(connection, _jobs_named, job_id))


def _uploads(
    connection: Connection, directories: Directories, jobs: Mapping[int, str], job_id: int | None
) -> Iterator[Problem]:
    """Yield the files that are no photos, but for those nobody expects to be."""
    for row in _asked(connection, _unfit, job_id):
        path = (*directories.above(row.parent_id), row.name)
        if _is_of_no_interest(path, row.state):
            continue
        said = problems.BY_STATE[UploadState(row.state)]
        yield Problem(
            job_id=row.job_id, job=jobs[row.job_id], path="/".join(path), kind=row.state,
            text=row.reason or said.reason, advice=row.advice or said.advice, size=row.size,
            at=row.judged_at or row.started_at, uploader=row.uploader,
        )  # fmt: skip


def of_file(path: tuple[str, ...], state: UploadState, reason: str | None) -> str | None:
    """Return what is wrong with a file, in words for a photographer; None if it is no problem."""
    if state not in problems.BY_STATE or _is_of_no_interest(path, state):
        return None
    return reason or problems.BY_STATE[state].reason


def _is_of_no_interest(path: tuple[str, ...], state: str) -> bool:
    """Tell whether nobody expects a file to be a photo; of a sidecar, to be read."""
    is_silent = is_sidecar(path[-1]) and state != UploadState.DAMAGED
    return _is_set_aside(path) or is_silent or is_original_backup(path[-1])


def _is_set_aside(path: tuple[str, ...]) -> bool:
    """Tell whether a system or a client made this, or a directory above it, for itself."""
    return any(is_junk(name) or is_temporary(name) for name in path)


def _misplaced(
    connection: Connection, directories: Directories, jobs: Mapping[int, str], job_id: int | None
) -> Iterator[Problem]:
    """Yield the folders with pictures in them whose names say something else than they mean."""
    notes: dict[int, tuple[int, str]] = {}
    for row in _asked(connection, _folders, job_id):
        path = directories.above(row.id)
        note = None if _is_set_aside(path) else place(path, jobs[row.job_id]).note
        if note is not None:
            notes[row.id] = row.job_id, note
    for folder, since in _with_pictures(connection, list(notes)):
        job, note = notes[folder]
        said = problems.misplaced(note)
        yield Problem(
            job_id=job, job=jobs[job], path="/".join(directories.above(folder)), kind=MISPLACED,
            text=said.reason, advice=said.advice, size=None,
            at=since,
        )  # fmt: skip


def _with_pictures(connection: Connection, folders: list[int]) -> Iterator[tuple[int, datetime]]:
    """Yield those of the directories that hold pictures, with the time of the first one."""
    for start in range(0, len(folders), _CHUNK):
        query = (
            select(EntryRow.parent_id, func.min(UploadRow.started_at))
            .join(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
            .where(
                EntryRow.parent_id.in_(folders[start : start + _CHUNK]),
                EntryRow.removed_at.is_(None), UploadRow.state.in_(_PICTURES),
                or_(UploadRow.format.is_(None), UploadRow.format != XMP),
            )
            .group_by(EntryRow.parent_id)
        )  # fmt: skip
        for folder, since in connection.execute(query):
            assert folder is not None  # by the condition above
            yield folder, since


def _collisions(
    connection: Connection, directories: Directories, jobs: Mapping[int, str], job_id: int | None
) -> Iterator[Problem]:
    """Yield the photos whose name another one has taken: in the same file, or with one of its own."""
    said = problems.collision()
    for row in _asked(connection, _taken, job_id):
        yield Problem(
            job_id=row.job_id, job=jobs[row.job_id], kind=COLLISION,
            path="/".join((*directories.above(row.parent_id), row.name)),
            text=said.reason, advice=said.advice, size=row.size, at=row.created_at,
            uploader=row.uploader,
        )  # fmt: skip


Question = Callable[[], Select[*tuple[Any, ...]]]


def _asked(connection: Connection, question: Question, job_id: int | None) -> Sequence[Any]:
    """Return the rows that a question finds, in all jobs or in one."""
    if job_id is None:
        return connection.execute(question()).all()
    return _of_one_job(question).all(connection, job=job_id)


@cache  # composing a statement takes longer than SQLite takes to answer it
def _of_one_job(question: Question) -> Prepared:
    asked = question()
    job = bindparam("job", type_=BigInteger)
    return Prepared(asked.where(asked.selected_columns.job_id == job))


def _jobs_named() -> Select[*tuple[Any, ...]]:
    return select(JobRow.id.label("job_id"), JobRow.name)


def _unfit() -> Select[*tuple[Any, ...]]:
    """Ask for the files whose states are problems."""
    unfit = or_(*(UploadRow.state == state.value for state in problems.BY_STATE))
    return (
        select(
            EntryRow.job_id, EntryRow.parent_id, EntryRow.name, UploadRow.state,
            UploadRow.reason, UploadRow.advice, UploadRow.size, UploadRow.started_at,
            UploadRow.judged_at, AccountRow.name.label("uploader"),
        )
        .join(UploadRow, UploadRow.entry_id == EntryRow.id)
        .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
        .where(EntryRow.removed_at.is_(None), UploadRow.current, unfit)
    )  # fmt: skip


def _folders() -> Select[*tuple[Any, ...]]:
    return select(EntryRow.id, EntryRow.job_id).where(
        EntryRow.removed_at.is_(None), EntryRow.directory
    )


def _taken() -> Select[*tuple[Any, ...]]:
    """Ask for the photos whose names others have."""
    return (
        select(
            EntryRow.job_id, EntryRow.parent_id, EntryRow.name, UploadRow.size,
            PhotoRow.created_at, AccountRow.name.label("uploader"),
        )
        .join(PhotoRow, PhotoRow.entry_id == EntryRow.id)
        .join(UploadRow, UploadRow.id == PhotoRow.upload_id)
        .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
        .where(
            PhotoRow.current.is_(False), or_(EntryRow.removed_at.is_(None), namesakes.is_taken())
        )
    )  # fmt: skip
