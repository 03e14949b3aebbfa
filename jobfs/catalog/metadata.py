"""What is known of photos besides their pixels: what their files and sidecars say, and what follows.

What a file says by itself is kept with its upload. When a photo or a sidecar comes, goes or moves, what
follows is made anew in the same transaction, so the order in which they arrive changes nothing. Whoever
calls has locked the job, or a photo and its sidecar that arrive in one moment would not see each other.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from jobfs.catalog import prepared
from jobfs.catalog.prepared import OnPostgreSQL, Prepared
from jobfs.catalog.schema import (
    EntryRow,
    PhotoKeywordRow,
    PhotoMetadataRow,
    PhotoPlaceRow,
    PhotoRow,
    UploadMetadataRow,
    UploadRow,
)
from jobfs.catalog.shots import shot_of
from jobfs.domain.exif import Shot
from jobfs.domain.metadata import merging, sidecars
from jobfs.domain.metadata.values import Metadata, Moment, Source
from jobfs.domain.names import folded

#: Characters of JSON; three blocks at their limits, twice, and facts at theirs are fewer.
LARGEST = 1_000_000
_NUL = "\\u0000"  # as JSON has it; PostgreSQL takes none
_BEST, _LAST_ORIENTATION = 5, 8  # of ratings, and of the Exif standard's numbers
_OF_PHOTO = (PhotoKeywordRow, PhotoMetadataRow, PhotoPlaceRow)


def note(connection: Connection, upload_id: int, source: Source) -> None:
    """Keep what an upload says, in place of what it was found to say before.

    Of what no honest decoder says, nothing is kept.
    """
    _UNSAY.all(connection, upload=upload_id)
    text = _json(source)
    if len(text) > LARGEST or _NUL in text or not _is_honest(source, text):
        text = _json(Source())
    said = prepared.insert(UploadMetadataRow, "upload_id", "source")
    said.all(connection, upload_id=upload_id, source=text)


def _is_honest(source: Source, text: str) -> bool:
    """Whether it can be read back, and numbers are in their bounds.

    Else each change of a photo beside it would fail, and not only the file that it is of.
    """
    try:
        _source(text)  # JSON has neither infinity nor what is no number
    except msgspec.DecodeError:
        return False
    return all(
        (facts.rating is None or -1 <= facts.rating <= _BEST)
        and (facts.orientation is None or 1 <= facts.orientation <= _LAST_ORIENTATION)
        for facts in (source.said, source.hinted)
    )


def forget_uploads(connection: Connection, upload_ids: Iterable[int]) -> None:
    """Strike what uploads say."""
    said = UploadMetadataRow.upload_id.in_(list(upload_ids))
    connection.execute(delete(UploadMetadataRow).where(said))


def forget_photos(connection: Connection, photo_ids: Iterable[int]) -> None:
    """Strike what is known of photos, but for the columns of their rows."""
    ids = list(photo_ids)
    for table in _OF_PHOTO:
        connection.execute(delete(table).where(table.photo_id.in_(ids)))


# --- what follows of a change ---


def entry_changed(connection: Connection, entry_id: int) -> None:
    """Make anew what follows of a file that has come to where it stands, or says something else now.

    Of one that is gone from the trash by now: nothing.
    """
    row = _PLACE.first(connection, entry=entry_id)
    if row is None:
        return
    for photo in _PHOTOS.all(connection, entry=entry_id):
        refresh(connection, photo.id)
    name_changed(connection, row.parent_id, row.name)


def name_changed(connection: Connection, parent_id: int, name: str) -> None:
    """Make anew what follows of a name in a directory that has come, or gone, or got another content."""
    if not sidecars.is_xmp(name):
        return
    query = (
        select(PhotoRow.id, EntryRow.name)
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(
            EntryRow.parent_id == parent_id, EntryRow.stem_key.in_(sidecars.stems_of_photos(name)),
            EntryRow.removed_at.is_(None), EntryRow.directory.is_(False), PhotoRow.current,
        )
        .order_by(PhotoRow.id)
    )  # fmt: skip
    for photo in connection.execute(query).all():
        if sidecars.precedence(name, photo.name) is not None:
            refresh(connection, photo.id)


def refresh(connection: Connection, photo_id: int) -> None:
    """Make anew what is known of a photo, from its file and the sidecars beside it.

    Locked first, since a purge of sidecars locks no job. Of one that was struck by then: nothing.
    """
    _LOCK.all(connection, photo=photo_id)
    row = _PHOTO.first(connection, photo=photo_id)
    if row is None:
        return
    file = Source() if row.source is None else _source(row.source)
    beside = _beside(connection, row.parent_id, row.name)
    _write(connection, photo_id, merging.merged(file, beside), shot_of(row))


def _beside(connection: Connection, parent_id: int, photo: str) -> list[Source]:
    """Return what the sidecars of a photo say, in the order of their precedence."""
    stems = {f"stem_{number}": stem for number, stem in enumerate(sidecars.stems(photo))}
    found: dict[int, tuple[int, str, int]] = {}
    for row in _sidecars(tuple(stems)).all(connection, parent=parent_id, **stems):
        precedence = sidecars.precedence(row.name, photo)
        if precedence is not None:
            found.setdefault(row.entry_id, (precedence, row.name, row.upload_id))
    heeded = sorted(found.values())[: merging.MOST_SIDECARS]
    said = (_SAID.first(connection, upload=upload_id) for _, _, upload_id in heeded)
    return [_source(row.source) for row in said if row is not None]  # else it was purged just then


#: Versions of sidecars that could be read, those first that their files show, or have shown last: what is
#: being sent over a sidecar, or broke off, does not silence it.
_SIDECARS = (
    select(UploadRow.entry_id, UploadRow.id.label("upload_id"), EntryRow.name)
    .join(EntryRow, EntryRow.id == UploadRow.entry_id)
    .join(UploadMetadataRow, UploadMetadataRow.upload_id == UploadRow.id)
    .where(
        EntryRow.removed_at.is_(None), EntryRow.directory.is_(False),
        UploadRow.format == sidecars.FORMAT,
    )
    .order_by(UploadRow.current.desc(), UploadRow.superseded_at.desc(), UploadRow.id.desc())
)  # fmt: skip


@cache
def _sidecars(stems: tuple[str, ...]) -> Prepared:
    """Return the statement that finds those of a directory with one of these values for their stems."""
    stem = or_(*(EntryRow.stem_key == bindparam(name) for name in stems))
    return Prepared(_SIDECARS.where(EntryRow.parent_id == bindparam("parent"), stem))


# Built once, see `jobfs.catalog.entries`.
_THIS_UPLOAD = UploadMetadataRow.upload_id == bindparam("upload")
_UNSAY = Prepared(delete(UploadMetadataRow).where(_THIS_UPLOAD))
_SAID = Prepared(select(UploadMetadataRow.source).where(_THIS_UPLOAD))
_THIS_PHOTO = PhotoRow.id == bindparam("photo")
_LOCK = OnPostgreSQL(select(PhotoRow.id).where(_THIS_PHOTO).with_for_update(key_share=True))
_PHOTO = Prepared(
    select(PhotoRow.shot, EntryRow.parent_id, EntryRow.name, UploadMetadataRow.source)
    .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
    .outerjoin(UploadMetadataRow, UploadMetadataRow.upload_id == PhotoRow.upload_id)
    .where(_THIS_PHOTO)
)
_PLACE = Prepared(
    select(EntryRow.parent_id, EntryRow.name).where(EntryRow.id == bindparam("entry"))
)
_PHOTOS = Prepared(
    select(PhotoRow.id).where(PhotoRow.entry_id == bindparam("entry"), PhotoRow.current)
)
_FORGET = tuple(
    Prepared(delete(table).where(table.photo_id == bindparam("photo"))) for table in _OF_PHOTO
)


# --- rows ---


def _write(connection: Connection, photo_id: int, known: Metadata, shot: Shot) -> None:
    for old in _FORGET:
        old.all(connection, photo=photo_id)
    prepared.change(connection, PhotoRow, photo_id, **_columns(known, shot))
    whole = {"photo_id": photo_id, "whole": _json(known.everything)}
    prepared.insert(PhotoMetadataRow, *whole).all(connection, **whole)
    if known.keywords:
        connection.execute(insert(PhotoKeywordRow), _keywords(photo_id, known))
    if known.place is not None or known.private:
        connection.execute(insert(PhotoPlaceRow).values(photo_id=photo_id, **_place(known)))


def _columns(known: Metadata, shot: Shot) -> dict[str, Any]:
    """Return the columns of a photo's row; where nobody else says it, what the decoder found counts."""
    taken = known.taken
    if taken is None and shot.taken is not None:
        taken = Moment(time=shot.taken, subsecond=shot.subsecond, offset=shot.offset)
    return {
        "taken": taken and taken.time,
        "taken_subsecond": taken and taken.subsecond,
        "taken_offset": taken and taken.offset,
        "make": known.make or shot.make,
        "model": known.model or shot.model,
        "serial": known.serial or shot.serial,
        "lens": known.lens,
        "orientation": known.orientation,
        "title": known.title,
        "caption": known.caption,
        "creators": _json(known.creators) if known.creators else None,
        "copyright": known.copyright,
        "rating": known.rating,
    }


def _keywords(photo_id: int, known: Metadata) -> list[dict[str, Any]]:
    return [
        {"photo_id": photo_id, "position": position, "keyword": word, "keyword_key": folded(word)}
        for position, word in enumerate(known.keywords)
    ]


def _place(known: Metadata) -> dict[str, Any]:
    place = known.place
    return {
        "latitude": place and place.latitude,
        "longitude": place and place.longitude,
        "altitude": place and place.altitude,
        "private": _json(known.private),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _source(text: str) -> Source:
    return msgspec.json.decode(text, type=Source)
