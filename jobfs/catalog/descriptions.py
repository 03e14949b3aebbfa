"""What is known of photos besides their pixels, as people read it; `catalog.metadata` writes it."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from jobfs.catalog.schema import (
    EntryRow,
    PhotoKeywordRow,
    PhotoMetadataRow,
    PhotoPlaceRow,
    PhotoRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What people search by; see the schema. None, or nothing in a tuple, is what nobody says."""

    make: str | None
    model: str | None
    serial: str | None
    lens: str | None
    orientation: int | None
    title: str | None
    caption: str | None
    keywords: tuple[str, ...]
    creators: tuple[str, ...]
    copyright: str | None
    rating: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a photo was taken, and all that a receiver wrote (*whole*); see the schema. Private."""

    latitude: float | None
    longitude: float | None
    altitude: float | None
    whole: dict[str, Any]


def description(row: Row[*tuple[Any, ...]], keywords: list[str]) -> Description:
    """Return what a row of `photo` says, and its keywords."""
    return Description(
        make=row.make, model=row.model, serial=row.serial, lens=row.lens,
        orientation=row.orientation, title=row.title, caption=row.caption,
        keywords=tuple(keywords), creators=tuple(json.loads(row.creators or "[]")),
        copyright=row.copyright, rating=row.rating,
    )  # fmt: skip


def keywords(connection: Connection, job_id: int) -> dict[int, list[str]]:
    """Return the keywords of a job's photos, by the ids of their rows."""
    query = (
        select(PhotoKeywordRow.photo_id, PhotoKeywordRow.keyword)
        .join(PhotoRow, PhotoRow.id == PhotoKeywordRow.photo_id)
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(EntryRow.job_id == job_id)
        .order_by(PhotoKeywordRow.photo_id, PhotoKeywordRow.position)
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for photo_id, keyword in connection.execute(query):
        found[photo_id].append(keyword)
    return found


def whole(connection: Connection, row_id: int) -> dict[str, Any]:
    """Return all that is known of a photo's row but for where it was taken."""
    query = select(PhotoMetadataRow.whole).where(PhotoMetadataRow.photo_id == row_id)
    found: dict[str, Any] = json.loads(connection.execute(query).scalar() or "{}")
    return found


def place(connection: Connection, row_id: int) -> Place | None:
    """Return where a photo was taken; None if nobody says anything about it. Private."""
    query = select(PhotoPlaceRow).where(PhotoPlaceRow.photo_id == row_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Place(
        latitude=row.latitude, longitude=row.longitude, altitude=row.altitude,
        whole=json.loads(row.private),
    )  # fmt: skip
