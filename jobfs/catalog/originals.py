"""What photos were made of, for those who copy them or have them made again."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from jobfs.catalog.schema import BlobRow, EntryRow, PhotoRow, UploadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The upload that a photo was made of: *key* is the store's name for its bytes.

    mtime_ns  as its client set it; of a version that its file shows no more, when it was received
    """

    upload_id: int
    key: str
    mtime_ns: int


def of_job(connection: Connection, job_id: int) -> dict[int, Original]:
    """Return the originals of a job's photos, also of those that are not current, by the photos' ids."""
    query = (
        select(
            PhotoRow.id, PhotoRow.upload_id, BlobRow.key, EntryRow.mtime_ns, UploadRow.current,
            UploadRow.judged_at, UploadRow.started_at,
        )
        .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
        .join(UploadRow, UploadRow.id == PhotoRow.upload_id)
        .join(BlobRow, BlobRow.id == UploadRow.blob_id)
        .where(EntryRow.job_id == job_id)
    )  # fmt: skip
    found = {}
    for row in connection.execute(query):
        received_ns = int((row.judged_at or row.started_at).timestamp()) * 10**9
        mtime_ns = row.mtime_ns if row.current else received_ns
        found[row.id] = Original(upload_id=row.upload_id, key=row.key, mtime_ns=mtime_ns)
    return found
