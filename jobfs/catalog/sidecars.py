"""Sidecars: what ingest makes of them. They are no photos, but speak of those beside them."""

from datetime import datetime

from sqlalchemy import Connection, select

from jobfs.catalog import metadata, tasks, uploads
from jobfs.catalog.paths import Directories
from jobfs.catalog.photos import is_wanted
from jobfs.catalog.schema import EntryRow, JobRow, UploadRow
from jobfs.catalog.tasks import Task
from jobfs.domain.metadata.sidecars import FORMAT
from jobfs.domain.metadata.values import Source
from jobfs.domain.placement import place
from jobfs.domain.uploads import Change, UploadState


def albums(connection: Connection, job_id: int) -> dict[int, str]:
    """Return the sidecars that speak of a job's photos, each by its upload's id, with its album."""
    directories = Directories(connection, [job_id])
    job = connection.execute(select(JobRow.name).where(JobRow.id == job_id)).scalar_one()
    query = (
        select(UploadRow.id, EntryRow.parent_id)
        .join(EntryRow, EntryRow.id == UploadRow.entry_id)
        .where(
            EntryRow.job_id == job_id, EntryRow.removed_at.is_(None), UploadRow.current,
            UploadRow.format == FORMAT, UploadRow.state == UploadState.INGESTED.value,
        )
        .order_by(UploadRow.id)
    )  # fmt: skip
    return {
        upload_id: place(directories.above(parent_id), job).album
        for upload_id, parent_id in connection.execute(query)
    }


def record(
    connection: Connection, task: Task, source: Source, *, sha256: str, now: datetime
) -> bool:
    """Keep what the sidecar of a claimed task says; false if the claim was lost.

    What is known of its photos is made anew; those that arrive later will find it.
    """
    upload = uploads.get_with_job(connection, task.upload_id)
    if not tasks.finish(connection, task):
        return False
    if is_wanted(connection, upload):
        uploads.note_sha256(connection, upload, sha256)
        metadata.note(connection, upload.id, source)
        if upload.state is UploadState.RECEIVED:
            uploads.change(connection, upload, Change.INGESTED, now=now, reason=None, advice=None)
        metadata.entry_changed(connection, upload.entry_id)
    return True
