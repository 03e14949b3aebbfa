"""The trash: what was deleted or overwritten, and how it comes back.

Nothing is moved there. A deleted or replaced file is an entry with `removed_at`; an overwritten
content is an upload that is not current, with `superseded_at`. Their bytes stay where they are until
`jobfs.catalog.purging` strikes the rows.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from jobfs.catalog import entries, feed, metadata, namesakes, pairs, tasks, uploads
from jobfs.catalog.paths import Directories
from jobfs.catalog.refusals import BeingSentError, NoSuchItemError
from jobfs.catalog.schema import AccountRow, EntryRow, JobRow, PhotoRow, UploadRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.events import EventKind
from jobfs.domain.names import beside, entry_key, stem_key
from jobfs.domain.uploads import UploadState


class Kind(StrEnum):
    """How something came into the trash."""

    DELETED = "deleted"  # a file, by its name
    REPLACED = "replaced"  # a file: another one was renamed to its name
    OVERWRITTEN = "overwritten"  # a version: another was sent to the same file
    INTERRUPTED = (
        "interrupted"  # a version that never was whole: a rewrite that died, or lost a race
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something in the trash.

    id          "e" and a number for a file, "v" and a number for a version of one
    path        where it stood, below its job; the directories may be in the trash, too
    size        bytes
    state       the upload's, so "ingested" for what was a photo
    removed_at  in the trash since
    removed_by  the account that deleted, replaced or overwrote it; None is an administrator's doing
    kept        it is not purged as long as that is so: a photo shows it (see `is_needed`)
    """

    id: str
    path: str
    kind: Kind
    size: int
    state: str
    removed_at: datetime
    removed_by: str | None
    kept: bool


def is_needed() -> ColumnElement[bool]:
    """Say of an upload in a statement that a photo needs its bytes, so that they must not go.

    A photo shows the newest version that could be decoded, also while its file shows another. And a
    photo whose name another one has taken was wanted as well, whatever has become of the name.
    """
    shown = exists().where(
        PhotoRow.upload_id == UploadRow.id,
        or_(namesakes.is_shown(), PhotoRow.current.is_(False)),
    )
    return or_(shown, is_base())


def is_base() -> ColumnElement[bool]:
    """Say of an upload in a statement that it will be shown again if a rewrite under way dies."""
    rewrite = aliased(UploadRow)
    return exists().where(
        rewrite.base_id == UploadRow.id, rewrite.state == UploadState.RECEIVING.value
    )


# --- listing ---


def listing(connection: Connection, job_id: int) -> list[Item]:
    """Return what is in a job's trash, the newest first.

    Each file that was deleted or replaced counts once, with the version it showed, and each earlier
    version of a file, be that deleted or not. What has no bytes does not count, nor directories, nor
    the version that a rewrite under way began with.
    """
    directories = Directories(connection, [job_id])
    query = _in_trash().where(EntryRow.job_id == job_id, UploadRow.size > 0)
    return [
        _item(row, directories)
        for row in connection.execute(query.order_by(_SINCE.desc(), UploadRow.id.desc()))
    ]


_SINCE = case((UploadRow.current, EntryRow.removed_at), else_=UploadRow.superseded_at)
_BY = case((UploadRow.current, EntryRow.removed_by), else_=UploadRow.superseded_by)


def _in_trash() -> Select[*tuple[Any, ...]]:
    return (
        select(
            UploadRow.id, UploadRow.entry_id, UploadRow.current, UploadRow.state, UploadRow.size,
            EntryRow.parent_id, EntryRow.name, EntryRow.replaced, _SINCE.label("since"),
            AccountRow.name.label("by"), is_needed().label("kept"),
        )
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .outerjoin(AccountRow, AccountRow.id == _BY)
        .where(
            or_(and_(UploadRow.current, EntryRow.removed_at.is_not(None)), ~UploadRow.current),
            ~is_base(),
        )
    )  # fmt: skip


def _item(row: Row[Any], directories: Directories) -> Item:
    return Item(
        id=f"e{row.entry_id}" if row.current else f"v{row.id}", kind=_kind(row),
        path="/".join((*directories.above(row.parent_id), row.name)), size=row.size,
        state=row.state, removed_at=row.since, removed_by=row.by, kept=row.kept,
    )  # fmt: skip


def _kind(row: Row[Any]) -> Kind:
    if row.current:
        return Kind.REPLACED if row.replaced else Kind.DELETED
    is_part = row.state == UploadState.INTERRUPTED.value
    return Kind.INTERRUPTED if is_part else Kind.OVERWRITTEN


# --- restoring ---


def restore(connection: Connection, item_id: str, *, now: datetime) -> str:
    """Put something back, and return its path, which begins with the job's name.

    A file gets its name again, or one beside it ("NAME (restored).JPG") if that is taken; removed
    directories above it come back, too. A version becomes the one its file shows, which is restored as
    well if it was deleted; the version shown until now goes to the trash. What has been a photo is one
    again: at once, or when a worker has decided which photo the name shows.

    Raises NoSuchItemError, BeingSentError.
    """
    entry, version_id = _wanted(connection, item_id)
    job_id = None
    while entry.job_id != job_id:  # or it has moved while we waited
        job_id = entry.job_id
        entries.lock_jobs(connection, job_id)
        entry, version_id = _wanted(connection, item_id)
    upload = uploads.current(connection, entry.id, lock=True)
    if version_id is not None:
        upload = _show_version(connection, upload, version_id, item_id, now=now)
    elif upload is None or not upload.removed:
        raise NoSuchItemError(item_id)
    if upload.removed:
        _put_back(connection, _entry(connection, entry.id), now=now)
    metadata.entry_changed(connection, entry.id)
    pairs.settle(connection, entry.id, new=True)
    _ask_for_ingest(connection, upload, now=now)
    return _path(connection, entry.id)


def _wanted(connection: Connection, item_id: str) -> tuple[Row[Any], int | None]:
    """Return the entry that an id speaks of, and the version of it if it names one."""
    match = re.fullmatch(r"([ev])([1-9][0-9]{0,17})", item_id, re.ASCII)
    if match is None:
        raise NoSuchItemError(item_id)
    number = int(match[2])
    version_id = number if match[1] == "v" else None
    query = select(EntryRow)
    if version_id is None:
        query = query.where(EntryRow.id == number, ~EntryRow.directory)
    else:
        query = query.join(UploadRow, UploadRow.entry_id == EntryRow.id)
        query = query.where(UploadRow.id == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchItemError(item_id)
    return row, version_id


def _show_version(
    connection: Connection, shown: Upload | None, version_id: int, item_id: str, *, now: datetime
) -> Upload:
    """Let a file show another of its versions; the present one goes to the trash, or was purged from it."""
    version = uploads.find(connection, version_id, lock=True)
    if version is None or version.current:
        raise NoSuchItemError(item_id)
    if shown is not None:
        if shown.state is UploadState.RECEIVING:
            raise BeingSentError(shown.name)
        uploads.supersede(connection, shown, account_id=None, now=now)
    uploads.show_again(connection, version_id)
    entries.touch(connection, version.entry_id, now_ns=_ns(now))
    feed.append(
        connection, EventKind.UPLOAD_RESTORED,
        job_id=version.job_id, entry_id=version.entry_id, upload_id=version_id,
    )  # fmt: skip
    return uploads.get(connection, version_id)


def _put_back(connection: Connection, row: Row[Any], *, now: datetime) -> int:
    """Give a removed entry a name in its directory again, and return its id.

    Of a directory, that of the one which has the name by now, if there is one.
    """
    parent_id = _standing_directory(connection, row.parent_id, now=now)
    there = _child(connection, parent_id, row.name)
    if there is not None and there.directory and row.directory:
        return int(there.id)
    name = _free_name(connection, parent_id, row.name)
    place = {"parent_id": parent_id, "name": name, "name_key": entry_key(name)}
    place |= {"stem_key": stem_key(name)}
    back = {"removed_at": None, "removed_by": None, "replaced": False, "ctime_ns": _ns(now)}
    connection.execute(update(EntryRow).where(EntryRow.id == row.id).values(**place, **back))
    entries.touch(connection, parent_id, now_ns=_ns(now))
    feed.append(
        connection, EventKind.ENTRY_RESTORED, job_id=row.job_id, entry_id=row.id,
        data={"parent": parent_id, "name": name, "directory": row.directory},
    )  # fmt: skip
    return int(row.id)


def _standing_directory(connection: Connection, directory_id: int, *, now: datetime) -> int:
    """Return a directory that is not removed: this one, put back if need be, or its successor."""
    row = _entry(connection, directory_id)
    return directory_id if row.removed_at is None else _put_back(connection, row, now=now)


def _free_name(connection: Connection, parent_id: int, name: str) -> str:
    """Return a name that nothing has in a directory: *name*, or one like it."""
    free, number = name, 0
    while _child(connection, parent_id, free) is not None:
        number += 1
        free = beside(name, number)
    return free


def _ask_for_ingest(connection: Connection, upload: Upload, *, now: datetime) -> None:
    """Have an upload ingested that is to be a photo and is none; ingest knows what became of its name.

    One that waited is judged again by whoever claims its task.
    """
    shows_it = exists().where(PhotoRow.upload_id == upload.id, PhotoRow.current)
    is_photo = connection.execute(select(shows_it)).scalar_one()
    if upload.state in {UploadState.RECEIVED, UploadState.WAITING} or (
        upload.state is UploadState.INGESTED and not is_photo
    ):
        tasks.enqueue(connection, upload.id, now=now)


def _entry(connection: Connection, entry_id: int) -> Row[Any]:
    return connection.execute(select(EntryRow).where(EntryRow.id == entry_id)).one()


def _child(connection: Connection, parent_id: int, name: str) -> Row[Any] | None:
    """Return what stands in a directory under a name, whoever may see it."""
    query: Select[*tuple[Any, ...]] = select(EntryRow.id, EntryRow.directory).where(
        EntryRow.parent_id == parent_id, EntryRow.name_key == entry_key(name),
        EntryRow.removed_at.is_(None),
    )  # fmt: skip
    return connection.execute(query).one_or_none()


def _path(connection: Connection, entry_id: int) -> str:
    row = _entry(connection, entry_id)
    job = connection.execute(select(JobRow.name).where(JobRow.id == row.job_id)).scalar_one()
    above = Directories(connection, [row.job_id]).above(row.parent_id)
    return "/".join((job, *above, row.name))


def _ns(now: datetime) -> int:
    """Return an instant as the kernel counts it; to the microsecond, as exactly as it is known."""
    return round(now.timestamp() * 10**6) * 1000
