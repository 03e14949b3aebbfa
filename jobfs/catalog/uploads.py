"""Uploads and their blobs: the versions of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    literal,
    or_,
    select,
)

from jobfs.catalog import entries, feed, outcomes, prepared
from jobfs.catalog.entries import Entry
from jobfs.catalog.numbers import Ids
from jobfs.catalog.prepared import OnPostgreSQL, Prepared
from jobfs.catalog.schema import BlobRow, EntryRow, JobRow, UploadRow
from jobfs.domain.events import EventKind
from jobfs.domain.jobs import JobStatus
from jobfs.domain.uploads import SEALED, Change, UploadState, after

_NOTHING: Mapping[str, Any] = MappingProxyType({})
#: Of the columns that a change may set, those that an Upload tells.
_KNOWN = frozenset({"size", "format", "gap"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A version of a file: *blob_key* names its bytes in the store; *format* see the schema.

    *name* and *parent_id* say where its entry stands; *planned*: in a job that is.
    """

    id: int
    entry_id: int
    job_id: int
    job_name: str
    planned: bool
    parent_id: int | None
    name: str
    blob_id: int
    blob_key: str
    base_id: int | None
    account_id: int | None
    current: bool
    removed: bool
    state: UploadState
    size: int
    format: str | None
    gap: int | None
    started_at: datetime
    judged_at: datetime | None

    @property
    def is_sealed(self) -> bool:
        """Whether these bytes never change again: writing starts a new version.

        A photo that was set aside waits with the bytes of the photo.
        """
        is_backup = self.state is UploadState.WAITING and self.base_id is not None
        return self.state in SEALED or is_backup


def get(connection: Connection, upload_id: int, *, lock: bool = False) -> Upload:
    """Return an upload; *lock* keeps other transactions from changing it until the end of this one."""
    upload = find(connection, upload_id, lock=lock)
    assert upload is not None, "what nobody may strike is there"
    return upload


def find(connection: Connection, upload_id: int, *, lock: bool = False) -> Upload | None:
    """Return an upload; None if it was purged or erased. *lock* as for `get`."""
    if lock:
        _LOCK.all(connection, upload=upload_id)
    row = _BY_ID.first(connection, upload=upload_id)
    return None if row is None else _upload(row)


def find_with_job(connection: Connection, upload_id: int) -> Upload | None:
    """Return an upload, locked, and its job before it: until the commit no name in that changes.

    In the order in which changes of names lock them, too. None if it was purged or erased.
    """
    upload = find(connection, upload_id)
    job_id = None
    while upload is not None and upload.job_id != job_id:  # or it has moved while we waited
        job_id = upload.job_id
        entries.lock_jobs(connection, job_id)
        upload = find(connection, upload_id)
    return upload and find(connection, upload_id, lock=True)


def current(connection: Connection, entry_id: int, *, lock: bool = False) -> Upload | None:
    """Return the version that a file shows; None for a directory. *lock* as for `get`."""
    if lock and not entries.writers_are_alone(connection):
        _lock_current(connection, entry_id)
    row = _CURRENT.first(connection, entry=entry_id)
    return None if row is None else _upload(row)


def _lock_current(connection: Connection, entry_id: int) -> None:
    """Lock the version that a file shows.

    Where we have waited for whoever put another in its place, the statement has locked neither.
    """
    while not _LOCK_CURRENT.all(connection, entry=entry_id):
        if _CURRENT.first(connection, entry=entry_id) is None:
            return


def is_planned(connection: Connection, upload: Upload) -> bool:
    """Whether the upload's job is planned at this moment."""
    found: bool = _STATUS.one(connection, job=upload.job_id).status == JobStatus.PLANNED.value
    return found


def receiving(connection: Connection, role_id: int) -> list[Upload]:
    """Return the uploads that a mount was writing."""
    query = _uploads().where(UploadRow.role_id == role_id)
    return [_upload(row) for row in connection.execute(query)]


def receiver(connection: Connection, upload_id: int) -> int | None:
    """Return the mount that is writing an upload; None if none is."""
    found: int | None = _RECEIVER.one(connection, upload=upload_id).role_id
    return found


def begin(
    connection: Connection,
    *,
    entry_id: int,
    job_id: int,
    account_id: int | None,
    role_id: int,
    blob_key: str,
    base_id: int | None = None,
    size: int = 0,
    now: datetime,
) -> int:
    """Start a version that the entry shows from now on; returns its id."""
    return _add(
        connection, EventKind.UPLOAD_STARTED, entry_id=entry_id, job_id=job_id,
        account_id=account_id, state=UploadState.RECEIVING, role_id=role_id,
        blob_id=_add_blob(connection, blob_key, size, now=now), base_id=base_id, size=size,
        started_at=now,
    )  # fmt: skip


def first(entry: Entry, ids: Ids, *, account_id: int, blob_key: str, now: datetime) -> Upload:
    """Return the first version of a file that an account has just made in a planned job."""
    return Upload(
        id=ids.upload, entry_id=entry.id, job_id=entry.job_id, job_name=entry.job_name, planned=True,
        parent_id=entry.parent_id, name=entry.name, blob_id=ids.blob, blob_key=blob_key, base_id=None,
        account_id=account_id, current=True, removed=False, state=UploadState.RECEIVING, size=0,
        format=None, gap=None, started_at=now, judged_at=None,
    )  # fmt: skip


def begin_first(connection: Connection, upload: Upload, *, role_id: int) -> None:
    """Start the `first` version of a file, with reserved ids."""
    prepared.add(
        connection, BlobRow, id=upload.blob_id, key=upload.blob_key, size=0,
        created_at=upload.started_at,
    )  # fmt: skip
    _add(
        connection, EventKind.UPLOAD_STARTED, id=upload.id, entry_id=upload.entry_id,
        job_id=upload.job_id, account_id=upload.account_id, state=upload.state, role_id=role_id,
        blob_id=upload.blob_id, started_at=upload.started_at,
    )  # fmt: skip


def put(
    connection: Connection,
    *,
    entry_id: int,
    job_id: int,
    account_id: int | None,
    blob_key: str,
    size: int,
    now: datetime,
) -> int:
    """Start a version whose bytes are all there: it waits for its judgement; returns its id."""
    return _add(
        connection, EventKind.UPLOAD_STARTED, entry_id=entry_id, job_id=job_id,
        account_id=account_id, state=UploadState.WAITING,
        blob_id=_add_blob(connection, blob_key, size, now=now), size=size,
        started_at=now, judged_at=now,
    )  # fmt: skip


def reopen(connection: Connection, upload_id: int, *, role_id: int) -> None:
    """Let a closed, unsealed upload be written again."""
    state = after(_state(connection, upload_id), Change.REOPENED)
    _set(connection, upload_id, state=state.value, role_id=role_id)


def set_aside(connection: Connection, upload: Upload, *, entry_id: int, now: datetime) -> None:
    """Let another entry show the same bytes; not as a photo, they wait for another name."""
    _add(
        connection, EventKind.UPLOAD_JUDGED, entry_id=entry_id, job_id=upload.job_id,
        account_id=upload.account_id, state=UploadState.WAITING,
        blob_id=upload.blob_id, base_id=upload.id, size=upload.size, started_at=now, judged_at=now,
    )  # fmt: skip


def supersede(
    connection: Connection, upload: Upload, *, account_id: int | None, now: datetime
) -> None:
    """Take the entry's present version out of its place, into the trash; an unfinished one is cut off.

    *account_id* is whose doing that is; None is an administrator's.
    """
    values: dict[str, Any] = {
        "current": False, "superseded_at": now, "superseded_by": account_id
    }  # fmt: skip
    if upload.state is UploadState.RECEIVING:
        state = after(upload.state, Change.CUT_OFF)
        outcomes.note(connection, upload, state, size=upload.size, now=now)
        values |= {"state": state.value, "role_id": None}
    _set(connection, upload.id, **values)
    feed.append(
        connection, EventKind.UPLOAD_SUPERSEDED,
        account_id=account_id, job_id=upload.job_id, entry_id=upload.entry_id, upload_id=upload.id,
    )  # fmt: skip


def note_size(connection: Connection, upload: Upload, size: int) -> None:
    """Note the bytes of a version that was superseded before it was judged; of another: nothing."""
    if not upload.current and upload.state is UploadState.INTERRUPTED:
        _set_size(connection, upload, size)


def note_sha256(connection: Connection, upload: Upload, sha256: str | None) -> None:
    """Note the hash of an upload's bytes, or that nobody has made one."""
    prepared.change(connection, BlobRow, upload.blob_id, sha256=sha256)


def was_incomplete(connection: Connection, upload: Upload, sha256: str | None) -> bool:
    """Whether these bytes were judged incomplete before, under the same name in the same directory."""
    here = select(EntryRow.parent_id, EntryRow.name_key).where(EntryRow.id == upload.entry_id)
    parent_id, name_key = connection.execute(here).one()
    judged = or_(UploadRow.state == UploadState.INCOMPLETE.value, UploadRow.id == upload.id)
    query = (
        select(literal(1))
        .select_from(UploadRow)
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .where(
            EntryRow.parent_id == parent_id, EntryRow.name_key == name_key,
            BlobRow.sha256 == sha256, judged,
        )
    )  # fmt: skip
    return connection.execute(query).first() is not None


def names_blob(connection: Connection, key: str) -> bool:
    """Whether a row names these bytes."""
    return connection.execute(select(BlobRow.id).where(BlobRow.key == key)).first() is not None


def show_again(connection: Connection, upload_id: int) -> None:
    """Make a version the one its entry shows; the caller has taken the other away."""
    _set(connection, upload_id, current=True, superseded_at=None, superseded_by=None)


def change(
    connection: Connection,
    upload: Upload,
    happened: Change,
    *,
    now: datetime,
    photo: int | None = None,
    cause: str | None = None,
    blob: Mapping[str, Any] = _NOTHING,
    **values: Any,
) -> Upload:
    """Apply what has happened to an upload; *values* are further columns (size, format, reason, ...).

    *blob* are columns of its bytes' row. *photo*, the id of what it has become, and *cause*, why for
    whoever looks into it, are for the log.
    The only place that changes a state, apart from reopen and supersede above.
    Returns it as it is now. Raises IllegalChangeError.
    """
    state = after(upload.state, happened)
    outcomes.note(
        connection, upload, state, size=values.get("size", upload.size), now=now, photo=photo,
        reason=values.get("reason"), cause=cause,
    )  # fmt: skip
    _set(connection, upload.id, state=state.value, role_id=None, judged_at=now, **values)
    if "size" in values:
        blob = {**blob, "size": values["size"]}
    if blob:
        prepared.change(connection, BlobRow, upload.blob_id, **blob)
    feed.append(
        connection, EventKind.UPLOAD_JUDGED,
        job_id=upload.job_id, entry_id=upload.entry_id, upload_id=upload.id,
        data={"state": state.value},
    )  # fmt: skip
    known = {name: value for name, value in values.items() if name in _KNOWN}
    return replace(upload, state=state, judged_at=now, **known)


def _add_blob(connection: Connection, key: str, size: int, *, now: datetime) -> int:
    return prepared.add(connection, BlobRow, key=key, size=size, created_at=now)


def _add(
    connection: Connection,
    kind: EventKind,
    *,
    entry_id: int,
    job_id: int,
    account_id: int | None,
    state: UploadState,
    **values: Any,
) -> int:
    """Add the version that an entry shows from now on, with its event; returns its id.

    *values* are further columns.
    """
    upload_id = prepared.add(
        connection, UploadRow,
        entry_id=entry_id, account_id=account_id, current=True, state=state.value, **values,
    )  # fmt: skip
    feed.append(
        connection, kind,
        account_id=account_id, job_id=job_id, entry_id=entry_id, upload_id=upload_id,
        data={"state": state.value} if kind is EventKind.UPLOAD_JUDGED else None,
    )  # fmt: skip
    return upload_id


def _state(connection: Connection, upload_id: int) -> UploadState:
    return UploadState(_STATE.one(connection, upload=upload_id).state)


def _set(connection: Connection, upload_id: int, **values: Any) -> None:
    prepared.change(connection, UploadRow, upload_id, **values)


def _set_size(connection: Connection, upload: Upload, size: int) -> None:
    _set(connection, upload.id, size=size)
    prepared.change(connection, BlobRow, upload.blob_id, size=size)


def _uploads() -> Select[*tuple[Any, ...]]:
    return (
        select(
            UploadRow.id, UploadRow.entry_id, UploadRow.blob_id, UploadRow.base_id,
            UploadRow.account_id, UploadRow.current, UploadRow.state, UploadRow.size, UploadRow.gap,
            UploadRow.format, BlobRow.key,
            UploadRow.started_at, UploadRow.judged_at,
            EntryRow.job_id, EntryRow.parent_id, EntryRow.name, EntryRow.removed_at,
            JobRow.name.label("job_name"), JobRow.status,
        )
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .join(JobRow, JobRow.id == EntryRow.job_id)
    )  # fmt: skip


def _upload(row: Any) -> Upload:
    return Upload(
        id=row.id, entry_id=row.entry_id, job_id=row.job_id, job_name=row.job_name,
        planned=row.status == JobStatus.PLANNED.value, parent_id=row.parent_id, name=row.name,
        blob_id=row.blob_id, blob_key=row.key, base_id=row.base_id, account_id=row.account_id,
        current=row.current, removed=row.removed_at is not None, state=UploadState(row.state),
        size=row.size, format=row.format, gap=row.gap, started_at=row.started_at,
        judged_at=row.judged_at,
    )  # fmt: skip


# Built once, see `jobfs.catalog.entries`.
_THIS = UploadRow.id == bindparam("upload")
_SHOWN = (UploadRow.entry_id == bindparam("entry")) & UploadRow.current
_STATE = Prepared(select(UploadRow.state).where(_THIS))
_RECEIVER = Prepared(select(UploadRow.role_id).where(_THIS))
_BY_ID = Prepared(_uploads().where(_THIS))
_CURRENT = Prepared(_uploads().where(_SHOWN))
#: Lock an upload; the caller reads it in a statement of its own, since one that has waited for a lock shows
#: the other tables, an entry's name, as they were before.
_LOCK = OnPostgreSQL(select(UploadRow.id).where(_THIS).with_for_update())
_LOCK_CURRENT = Prepared(select(UploadRow.id).where(_SHOWN).with_for_update())
_STATUS = Prepared(select(JobRow.status).where(JobRow.id == bindparam("job")))
