"""Sidecars: what ingest makes of them. They are no photos, but speak of those beside them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from jobfs.catalog import metadata, tasks, uploads
from jobfs.catalog.paths import Directories
from jobfs.catalog.photo_listing import Original
from jobfs.catalog.photos import is_wanted
from jobfs.catalog.schema import AccountRow, BlobRow, EntryRow, JobRow, UploadRow
from jobfs.catalog.tasks import Task
from jobfs.domain.metadata.sidecars import FORMAT
from jobfs.domain.metadata.values import Source
from jobfs.domain.placement import place
from jobfs.domain.uploads import Change, UploadState


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar that speaks of photos: its *file*, and the album that it stands in."""

    file: Original
    album: str


def listing(connection: Connection, job_id: int) -> list[Sidecar]:
    """Return the sidecars that speak of a job's photos, the first that came first."""
    directories = Directories(connection, [job_id])
    job = connection.execute(select(JobRow.name).where(JobRow.id == job_id)).scalar_one()
    query = (
        select(
            UploadRow.id, EntryRow.parent_id, EntryRow.name, EntryRow.mtime_ns,
            BlobRow.key, BlobRow.sha256, BlobRow.size, AccountRow.name.label("uploader"),
        )
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .outerjoin(AccountRow, AccountRow.id == UploadRow.account_id)
        .where(
            EntryRow.job_id == job_id, EntryRow.removed_at.is_(None), UploadRow.current,
            UploadRow.format == FORMAT, UploadRow.state == UploadState.INGESTED.value,
        )
        .order_by(UploadRow.id)
    )  # fmt: skip
    found = []
    for row in connection.execute(query):
        above = directories.above(row.parent_id)
        file = Original(
            path="/".join((*above, row.name)), format=FORMAT, sha256=row.sha256, size=row.size,
            upload_id=row.id, key=row.key, mtime_ns=row.mtime_ns, uploader=row.uploader,
        )  # fmt: skip
        found.append(Sidecar(file, place(above, job).album))
    return found


def record(
    connection: Connection, task: Task, source: Source, *, sha256: str, now: datetime
) -> bool:
    """Keep what the sidecar of a claimed task says; false if the claim was lost.

    What is known of its photos is made anew; those that arrive later will find it.
    """
    upload = uploads.find_with_job(connection, task.upload_id)
    if upload is None or not tasks.finish(connection, task):
        return False
    if is_wanted(connection, upload):
        uploads.note_sha256(connection, upload, sha256)
        metadata.note(connection, upload.id, source)
        if upload.state is UploadState.RECEIVED:
            uploads.change(connection, upload, Change.INGESTED, now=now, reason=None, advice=None)
        metadata.entry_changed(connection, upload.entry_id)
    return True
