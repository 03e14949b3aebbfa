"""A job that tests fill row by row, as the mount and the workers would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from jobfs.blobs.store import new_key
from jobfs.catalog import jobs
from jobfs.catalog.schema import BlobRow, EntryRow, PhotoRow, RenditionRow, UploadRow
from jobfs.domain.jobs import JobStatus
from jobfs.domain.names import entry_key
from jobfs.domain.uploads import UploadState

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Job:
    """A job that is filled row by row."""

    connection: Connection
    id: int

    @classmethod
    def add(cls, connection: Connection, name: str) -> "Job":
        """Add an empty one."""
        return cls(connection, jobs.add(connection, name, status=JobStatus.PLANNED, now=NOON))

    def folder(self, names: tuple[str, ...]) -> int:
        """Return the id of a directory, made if need be."""
        parent = self.connection.execute(
            select(EntryRow.id).where(EntryRow.job_id == self.id, EntryRow.parent_id.is_(None))
        ).scalar_one()
        for name in names:
            parent = self._entry(parent, name, directory=True)
        return parent

    def upload(
        self,
        path: str,
        state: UploadState,
        *,
        size: int = 100,
        reason: str | None = None,
        advice: str | None = None,
        judged: bool = True,
        instead_of: int | None = None,
    ) -> int:
        """Return the id of a new upload, that the file at *path* shows *instead_of* another."""
        *folders, name = path.split("/")
        entry = self._entry(self.folder(tuple(folders)), name, directory=False)
        if instead_of is not None:
            self.connection.execute(
                update(UploadRow)
                .where(UploadRow.id == instead_of)
                .values(current=False, superseded_at=NOON)
            )
        blob = insert(BlobRow).values(key=new_key(), size=size, created_at=NOON)
        upload = insert(UploadRow).values(
            entry_id=entry, blob_id=self.connection.scalar(blob.returning(BlobRow.id)),
            current=True, state=state.value, size=size, reason=reason, advice=advice,
            started_at=NOON, judged_at=NOON + timedelta(seconds=5) if judged else None,
        )  # fmt: skip
        return self.connection.execute(upload.returning(UploadRow.id)).scalar_one()

    def photo(self, upload_id: int, *, current: bool = True) -> int:
        """Make a photo of an upload and return its id."""
        entry = select(UploadRow.entry_id).where(UploadRow.id == upload_id)
        photo = insert(PhotoRow).values(
            entry_id=self.connection.scalar(entry), upload_id=upload_id, current=current,
            format="JPEG", width=300, height=200, created_at=NOON,
        )  # fmt: skip
        return self.connection.execute(photo.returning(PhotoRow.id)).scalar_one()

    def thumbnail(self, photo_id: int, key: str) -> None:
        """Give a photo a thumbnail that the store has under *key*."""
        self.connection.execute(
            insert(RenditionRow).values(
                photo_id=photo_id, name="thumbnail", width=256, height=171, size=9000, key=key
            )
        )

    def _entry(self, parent: int, name: str, *, directory: bool) -> int:
        there = select(EntryRow.id).where(
            EntryRow.parent_id == parent, EntryRow.name_key == entry_key(name)
        )
        found = self.connection.scalar(there)
        if found is not None:
            return found
        entry = insert(EntryRow).values(
            job_id=self.id, parent_id=parent, name=name, name_key=entry_key(name),
            directory=directory, mtime_ns=0, ctime_ns=0, atime_ns=0,
        )  # fmt: skip
        return self.connection.execute(entry.returning(EntryRow.id)).scalar_one()
