"""What the rows say of the store, for `jobfs fsck`, and where they contradict each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from jobfs.catalog import tasks, uploads
from jobfs.catalog.paths import Directories
from jobfs.catalog.schema import (
    AccountRow,
    AccountUsageRow,
    BlobRow,
    EntryRow,
    ErasureRow,
    JobRow,
    PhotoRow,
    RenditionRow,
    TaskRow,
    UploadRow,
)
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import SEALED, UploadState

#: Rows that are read at once: a long reader would keep the database from tidying up.
PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What the rows say of a blob.

    path    where its newest upload stands, or stood, beginning with the job; "" if there is none
    size    bytes; None while it is being received, or if no upload names it
    sha256  of bytes that never change again; None if unknown
    """

    id: int
    key: str
    path: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """What the rows say of a rendition of the photo at *path*."""

    id: int
    key: str
    name: str
    path: str
    size: int
    upload_id: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Rows that do not go together; *upload_id* is what to ingest again, if that is the remedy."""

    path: str
    text: str
    upload_id: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes that an account's files add up to, and what was counted instead."""

    account_id: int
    account: str
    real: int
    counted: int


def count(connection: Connection) -> int:
    """Return how many files the rows name."""
    tables = (BlobRow, RenditionRow)
    return sum(
        connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables
    )


def originals(
    connection: Connection, *, after: int = 0, keys: Iterable[str] | None = None
) -> list[Original]:
    """Return the blobs with ids above *after*, a page of them; or those of *keys* only."""
    its = aliased(UploadRow)
    newest = select(func.max(its.id)).where(its.blob_id == BlobRow.id).scalar_subquery()
    sealed = its.state.in_([state.value for state in SEALED])
    query: Select[*tuple[Any, ...]] = (
        select(
            BlobRow.id, BlobRow.key, BlobRow.size, BlobRow.sha256, UploadRow.state,
            exists().where(its.blob_id == BlobRow.id, sealed).label("sealed"),
            EntryRow.job_id, EntryRow.parent_id, EntryRow.name,
        )
        .select_from(BlobRow)
        .outerjoin(UploadRow, UploadRow.id == newest)
        .outerjoin(EntryRow, EntryRow.id == UploadRow.entry_id)
        .where(BlobRow.id > after if keys is None else BlobRow.key.in_(list(keys)))
        .order_by(BlobRow.id)
        .limit(PAGE)
    )  # fmt: skip
    rows = connection.execute(query).all()
    paths = _paths(connection, rows)
    return [
        Original(
            id=row.id, key=row.key, path=path,
            size=None if row.state == UploadState.RECEIVING.value else row.size,
            sha256=row.sha256 if row.sealed else None,
        )
        for row, path in zip(rows, paths, strict=True)
    ]  # fmt: skip


def renditions(
    connection: Connection, *, after: int = 0, keys: Iterable[str] | None = None
) -> list[Rendition]:
    """Return the renditions with ids above *after*, a page of them; or those of *keys* only."""
    query: Select[*tuple[Any, ...]] = (
        select(
            RenditionRow.id, RenditionRow.key, RenditionRow.name.label("kind"), RenditionRow.size,
            PhotoRow.upload_id, EntryRow.job_id, EntryRow.parent_id, EntryRow.name,
        )
        .join(PhotoRow, PhotoRow.id == RenditionRow.photo_id)
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(RenditionRow.id > after if keys is None else RenditionRow.key.in_(list(keys)))
        .order_by(RenditionRow.id)
        .limit(PAGE)
    )  # fmt: skip
    rows = connection.execute(query).all()
    return [
        Rendition(
            id=row.id, key=row.key, name=row.kind, path=path, size=row.size,
            upload_id=row.upload_id,
        )
        for row, path in zip(rows, _paths(connection, rows), strict=True)
    ]  # fmt: skip


def named(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return those of the keys that rows name, be it as bytes that are to be deleted."""
    query = union_all(
        select(BlobRow.key).where(BlobRow.key.in_(keys)),
        select(RenditionRow.key).where(RenditionRow.key.in_(keys)),
        select(ErasureRow.name).where(ErasureRow.name.in_(keys)),
    )
    return {str(key) for key in connection.execute(query).scalars()}


def contradictions(connection: Connection) -> list[Contradiction]:
    """Return what of files, versions and photos does not go together."""
    found: list[Contradiction] = []
    for text, is_remedied, which in _FAULTS:
        rows = connection.execute(_OF_UPLOADS.where(which).order_by(UploadRow.id)).all()
        for row, path in zip(rows, _paths(connection, rows), strict=True):
            found.append(Contradiction(path, text, row.id if is_remedied else None))
    empty = connection.execute(_WITHOUT_VERSION).all()
    text = "the file has no version that it could show"
    return [*found, *(Contradiction(path, text) for path in _paths(connection, empty))]


def usages(connection: Connection) -> list[Usage]:
    """Return the accounts whose use was counted wrongly; one statement, so of one moment."""
    shown = and_(UploadRow.current, EntryRow.removed_at.is_(None))
    real = (
        select(UploadRow.account_id, UploadRow.size.label("real"), literal(0).label("counted"))
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .where(shown, UploadRow.account_id.is_not(None))
    )
    noted = select(AccountUsageRow.account_id, literal(0), AccountUsageRow.bytes)
    both = union_all(real, noted).subquery()
    sums = func.coalesce(func.sum(both.c.real), 0), func.coalesce(func.sum(both.c.counted), 0)
    query = (
        select(AccountRow.id, AccountRow.name, sums[0].label("real"), sums[1].label("counted"))
        .join(both, both.c.account_id == AccountRow.id)
        .group_by(AccountRow.id, AccountRow.name)
        .having(sums[0] != sums[1])
        .order_by(AccountRow.id)
    )
    return [
        Usage(row.id, row.name, int(row.real), int(row.counted))
        for row in connection.execute(query)
    ]


def correct_usages(connection: Connection) -> None:
    """Let what was counted be what is there."""
    for usage in usages(connection):
        change = {"account_id": usage.account_id, "bytes": usage.real - usage.counted}
        connection.execute(insert(AccountUsageRow).values(**change))


def ingest_again(connection: Connection, upload_id: int, *, now: datetime) -> None:
    """Ask for an upload's ingest, behind whatever is being sent; not if it was purged or erased by now."""
    if uploads.find(connection, upload_id, lock=True) is not None:
        tasks.enqueue(connection, upload_id, now=now, priority=Priority.RERENDER)


def _paths(connection: Connection, rows: Sequence[Any]) -> list[str]:
    """Return where entries stand, beginning with the job; of a row without an entry ""."""
    job_ids = {row.job_id for row in rows if row.job_id is not None}
    names = dict(
        connection.execute(select(JobRow.id, JobRow.name).where(JobRow.id.in_(job_ids))).all()
    )
    directories = Directories(connection, job_ids)
    return [
        ""
        if row.job_id is None
        else "/".join((names[row.job_id], *directories.above(row.parent_id), row.name))
        for row in rows
    ]


_OF_UPLOADS: Select[*tuple[Any, ...]] = select(
    UploadRow.id, EntryRow.job_id, EntryRow.parent_id, EntryRow.name
).join(EntryRow, EntryRow.id == UploadRow.entry_id)
_HAS_TASK = exists().where(TaskRow.upload_id == UploadRow.id)
_IS_SHOWN = and_(UploadRow.current, EntryRow.removed_at.is_(None))

#: What is said of uploads that do not go together with other rows; whether ingest remedies it; which.
_FAULTS: list[tuple[str, bool, ColumnElement[bool]]] = [
    (
        "it is received, and nothing is going to make a photo of it", True,
        and_(_IS_SHOWN, UploadRow.state == UploadState.RECEIVED.value, ~_HAS_TASK),
    ),
    (
        "the photo has no renditions", True,
        and_(
            _IS_SHOWN, ~_HAS_TASK,
            exists().where(
                PhotoRow.upload_id == UploadRow.id, PhotoRow.current,
                ~exists().where(RenditionRow.photo_id == PhotoRow.id),
            ),
        ),
    ),
    (
        "the photo stands at another file than the one it shows", False,
        exists().where(PhotoRow.upload_id == UploadRow.id, PhotoRow.entry_id != UploadRow.entry_id),
    ),
]  # fmt: skip
_WITHOUT_VERSION: Select[*tuple[Any, ...]] = select(
    EntryRow.job_id, EntryRow.parent_id, EntryRow.name
).where(
    ~EntryRow.directory, EntryRow.removed_at.is_(None),
    ~exists().where(UploadRow.entry_id == EntryRow.id, UploadRow.current),
)  # fmt: skip
