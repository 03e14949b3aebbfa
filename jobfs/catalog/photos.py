"""Photos: what ingest makes of uploads, and which photo a name shows.

"Same name again" is decided here, in the transaction that records: the same bytes are the same photo,
other bytes of the same capture a new version of it, another capture a photo of its own.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    exists,
    or_,
    select,
    update,
)

from jobfs.catalog import codes, feed, metadata, pairs, prepared, shots, tasks, uploads
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import BlobRow, EntryRow, PhotoRow, RenditionRow, UploadRow
from jobfs.catalog.tasks import Task
from jobfs.catalog.uploads import Upload
from jobfs.domain.captures import Capture, same_capture
from jobfs.domain.codes import Code
from jobfs.domain.events import EventKind
from jobfs.domain.exif import Shot
from jobfs.domain.metadata.values import Source
from jobfs.domain.uploads import Change, UploadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """An image made from a photo: *size* in bytes, *key* is the store's name for it."""

    name: str
    width: int
    height: int
    size: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What ingest found in an upload: *width* and *height* are pixels as seen.

    format    what its content is: "JPEG", "CR2", ...
    shot      what its camera recorded; by it the same picture is known again
    metadata  all that the file itself says
    codes     QR and bar codes that can be seen in it
    """

    sha256: str
    format: str
    width: int
    height: int
    shot: Shot
    metadata: Source = field(default_factory=Source)
    codes: tuple[Code, ...] = ()
    renditions: tuple[Rendition, ...]


def is_wanted(connection: Connection, upload: Upload) -> bool:
    """Whether ingest should still look at an upload: it is the newest whole version of its entry.

    The entry may show a newer one that broke off: until that is whole, this one is the photo. An
    older one that was restored, so that the entry shows it, counts as the newest.
    """
    if upload.removed or upload.state not in _WANTED:
        return False
    newer = exists().where(
        UploadRow.entry_id == upload.entry_id, or_(UploadRow.id > upload.id, UploadRow.current),
        UploadRow.state.in_([state.value for state in _WANTED]),
    )  # fmt: skip
    return upload.current or not connection.execute(select(newer)).scalar_one()


_WANTED = (UploadState.RECEIVED, UploadState.INGESTED)


def record(
    connection: Connection, task: Task, found: Ingested, *, now: datetime
) -> tuple[str, ...]:
    """Make the upload of a claimed task a photo, or a version of one.

    Returns the keys of renditions that no row names (any more): to be deleted after the commit. An upload
    that a newer one has replaced stays as it is: restoring it asks for ingest again.
    """
    upload = uploads.find_with_job(connection, task.upload_id)
    is_claimed = tasks.finish(connection, task)
    if upload is None or not is_claimed or not is_wanted(connection, upload):
        return _unnamed(connection, found.renditions)
    uploads.note_sha256(connection, upload, found.sha256)
    metadata.note(connection, upload.id, found.metadata)
    before = pairs.id_at(connection, upload.entry_id)
    row_id, unused = _shown_by(connection, upload, found, now=now)
    metadata.refresh(connection, row_id)
    codes.replace(connection, row_id, found.codes)
    pairs.settle(connection, upload.entry_id, new=row_id != before)
    photo_id = pairs.id_at(connection, upload.entry_id)
    if upload.state is UploadState.RECEIVED:
        uploads.change(
            connection, upload, Change.INGESTED, now=now, photo=photo_id, reason=None, advice=None
        )
    feed.append(
        connection, EventKind.PHOTO_INGESTED,
        job_id=upload.job_id, entry_id=upload.entry_id, upload_id=upload.id, photo_id=photo_id,
    )  # fmt: skip
    return unused


def refuse(
    connection: Connection,
    task: Task,
    change: Change,
    *,
    sha256: str,
    reason: str,
    advice: str,
    cause: str | None = None,
    now: datetime,
) -> bool:
    """Note that an upload is no photo, and why; false if the claim was lost.

    *reason* and *advice* are for the photographer, *cause* is for the log.
    """
    upload = uploads.find(connection, task.upload_id, lock=True)
    if upload is None or not tasks.finish(connection, task):
        return False
    if is_wanted(connection, upload) and upload.state is UploadState.RECEIVED:
        uploads.note_sha256(connection, upload, sha256)
        uploads.change(
            connection, upload, change, now=now, reason=reason, advice=advice, cause=cause
        )
    return True


def leave(connection: Connection, task: Task, *, now: datetime) -> None:
    """Strike the task of an upload that was not wanted; put it back if it is by now.

    Somebody may have restored it since the worker looked, and found the task claimed.
    """
    upload = uploads.find(connection, task.upload_id, lock=True)
    if upload is not None and is_wanted(connection, upload):
        tasks.postpone(connection, task, until=now, error="the file was restored just then")
    else:
        tasks.finish(connection, task)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A photo that has, or had, the name of an upload; *upload_id* is what it shows."""

    id: int
    upload_id: int
    current: bool
    sha256: str | None
    capture: Capture


def _shown_by(
    connection: Connection, upload: Upload, found: Ingested, *, now: datetime
) -> tuple[int, tuple[str, ...]]:
    """Let a photo show the upload; return its id, and the renditions that are of no more use."""
    known = _of_this_name(connection, upload)
    for photo in known:
        if photo.upload_id == upload.id:  # it is rendered again
            _take_the_name(connection, upload, photo.id, known, **_facts(found))
            return photo.id, _replace_renditions(connection, photo.id, found.renditions)
    for photo in known:
        if photo.sha256 == found.sha256:
            _take_the_name(connection, upload, photo.id, known)
            return photo.id, tuple(rendition.key for rendition in found.renditions)
    for photo in known:
        same = same_capture(photo.capture, found.shot.capture)
        if same or (photo.current and same is None):
            _take_the_name(connection, upload, photo.id, known, **_facts(found))
            return photo.id, _replace_renditions(connection, photo.id, found.renditions)
    _take_the_name(connection, upload, None, known)
    photo_id = _add(connection, upload, found, now=now)
    return photo_id, _replace_renditions(connection, photo_id, found.renditions)


def _of_this_name(connection: Connection, upload: Upload) -> list[_Known]:
    """Return the photos of the upload's entry, the current one first.

    If it has none, those of removed entries of the same name in the same directory: unlink followed by
    create is the same name again.
    """
    own = _read(_OWN.all(connection, entry=upload.entry_id))
    if own:
        return own
    place = _PLACE.one(connection, entry=upload.entry_id)
    return _read(_NAMESAKES.all(connection, parent=place.parent_id, name=place.name_key))


def _read(rows: Iterable[Any]) -> list[_Known]:
    return [
        _Known(
            id=row.id,
            upload_id=row.upload_id,
            current=row.current,
            sha256=row.sha256,
            capture=shots.shot_of(row).capture,
        )
        for row in rows
    ]


def _take_the_name(
    connection: Connection,
    upload: Upload,
    photo_id: int | None,
    known: list[_Known],
    **facts: Any,
) -> None:
    """Make one of the *known* photos the name's current one, or none of them."""
    others = [photo.id for photo in known if photo.current and photo.id != photo_id]
    if others:
        stepped_back = update(PhotoRow).where(PhotoRow.id.in_(others)).values(current=False)
        connection.execute(stepped_back)
        for other in others:
            pairs.part(connection, other)
    if photo_id is not None:
        shows = {"entry_id": upload.entry_id, "upload_id": upload.id, "current": True, **facts}
        connection.execute(update(PhotoRow).where(PhotoRow.id == photo_id).values(**shows))


def _add(connection: Connection, upload: Upload, found: Ingested, *, now: datetime) -> int:
    return prepared.add(
        connection, PhotoRow,
        entry_id=upload.entry_id, upload_id=upload.id, created_at=now, **_facts(found),
    )  # fmt: skip


def _facts(found: Ingested) -> dict[str, Any]:
    """Return the columns that say what the file is; `metadata.refresh` sets those for people."""
    return {
        "format": found.format, "width": found.width, "height": found.height,
        "shot": shots.kept(found.shot),
    }  # fmt: skip


def _replace_renditions(
    connection: Connection, photo_id: int, fresh: tuple[Rendition, ...]
) -> tuple[str, ...]:
    """Give a photo the *fresh* renditions; returns the keys of those it had."""
    keys = tuple(old.key for old in _STRIKE_RENDITIONS.all(connection, photo=photo_id))
    for rendition in fresh:
        values = {"photo_id": photo_id, **asdict(rendition)}
        prepared.insert(RenditionRow, *values).all(connection, **values)
    return keys


def _unnamed(connection: Connection, renditions: tuple[Rendition, ...]) -> tuple[str, ...]:
    """Return the keys that no row names.

    A lost claim may have been lost to ourselves: the answer to the commit did not arrive, and the
    transaction was tried again.
    """
    keys = [rendition.key for rendition in renditions]
    named = set(
        connection.execute(select(RenditionRow.key).where(RenditionRow.key.in_(keys))).scalars()
    )
    return tuple(key for key in keys if key not in named)


# Built once, see `jobfs.catalog.entries`.
_KNOWN = (
    select(*PhotoRow.__table__.c, BlobRow.sha256)
    .join(UploadRow, UploadRow.id == PhotoRow.upload_id)
    .join(BlobRow, BlobRow.id == UploadRow.blob_id)
    .order_by(PhotoRow.current.desc(), PhotoRow.id.desc())
    .with_for_update(of=PhotoRow)  # or a purge could strike one that is about to be given the name
)
_OWN = Prepared(_KNOWN.where(PhotoRow.entry_id == bindparam("entry")))
_PLACE = Prepared(
    select(EntryRow.parent_id, EntryRow.name_key).where(EntryRow.id == bindparam("entry"))
)
_NAMESAKES = Prepared(
    _KNOWN.where(
        PhotoRow.entry_id.in_(
            select(EntryRow.id).where(
                EntryRow.parent_id == bindparam("parent"), EntryRow.name_key == bindparam("name"),
                EntryRow.removed_at.is_not(None),
            )
        )
    )
)  # fmt: skip
_STRIKE_RENDITIONS = Prepared(
    delete(RenditionRow)
    .where(RenditionRow.photo_id == bindparam("photo"))
    .returning(RenditionRow.key)
)
