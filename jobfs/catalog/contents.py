"""Which studio this is, and which files of the store its rows name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, select

from jobfs.catalog import uploads
from jobfs.catalog.schema import BlobRow, RenditionRow, RoleRow, StudioRow, UploadRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.uploads import SEALED, UploadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The bytes of uploads.

    size       as of the last judgement; what is *receiving* grows
    sha256     None until ingest has read the bytes back
    sealed     they never change again
    receiving  a mount is, or was, writing them
    """

    key: str
    size: int
    sha256: str | None
    sealed: bool
    receiving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """A rendition's file."""

    key: str
    size: int


def founded(connection: Connection) -> datetime | None:
    """Return when the studio was made, by which it can be told from others; None if it never was."""
    return connection.execute(select(StudioRow.created_at)).scalar_one_or_none()


def originals(connection: Connection) -> Iterator[Original]:
    """Yield the file of each blob."""
    sealed = UploadRow.state.in_([state.value for state in SEALED])
    receiving = UploadRow.state == UploadState.RECEIVING.value
    query = (
        select(
            BlobRow.key, BlobRow.size, BlobRow.sha256,
            func.max(case((sealed, 1), else_=0)), func.max(case((receiving, 1), else_=0)),
        )
        .outerjoin(UploadRow, UploadRow.blob_id == BlobRow.id)
        .group_by(BlobRow.id, BlobRow.key, BlobRow.size, BlobRow.sha256)
        .order_by(BlobRow.id)
    )  # fmt: skip
    for key, size, sha256, is_sealed, is_receiving in connection.execute(query):
        yield Original(
            key=key, size=size, sha256=sha256, sealed=bool(is_sealed), receiving=bool(is_receiving)
        )


def renditions(connection: Connection) -> Iterator[Rendition]:
    """Yield the file of each rendition."""
    query = select(RenditionRow.key, RenditionRow.size).order_by(RenditionRow.id)
    for key, size in connection.execute(query):
        yield Rendition(key=key, size=size)


def unsealed(connection: Connection) -> list[Upload]:
    """Return the uploads whose bytes could still change when the studio was copied."""
    open_states = UploadRow.state.not_in([state.value for state in SEALED])
    ids = connection.scalars(select(UploadRow.id).where(open_states).order_by(UploadRow.id)).all()
    return [uploads.get(connection, upload_id) for upload_id in ids]


def strike_roles(connection: Connection) -> None:
    """Forget the processes that were at work on another machine; no upload may name them any more."""
    connection.execute(delete(RoleRow))
