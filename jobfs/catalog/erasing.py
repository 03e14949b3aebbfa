"""Erasing: a photo or a whole job goes for good, whatever the trash would have kept.

First the rows, with a record of what is gone (`jobfs.catalog.erasures`), in one transaction; then, by the
caller, the bytes. Events stay, without what they said: ids and counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from jobfs.catalog import entries, erasures, feed, jobs, pairs, purging, uploads
from jobfs.catalog.erasures import Erasure, Kind
from jobfs.catalog.purging import BATCH, Purged
from jobfs.catalog.refusals import InUseError, JobNotEmptyError, NoSuchPhotoError
from jobfs.catalog.schema import (
    EntryRow,
    ErasureRow,
    EventRow,
    GrantRow,
    JobRow,
    PhotoRow,
    TaskRow,
    UploadRow,
)
from jobfs.domain.events import EventKind
from jobfs.domain.jobs import JobStatus
from jobfs.domain.metadata import sidecars
from jobfs.domain.uploads import UploadState

_NOTHING = Purged(uploads=0, size=0, originals=(), renditions=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much will be erased: *size* is bytes of *versions* together."""

    files: int
    versions: int
    size: int


# --- one photo ---


def extent_of_photo(connection: Connection, photo_id: int) -> Extent:
    """Return what `photo` would erase. Raises NoSuchPhotoError."""
    return _extent(connection, UploadRow.id.in_(_versions(connection, photo_id)))


def photo(connection: Connection, photo_id: int, *, now: datetime) -> Purged:
    """Erase a photo: every original, and all else that had, or has in the trash, its name.

    What shows another photo stays: it had the name before, or took it. Raises NoSuchPhotoError, and
    InUseError.
    """
    _lock_job(connection, photo_id)
    doomed = _locked_versions(connection, photo_id)
    extent = _extent(connection, UploadRow.id.in_(doomed))
    job_id, entry_id = _place(connection, photo_id)
    erasures.note(connection, Kind.ENTRY, _former_entries(connection, photo_id), at=now)
    purged = _erase(connection, doomed, now=now)
    feed.append(
        connection, EventKind.PHOTO_ERASED, job_id=job_id, entry_id=entry_id, photo_id=photo_id,
        data={"files": extent.files, "versions": extent.versions, "bytes": extent.size},
    )  # fmt: skip
    return purged


def _lock_job(connection: Connection, photo_id: int) -> None:
    """Lock the job of a photo; whoever moves one to another job has locked both."""
    job_id = None
    while job_id != (found := _place(connection, photo_id)[0]):
        job_id = found
        entries.lock_jobs(connection, job_id)


def _place(connection: Connection, photo_id: int) -> tuple[int, int]:
    """Return job and entry of a photo; raises NoSuchPhotoError."""
    rows = _halves(connection, photo_id)
    if not rows:
        raise NoSuchPhotoError(photo_id)
    return rows[0].job_id, rows[0].entry_id


def _halves(connection: Connection, photo_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the rows that are one photo."""
    query: Select[*tuple[Any, ...]] = (
        select(
            PhotoRow.id, PhotoRow.entry_id, PhotoRow.upload_id, PhotoRow.current,
            EntryRow.job_id, EntryRow.parent_id, EntryRow.name, EntryRow.name_key,
        )
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(pairs.number() == photo_id)
        .order_by(PhotoRow.beside_id.is_not(None), PhotoRow.entry_id)
    )  # fmt: skip
    return connection.execute(query).all()


def _versions(connection: Connection, photo_id: int) -> list[int]:
    """Return the uploads that go with a photo. Raises NoSuchPhotoError."""
    halves = _halves(connection, photo_id)
    if not halves:
        raise NoSuchPhotoError(photo_id)
    own = [half.id for half in halves]
    others = ~exists().where(PhotoRow.upload_id == UploadRow.id, PhotoRow.id.not_in(own))
    found = {
        upload_id
        for half in halves
        for upload_id in connection.execute(
            select(UploadRow.id).where(_belongs(connection, half, own), others)
        ).scalars()
    }
    blobs = select(UploadRow.blob_id).where(UploadRow.id.in_(found))
    same_bytes = select(UploadRow.id).where(UploadRow.blob_id.in_(blobs), others)
    return sorted(found.union(connection.execute(same_bytes).scalars()))


def _locked_versions(connection: Connection, photo_id: int) -> list[int]:
    """Return the uploads that go with a photo, locked, also those that came while others had the lock.

    Raises NoSuchPhotoError, and InUseError.
    """
    locked: list[int] = []
    while locked != (found := _versions(connection, photo_id)):
        _refuse_in_use(connection, found)
        locked = found
    return locked


def _belongs(
    connection: Connection, half: Row[*tuple[Any, ...]], own: Sequence[int]
) -> ColumnElement[bool]:
    """Say of an upload that it has, or had, a photo's name.

    Of a photo whose name another has taken: only what came before the other.
    """
    of_name = and_(
        EntryRow.parent_id == half.parent_id, EntryRow.name_key == half.name_key,
        EntryRow.removed_at.is_not(None),
    )  # fmt: skip
    named = [EntryRow.id == half.entry_id, of_name]
    if not half.current:
        earlier = select(EntryRow.id).where(or_(*named))
        return and_(UploadRow.entry_id.in_(earlier), UploadRow.id <= half.upload_id)
    backup = f"{half.name_key}_original"
    named += [
        and_(EntryRow.parent_id == half.parent_id, EntryRow.name_key == backup),
        EntryRow.id.in_(_sidecars(connection, half, own)),
    ]
    return UploadRow.entry_id.in_(select(EntryRow.id).where(~EntryRow.directory, or_(*named)))


def _sidecars(connection: Connection, half: Row[*tuple[Any, ...]], own: Sequence[int]) -> list[int]:
    """Return the sidecars that speak of a photo, removed ones too, and of no other that stands there."""
    here = select(EntryRow.id, EntryRow.name).where(EntryRow.parent_id == half.parent_id)
    stems = EntryRow.stem_key.in_(sidecars.stems(half.name))
    photos = here.join(PhotoRow, PhotoRow.entry_id == EntryRow.id).where(
        PhotoRow.current, PhotoRow.id.not_in(own), EntryRow.removed_at.is_(None)
    )
    others = [row.name for row in connection.execute(photos)]
    return [
        row.id
        for row in connection.execute(here.where(stems, ~EntryRow.directory))
        if sidecars.precedence(row.name, half.name) is not None
        and all(sidecars.precedence(row.name, other) is None for other in others)
    ]


def _former_entries(connection: Connection, photo_id: int) -> list[int]:
    """Return files that the photo once was, and that are gone from the trash: a backup may have them."""
    query = (
        select(EventRow.entry_id)
        .where(
            EventRow.kind == EventKind.PHOTO_INGESTED.value, EventRow.photo_id == photo_id,
            ~exists().where(EntryRow.id == EventRow.entry_id),
        )
        .distinct()
    )  # fmt: skip
    return [int(entry_id) for entry_id in connection.execute(query).scalars() if entry_id]


# --- a job ---


def extent_of_job(connection: Connection, job_id: int) -> Extent:
    """Return what is in a job, and its trash."""
    of_job = select(EntryRow.id).where(EntryRow.job_id == job_id)
    return _extent(connection, UploadRow.entry_id.in_(of_job))


def begin_job(connection: Connection, job_id: int, *, now: datetime) -> None:
    """Close a job to everybody and record that it is erased; `job_step` does it, in however many steps.

    Raises InUseError if somebody sends into it.
    """
    entries.lock_jobs(connection, job_id)
    its = select(EntryRow.id).where(EntryRow.job_id == job_id)
    of_job = UploadRow.entry_id.in_(its)
    receiving = UploadRow.state == UploadState.RECEIVING.value
    number = connection.execute(select(func.count()).where(of_job, receiving)).scalar_one()
    if number:
        raise InUseError(f"files are being sent into the job at this moment: {number}; try again")
    jobs.set_status(connection, job_id, JobStatus.ARCHIVED)
    connection.execute(delete(GrantRow).where(GrantRow.job_id == job_id))
    erasures.note(connection, Kind.JOB, [job_id], at=now)
    _silence(connection, or_(EventRow.job_id == job_id, EventRow.entry_id.in_(its)))


def unfinished_jobs(connection: Connection) -> list[int]:
    """Return the jobs that are to be erased, and are still there."""
    query = select(ErasureRow.name, ErasureRow.at).where(ErasureRow.kind == Kind.JOB.value)
    there = dict(connection.execute(select(JobRow.id, JobRow.created_at)).all())
    erased = [(int(row.name), row.at) for row in connection.execute(query)]
    return sorted(job_id for job_id, at in erased if job_id in there and there[job_id] <= at)


def job_step(connection: Connection, job_id: int, *, now: datetime) -> int | None:
    """Erase some of a job that was begun with; returns how many versions, None if it is all gone.

    0: what is left is in the hands of a worker or a mount.
    """
    entries.lock_jobs(connection, job_id)
    of_job = select(EntryRow.id).where(EntryRow.job_id == job_id)
    some = _free(connection, UploadRow.entry_id.in_(of_job), now=now)
    _erase(connection, some, now=now)
    left = exists().where(UploadRow.entry_id.in_(of_job))
    if connection.execute(select(left)).scalar_one():
        return len(some)
    connection.execute(delete(EntryRow).where(EntryRow.job_id == job_id))
    connection.execute(delete(GrantRow).where(GrantRow.job_id == job_id))
    connection.execute(delete(JobRow).where(JobRow.id == job_id))
    _silence(connection, EventRow.job_id == job_id)
    feed.append(connection, EventKind.JOB_ERASED, job_id=job_id)
    return None


def remove_empty(connection: Connection, job_id: int, *, now: datetime) -> None:
    """Remove a job in which no file is, not even in the trash. Raises JobNotEmptyError."""
    entries.lock_jobs(connection, job_id)
    extent = extent_of_job(connection, job_id)
    if extent.versions:
        raise JobNotEmptyError(
            f"the job holds {extent.files} files, the trash included: with --erase they go for good"
        )
    begin_job(connection, job_id, now=now)
    job_step(connection, job_id, now=now)


# --- a restored backup ---


def again(connection: Connection, *, now: datetime) -> int:
    """Erase again what the record says, and a restored backup has brought back; returns how many versions.

    To be called while nobody else is at work.
    """
    known = erasures.lasting(connection)
    doomed = [
        upload_id
        for first in range(0, len(known), BATCH)
        for upload_id in _brought_back(connection, known[first : first + BATCH])
    ]
    for first in range(0, len(doomed), BATCH):
        _erase(connection, doomed[first : first + BATCH], now=now)
    return len(doomed) + sum(
        _job_again(connection, job_id, now=now) for job_id in unfinished_jobs(connection)
    )


def _job_again(connection: Connection, job_id: int, *, now: datetime) -> int:
    versions = extent_of_job(connection, job_id).versions
    of_job = select(EntryRow.id).where(EntryRow.job_id == job_id)
    of_uploads = select(UploadRow.id).where(UploadRow.entry_id.in_(of_job))
    # A backup holds the claims of that moment's workers.
    connection.execute(delete(TaskRow).where(TaskRow.upload_id.in_(of_uploads)))
    while job_step(connection, job_id, now=now):
        pass
    return versions


def _brought_back(connection: Connection, known: Sequence[Erasure]) -> list[int]:
    """Return the uploads that erasures of files and versions speak of."""
    at = {(one.kind, int(one.name)): one.at for one in known}
    columns = (UploadRow.id, UploadRow.entry_id, UploadRow.started_at)
    query = select(*columns).where(
        or_(
            UploadRow.entry_id.in_([row for kind, row in at if kind is Kind.ENTRY]),
            UploadRow.id.in_([row for kind, row in at if kind is Kind.UPLOAD]),
        )
    )
    return [
        row.id
        for row in connection.execute(query)
        if any(
            key in at and row.started_at <= at[key]
            for key in ((Kind.ENTRY, row.entry_id), (Kind.UPLOAD, row.id))
        )
    ]


# --- what both are made of ---


def _erase(connection: Connection, upload_ids: Sequence[int], *, now: datetime) -> Purged:
    """Strike uploads, the photos that show them, their files; and record it."""
    if not upload_ids:
        return _NOTHING
    places = select(UploadRow.entry_id).where(UploadRow.id.in_(upload_ids), UploadRow.current)
    touched = select(UploadRow.entry_id).where(UploadRow.id.in_(upload_ids)).distinct()
    entry_ids = list(connection.execute(touched).scalars())
    _take_away(connection, list(connection.execute(places).scalars()), now=now)
    purged = purging.strike(connection, upload_ids, now=now)
    there = select(EntryRow.id).where(EntryRow.id.in_(entry_ids))
    left = set(connection.execute(there).scalars())
    gone = [entry_id for entry_id in entry_ids if entry_id not in left]
    for entry_id in left:
        _show_another(connection, entry_id)
    _silence(connection, EventRow.entry_id.in_(gone))
    erasures.note(connection, Kind.ENTRY, gone, at=now)
    if left:
        erasures.note(connection, Kind.UPLOAD, upload_ids, at=now)
    return purged


def _take_away(connection: Connection, entry_ids: Sequence[int], *, now: datetime) -> None:
    """Let files be in the trash, so that nobody sees them without a version; no event names them."""
    standing = update(EntryRow).where(EntryRow.id.in_(entry_ids), EntryRow.removed_at.is_(None))
    removed = standing.values(removed_at=now, removed_by=None).returning(EntryRow.parent_id)
    for parent_id in set(connection.execute(removed).scalars()):
        if parent_id is not None:
            entries.touch(connection, parent_id, now_ns=round(now.timestamp() * 10**6) * 1000)


def _show_another(connection: Connection, entry_id: int) -> None:
    """Let a file whose version was erased show the newest that is left, of another photo."""
    versions = select(UploadRow.id, UploadRow.current).where(UploadRow.entry_id == entry_id)
    rows = connection.execute(versions.order_by(UploadRow.id)).all()
    if rows and not any(row.current for row in rows):
        uploads.show_again(connection, rows[-1].id)


def _silence(connection: Connection, which: ColumnElement[bool]) -> None:
    """Take from events what they said besides ids: names are among it."""
    said = update(EventRow).where(EventRow.data.is_not(None), which)
    connection.execute(said.values(data=None))


def _extent(connection: Connection, which: ColumnElement[bool]) -> Extent:
    query = select(
        func.count(UploadRow.entry_id.distinct()), func.count(),
        func.coalesce(func.sum(UploadRow.size), 0),
    ).where(which)  # fmt: skip
    files, versions, size = connection.execute(query).one()
    return Extent(files=int(files), versions=int(versions), size=int(size))


def _refuse_in_use(connection: Connection, upload_ids: Sequence[int]) -> None:
    """Lock uploads and their tasks; raises InUseError if somebody is at work on one of them."""
    theirs = select(UploadRow.id).where(UploadRow.id.in_(upload_ids))
    # A rewrite before what it rewrites, as whoever ends one locks them.
    connection.execute(theirs.order_by(UploadRow.id.desc()).with_for_update()).all()
    receiving = select(EntryRow.name).join(UploadRow, UploadRow.entry_id == EntryRow.id)
    receiving = receiving.where(
        UploadRow.id.in_(upload_ids), UploadRow.state == UploadState.RECEIVING.value
    )
    name = connection.execute(receiving).scalars().first()
    if name is not None:
        raise InUseError(f"{name!r} is being sent at this moment: try again when it has arrived")
    claims = select(TaskRow.claim_token).where(TaskRow.upload_id.in_(upload_ids))
    if any(connection.execute(claims.with_for_update()).scalars()):
        raise InUseError("a worker is looking at the photo at this moment: try again")


def _free(connection: Connection, which: ColumnElement[bool], *, now: datetime) -> list[int]:
    """Lock some uploads that nobody is at work on, and their tasks; return them."""
    claimed = exists().where(
        TaskRow.upload_id == UploadRow.id, TaskRow.claim_token.is_not(None),
        TaskRow.claimed_until > now,
    )  # fmt: skip
    free = and_(which, UploadRow.state != UploadState.RECEIVING.value, ~claimed)
    some = select(UploadRow.id).where(free).order_by(UploadRow.id).limit(BATCH)
    ids = list(connection.execute(some.with_for_update(skip_locked=True)).scalars())
    tasks = select(TaskRow.id).where(TaskRow.upload_id.in_(ids)).with_for_update()
    connection.execute(tasks).all()
    again = select(UploadRow.id).where(free, UploadRow.id.in_(ids))
    return list(connection.execute(again).scalars())
