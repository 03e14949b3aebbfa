"""What a directory holds, as much of it as a listing tells: thousands of rows at a time."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, Integer, bindparam, func, select, type_coerce

from jobfs.catalog.entries import SUBDIRECTORIES
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import BlobRow, EntryRow, UploadRow


class Child(NamedTuple):
    """An entry of a directory with the version it shows, as `entries.Entry` names it all."""

    id: int
    name: str
    directory: bool
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    size: int
    upload_id: int | None
    state: str | None
    subdirectories: int


def after(connection: Connection, parent_id: int, cookie: int, *, limit: int) -> Sequence[Child]:
    """Return up to *limit* entries of a directory with ids above *cookie*, by id.

    Whoever asks has found in this transaction that the account may see the directory.
    """
    found: Sequence[Child] = _AFTER.all(connection, parent=parent_id, after=cookie, most=limit)
    return found


_AFTER = Prepared(
    select(
        EntryRow.id, EntryRow.name,
        # As the driver has it: to make a Boolean of it takes as long as all else of a row.
        type_coerce(EntryRow.directory, Integer).label("directory"),
        EntryRow.mtime_ns, EntryRow.ctime_ns, EntryRow.atime_ns,
        func.coalesce(BlobRow.size, 0).label("size"), UploadRow.id.label("upload_id"),
        UploadRow.state, SUBDIRECTORIES.label("subdirectories"),
    )
    .select_from(EntryRow)
    .outerjoin(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
    .outerjoin(BlobRow, BlobRow.id == UploadRow.blob_id)
    .where(
        EntryRow.parent_id == bindparam("parent"), EntryRow.removed_at.is_(None),
        EntryRow.id > bindparam("after", type_=BigInteger),
    )
    .order_by(EntryRow.id)
    .limit(bindparam("most", type_=BigInteger))
)  # fmt: skip
