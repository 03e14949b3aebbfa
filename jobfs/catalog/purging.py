"""Emptying the trash: first the rows, in one transaction; then, by the caller, the bytes.

The other order would leave rows whose bytes are gone. What is to be deleted is recorded with the first
(`jobfs.catalog.erasures`), so that whoever is killed in between leaves that to the next. Events stay: they
are no part of what they speak of.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Row,
    Select,
    delete,
    exists,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from jobfs.catalog import codes, erasures, feed, metadata, pairs
from jobfs.catalog.erasures import Kind
from jobfs.catalog.schema import BlobRow, EntryRow, PhotoRow, RenditionRow, TaskRow, UploadRow
from jobfs.catalog.trash import is_needed
from jobfs.domain.events import EventKind
from jobfs.domain.uploads import UploadState

#: Uploads that one transaction strikes, so that clients need not wait long for SQLite's one writer.
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a transaction has struck: *uploads* of *size* bytes together.

    The keys in *originals* and *renditions* are to be deleted from the store when it is committed.
    """

    uploads: int
    size: int
    originals: tuple[str, ...]
    renditions: tuple[str, ...]


def expired(
    connection: Connection, *, removed_before: datetime, job_id: int | None = None
) -> tuple[int, int]:
    """Return how many uploads `purge` would strike by and by, and their bytes."""
    query = _expired(
        removed_before, job_id, func.count(), func.coalesce(func.sum(UploadRow.size), 0)
    )
    number, size = connection.execute(query).one()
    return int(number), int(size)


def purge(
    connection: Connection, *, removed_before: datetime, job_id: int | None = None, now: datetime
) -> Purged:
    """Strike some of what came into the trash before an instant, from one job or all.

    To be called until it finds no more, and `dropped` when the bytes are deleted. What a photo shows is
    kept, as `jobfs.catalog.trash` says, and what a worker or a mount has in its hands waits for the next
    time.
    """
    doomed = _doomed(connection, removed_before, job_id)
    purged = _strike(connection, doomed, now=now)
    _strike_directories(connection, removed_before, job_id)
    for row in doomed:
        feed.append(
            connection, EventKind.UPLOAD_PURGED,
            job_id=row.job_id, entry_id=row.entry_id, upload_id=row.id,
        )  # fmt: skip
    return purged


def dropped(connection: Connection, purged: Purged) -> None:
    """Strike from the record the bytes that are deleted now."""
    for kind, keys in _bytes(purged):
        erasures.forget(connection, kind, keys)


def _bytes(purged: Purged) -> tuple[tuple[Kind, Sequence[str]], ...]:
    return (Kind.ORIGINAL, purged.originals), (Kind.RENDITION, purged.renditions)


def strike(connection: Connection, upload_ids: Sequence[int], *, now: datetime) -> Purged:
    """Strike uploads, locked by the caller; the photos that show them; and removed files with no other.

    Their bytes are recorded as still to be deleted.
    """
    query = select(*_COLUMNS).join(EntryRow, EntryRow.id == UploadRow.entry_id)
    doomed = connection.execute(query.where(UploadRow.id.in_(upload_ids))).all()
    return _strike(connection, doomed, now=now)


def _strike(
    connection: Connection, doomed: Sequence[Row[*tuple[Any, ...]]], *, now: datetime
) -> Purged:
    ids = [row.id for row in doomed]
    based = update(UploadRow).where(UploadRow.base_id.in_(ids))  # before files, as a rename does
    connection.execute(based.values(base_id=None))
    files = _lock_files(connection, doomed)
    renditions = _strike_photos(connection, ids)
    originals = _strike_uploads(connection, doomed)
    for file in files:
        metadata.name_changed(connection, file.parent_id, file.name)  # a sidecar may say less now
    purged = Purged(
        uploads=len(doomed), size=sum(row.size for row in doomed),
        originals=originals, renditions=renditions,
    )  # fmt: skip
    for kind, keys in _bytes(purged):
        erasures.note(connection, kind, keys, at=now)
    return purged


def _expired(
    removed_before: datetime, job_id: int | None, *columns: Any
) -> Select[*tuple[Any, ...]]:
    """Select from the uploads that are to go: files removed, and versions superseded, in time.

    The versions of a removed file go with it or after it, never before. What has a task may be what
    becomes the photo when the version that took its place breaks off.
    """
    has_task = exists().where(TaskRow.upload_id == UploadRow.id, TaskRow.failed_at.is_(None))
    query = (
        select(*columns)
        .join_from(UploadRow, EntryRow, EntryRow.id == UploadRow.entry_id)
        .where(
            UploadRow.id.in_(_in_trash_before(removed_before)),
            or_(EntryRow.removed_at.is_(None), EntryRow.removed_at < removed_before),
            UploadRow.state != UploadState.RECEIVING.value, ~is_needed(), ~has_task,
        )
    )  # fmt: skip
    return query if job_id is None else query.where(EntryRow.job_id == job_id)


def _in_trash_before(instant: datetime) -> CompoundSelect[int]:
    """Select what is in the trash since before *instant*.

    Two statements, each with an index of its own: looking must not cost more the more photos there are.
    """
    upload = aliased(UploadRow)
    removed = (
        select(upload.id)
        .join(EntryRow, EntryRow.id == upload.entry_id)
        .where(EntryRow.removed_at < instant, upload.current)
    )
    return union_all(removed, select(upload.id).where(upload.superseded_at < instant))


#: What is needed of an upload to strike it.
_COLUMNS: tuple[Any, ...] = (
    UploadRow.id, UploadRow.entry_id, UploadRow.blob_id, UploadRow.size, EntryRow.job_id
)  # fmt: skip


def _doomed(
    connection: Connection, removed_before: datetime, job_id: int | None
) -> list[Row[*tuple[Any, ...]]]:
    """Lock some of the uploads that are to go, and return them.

    The statement that locks may show the other tables as they were before: so it only locks, and what
    it has locked is looked at again. Whoever restores or rewrites a version locks it first, too.
    """
    some = _expired(removed_before, job_id, UploadRow.id).order_by(UploadRow.id).limit(BATCH)
    locked = connection.execute(some.with_for_update(skip_locked=True, of=UploadRow)).scalars()
    ids = set(locked)
    ids -= _rewritten_by_others(connection, ids)
    again = _expired(removed_before, job_id, *_COLUMNS).where(UploadRow.id.in_(ids))
    return list(connection.execute(again))


def _rewritten_by_others(connection: Connection, upload_ids: Set[int]) -> set[int]:
    """Return those of locked uploads whose rewrites somebody else has locked; the others' are locked, too.

    Whoever ends or restores a rewrite locks it before what it rewrites, so nobody here waits for one.
    """
    rewrites = select(UploadRow.id, UploadRow.base_id).where(UploadRow.base_id.in_(upload_ids))
    every = connection.execute(rewrites).all()
    free = set(connection.execute(rewrites.with_for_update(skip_locked=True)).scalars())
    return {row.base_id for row in every if row.id not in free}


def _lock_files(
    connection: Connection, doomed: Sequence[Row[*tuple[Any, ...]]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Lock the files of uploads, and return where they stand by then.

    Of two who strike versions of one file, the second sees what is left.
    """
    ids = {row.entry_id for row in doomed}
    files = select(EntryRow.id).where(EntryRow.id.in_(ids)).order_by(EntryRow.id)
    connection.execute(files.with_for_update(key_share=True)).all()
    places = select(EntryRow.parent_id, EntryRow.name).where(EntryRow.id.in_(ids))
    return connection.execute(places.order_by(EntryRow.id)).all()


def _strike_photos(connection: Connection, upload_ids: Sequence[int]) -> tuple[str, ...]:
    """Strike the photos that show these uploads; returns the keys of their renditions.

    Locked first: ingest may be giving one of them to a new upload of the same name.
    """
    photos = select(PhotoRow.id).where(PhotoRow.upload_id.in_(upload_ids)).with_for_update()
    pairs.bequeath(connection, connection.execute(photos).scalars().all())
    ids = list(connection.execute(photos).scalars())
    renditions = delete(RenditionRow).where(RenditionRow.photo_id.in_(ids))
    keys = connection.execute(renditions.returning(RenditionRow.key)).scalars().all()
    metadata.forget_photos(connection, ids)
    codes.forget(connection, ids)
    connection.execute(delete(PhotoRow).where(PhotoRow.id.in_(ids)))
    return tuple(keys)


def _strike_uploads(
    connection: Connection, doomed: Sequence[Row[*tuple[Any, ...]]]
) -> tuple[str, ...]:
    """Strike uploads, and entries that have no other; returns the keys of blobs nobody needs now."""
    ids = [row.id for row in doomed]
    connection.execute(delete(TaskRow).where(TaskRow.upload_id.in_(ids)))
    metadata.forget_uploads(connection, ids)
    connection.execute(delete(UploadRow).where(UploadRow.id.in_(ids)))
    their_blobs = BlobRow.id.in_({row.blob_id for row in doomed})  # locked for the same reason
    locked = select(BlobRow.id).where(their_blobs).order_by(BlobRow.id).with_for_update()
    connection.execute(locked).all()
    blobs = delete(BlobRow).where(their_blobs, ~exists().where(UploadRow.blob_id == BlobRow.id))
    keys = connection.execute(blobs.returning(BlobRow.key)).scalars().all()
    left_empty = delete(EntryRow).where(
        EntryRow.id.in_({row.entry_id for row in doomed}), EntryRow.removed_at.is_not(None),
        ~exists().where(UploadRow.entry_id == EntryRow.id),
    )  # fmt: skip
    connection.execute(left_empty)
    return tuple(keys)


def _strike_directories(
    connection: Connection, removed_before: datetime, job_id: int | None
) -> None:
    """Strike removed directories in which not even something removed has stood; one level of them."""
    child = aliased(EntryRow)
    empty = delete(EntryRow).where(
        EntryRow.directory, EntryRow.removed_at < removed_before,
        ~exists().where(child.parent_id == EntryRow.id),
    )  # fmt: skip
    if job_id is not None:
        empty = empty.where(EntryRow.job_id == job_id)
    connection.execute(empty)
