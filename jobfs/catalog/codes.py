"""The QR and bar codes of photos."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select

from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import EntryRow, PhotoCodeRow, PhotoRow
from jobfs.domain.codes import Code, Corners


def replace(connection: Connection, photo_id: int, found: Sequence[Code]) -> None:
    """Let a photo have the codes that were *found* in it now, and no others."""
    _FORGET.all(connection, photo=photo_id)
    if found:
        connection.execute(insert(PhotoCodeRow), _rows(photo_id, found))


def forget(connection: Connection, photo_ids: Iterable[int]) -> None:
    """Strike the codes of photos."""
    connection.execute(delete(PhotoCodeRow).where(PhotoCodeRow.photo_id.in_(list(photo_ids))))


def of_photo(connection: Connection, photo_id: int) -> list[Code]:
    """Return a photo's codes; *photo_id* is that of its row."""
    return _listed(connection, PhotoRow.id == photo_id)[photo_id]


def of_job(connection: Connection, job_id: int) -> dict[int, list[Code]]:
    """Return the codes of a job's photos, by the ids of their rows."""
    return _listed(connection, EntryRow.job_id == job_id)


def _listed(connection: Connection, which: ColumnElement[bool]) -> defaultdict[int, list[Code]]:
    query = (
        select(PhotoCodeRow)
        .join(PhotoRow, PhotoRow.id == PhotoCodeRow.photo_id)
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .where(which)
        .order_by(PhotoCodeRow.photo_id, PhotoCodeRow.number)
    )
    found: defaultdict[int, list[Code]] = defaultdict(list)
    for row in connection.execute(query):
        position = msgspec.json.decode(row.position, type=Corners)
        found[row.photo_id].append(Code(format=row.format, text=row.text, position=position))
    return found


def _rows(photo_id: int, found: Sequence[Code]) -> list[dict[str, object]]:
    return [
        {
            "photo_id": photo_id, "number": number, "format": code.format, "text": code.text,
            "position": json.dumps(code.position),
        }
        for number, code in enumerate(found)
    ]  # fmt: skip


#: Built once, see `jobfs.catalog.entries`.
_FORGET = Prepared(delete(PhotoCodeRow).where(PhotoCodeRow.photo_id == bindparam("photo")))
