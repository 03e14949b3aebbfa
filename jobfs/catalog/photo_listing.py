"""A job's photos, as they are listed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from jobfs.catalog import codes, descriptions, namesakes, pairs
from jobfs.catalog.descriptions import Description
from jobfs.catalog.paths import Directories
from jobfs.catalog.photos import Rendition
from jobfs.catalog.refusals import NoSuchPhotoError
from jobfs.catalog.schema import (
    AccountRow,
    BlobRow,
    EntryRow,
    JobRow,
    PhotoRow,
    RenditionRow,
    UploadRow,
)
from jobfs.catalog.shots import captured
from jobfs.domain.codes import Code
from jobfs.domain.placement import place


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A file that a photo was made of: the version it shows.

    path      as the photo's
    format    what its content is: "JPEG", "CR2", ...
    key       the store's name for its bytes
    mtime_ns  as its client set it; of a version that its file shows no more, when it was received
    uploader  the account that sent it, also one that was removed since; None: an administrator did
    """

    path: str
    format: str
    sha256: str | None
    size: int
    upload_id: int
    key: str
    mtime_ns: int
    uploader: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo as it is listed.

    path       below its job, as sent; for one that is not current, its last
    section    individuals or group
    captured   ISO 8601; with an offset only if the camera told it
    current    false: another photo has its name, or its file was removed
    row_id     of the row of `photo` whose original comes first
    known      what is known of it besides its pixels
    codes      QR and bar codes in it
    originals  what it was made of: one file, or a JPEG and then the raw file of the same picture. What
               the photo says of itself, and its renditions, are the first one's
    """

    id: int
    job: str
    path: str
    album: str
    section: str
    state: str
    sha256: str | None
    size: int
    width: int
    height: int
    captured: str | None
    renditions: tuple[Rendition, ...]
    current: bool
    row_id: int
    known: Description
    codes: tuple[Code, ...]
    originals: tuple[Original, ...]


_Row = Row[*tuple[Any, ...]]


def listing(connection: Connection, job_id: int, *, everything: bool = False) -> list[Photo]:
    """Return a job's photos by path; with *everything* also those that are not current."""
    which: list[ColumnElement[bool]] = [EntryRow.job_id == job_id]
    if not everything:
        which += [PhotoRow.current.is_(True), namesakes.is_shown()]
    return _photos(connection, job_id, *which)


def one(connection: Connection, photo_id: int) -> Photo:
    """Return a photo, current or not. Raises NoSuchPhotoError."""
    query = select(EntryRow.job_id).join(PhotoRow, PhotoRow.entry_id == EntryRow.id)
    job_id = connection.execute(query.where(PhotoRow.id == photo_id)).scalar()
    found = job_id and _photos(connection, job_id, pairs.number() == photo_id)
    if not found:
        raise NoSuchPhotoError(photo_id)
    return found[0]


def _photos(connection: Connection, job_id: int, *which: ColumnElement[bool]) -> list[Photo]:
    directories = Directories(connection, [job_id])
    renditions = _renditions(connection, job_id)
    keywords = descriptions.keywords(connection, job_id)
    seen = codes.of_job(connection, job_id)
    job = connection.execute(select(JobRow.name).where(JobRow.id == job_id)).scalar_one()
    photos = [
        _photo(
            rows, directories.above(rows[0].parent_id), job, renditions[rows[0].id],
            descriptions.description(rows[0], keywords[rows[0].id]),
            seen=seen.get(rows[0].id, []),
        )
        for rows in _rows(connection, *which)
    ]  # fmt: skip
    return sorted(photos, key=_by_path)


def _rows(connection: Connection, *which: ColumnElement[bool]) -> list[list[_Row]]:
    """Return for each photo the rows of its originals: of those whose files are there, if any is."""
    query = (
        select(
            PhotoRow, pairs.number().label("number"), namesakes.is_shown().label("shown"),
            EntryRow.parent_id, EntryRow.name, EntryRow.mtime_ns, UploadRow.state,
            UploadRow.current.label("is_shown_version"), UploadRow.judged_at, UploadRow.started_at,
            BlobRow.key, BlobRow.sha256, BlobRow.size, AccountRow.name.label("uploader"),
        )
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .join(UploadRow, UploadRow.id == PhotoRow.upload_id)
        .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .where(*which)
        .order_by(PhotoRow.beside_id.is_not(None), PhotoRow.entry_id)
    )  # fmt: skip
    photos: defaultdict[int, list[_Row]] = defaultdict(list)
    for row in connection.execute(query):
        photos[row.number].append(row)
    return [[row for row in rows if _is_there(row)] or rows for rows in photos.values()]


def _is_there(row: _Row) -> bool:
    return bool(row.current and row.shown)


def _renditions(connection: Connection, job_id: int) -> dict[int, list[Rendition]]:
    query = (
        select(RenditionRow)
        .join(PhotoRow, PhotoRow.id == RenditionRow.photo_id)
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(EntryRow.job_id == job_id)
        .order_by(RenditionRow.width * RenditionRow.height, RenditionRow.name)
    )
    of_photo: defaultdict[int, list[Rendition]] = defaultdict(list)
    for row in connection.execute(query):
        of_photo[row.photo_id].append(
            Rendition(name=row.name, width=row.width, height=row.height, size=row.size, key=row.key)
        )
    return of_photo


def _photo(
    rows: Sequence[_Row],
    above: tuple[str, ...],
    job: str,
    renditions: list[Rendition],
    known: Description,
    *,
    seen: Sequence[Code],
) -> Photo:
    first, placement = rows[0], place(above, job)
    return Photo(
        id=first.number, job=job, path="/".join((*above, first.name)), album=placement.album,
        section=placement.section.value, state=first.state, sha256=first.sha256, size=first.size,
        width=first.width, height=first.height, captured=captured(first),
        renditions=tuple(renditions), current=_is_there(first),
        row_id=first.id, known=known, codes=tuple(seen),
        originals=tuple(_original(row, above) for row in rows),
    )  # fmt: skip


def _original(row: _Row, above: tuple[str, ...]) -> Original:
    received_ns = int((row.judged_at or row.started_at).timestamp()) * 10**9
    return Original(
        path="/".join((*above, row.name)), format=row.format, sha256=row.sha256, size=row.size,
        upload_id=row.upload_id, key=row.key,
        mtime_ns=row.mtime_ns if row.is_shown_version else received_ns, uploader=row.uploader,
    )  # fmt: skip


def _by_path(photo: Photo) -> tuple[str, int]:
    return photo.path, photo.id
