"""Files sent to a job, as a mount would write them into the catalog and the store."""

import io
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from PIL import Image
from sqlalchemy import Connection, select, update

from jobfs import processes
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import entries, jobs, roles, studio, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import EntryRow, TaskRow
from jobfs.catalog.tasks import Task
from jobfs.catalog.uploads import Upload
from jobfs.domain.jobs import JobStatus
from jobfs.domain.names import entry_key
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import Change


def now() -> datetime:
    """Return the time: leases are reckoned by the database's clock, so tests use the real one."""
    return datetime.now(UTC)


def picture(colour: str = "teal", *, width: int = 60, height: int = 40, **options: object) -> bytes:
    """Return a small JPEG."""
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "JPEG", **options)
    return data.getvalue()


def shot_at(time: str, *, serial: str = "1") -> Image.Exif:
    """Return the metadata of a picture taken at "YYYY:MM:DD HH:MM:SS"."""
    metadata = Image.Exif()
    metadata.get_ifd(0x8769).update({0x9003: time, 0xA431: serial})
    return metadata


@dataclass(frozen=True)
class Sender:
    """Somebody who sends files to one job."""

    catalog: Catalog
    store: BlobStore
    job: str = "Plainview"

    @cached_property
    def job_id(self) -> int:
        """The job; made at first use."""
        with self.catalog.writing() as connection:
            studio.ensure(connection, now=now())
            return jobs.add(connection, self.job, status=JobStatus.PLANNED, now=now())

    @cached_property
    def role_id(self) -> int:
        """The mount through which the files come: this process."""
        process = processes.process(os.getpid())
        assert process is not None
        with self.catalog.writing() as connection:
            return roles.start(connection, "mount", process, now=now())

    def send(self, path: str, content: bytes = b"", *, priority: Priority = Priority.UPLOAD) -> int:
        """Send a file, whole; over one of that name, if there is one. Returns the upload's id."""
        upload_id = self.begin(path, content)
        self.close(upload_id, content, priority=priority)
        return upload_id

    def begin(self, path: str, content: bytes = b"") -> int:
        """Open a file for writing, write *content* and leave it open."""
        job_id, role_id, key = self.job_id, self.role_id, new_key()
        descriptor = self.store.create(key)
        os.write(descriptor, content)
        os.close(descriptor)
        with self.catalog.writing() as connection:
            entry_id = self._entry(connection, path)
            shown = uploads.current(connection, entry_id)
            if shown is not None:
                uploads.supersede(connection, shown, account_id=None, now=now())
            return uploads.begin(
                connection, entry_id=entry_id, job_id=job_id, account_id=None, role_id=role_id,
                blob_key=key, now=now(),
            )  # fmt: skip

    def close(
        self, upload_id: int, content: bytes = b"", *, priority: Priority = Priority.UPLOAD
    ) -> None:
        """Close it, judged whole."""
        with self.catalog.writing() as connection:
            upload = uploads.get(connection, upload_id)
            uploads.change(
                connection, upload, Change.FOUND_WHOLE, now=now(), size=len(content), format="JPEG"
            )
            tasks.enqueue(connection, upload_id, now=now(), priority=priority)

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self.catalog.writing() as connection:
            entry = entries.existing(connection, self._entry(connection, path))
            assert entry is not None
            entries.remove(connection, entry, account_id=None, now=now(), now_ns=0)

    def rename(self, path: str, name: str) -> None:
        """Give a file another name in its directory."""
        with self.catalog.writing() as connection:
            entry_id = self._entry(connection, path)
            renamed = {"name": name, "name_key": entry_key(name)}
            connection.execute(update(EntryRow).where(EntryRow.id == entry_id).values(**renamed))

    def upload(self, upload_id: int) -> Upload:
        """Return an upload as it is now."""
        with self.catalog.reading() as connection:
            return uploads.get(connection, upload_id)

    def _entry(self, connection: Connection, path: str) -> int:
        job = select(EntryRow.id).where(
            EntryRow.job_id == self.job_id, EntryRow.parent_id.is_(None)
        )
        parent: int = connection.execute(job).scalar_one()
        *folders, name = path.split("/")
        for folder in folders:
            parent = self._in(connection, parent, folder, directory=True)
        return self._in(connection, parent, name, directory=False)

    def _in(self, connection: Connection, parent: int, name: str, *, directory: bool) -> int:
        there = select(EntryRow.id).where(
            EntryRow.parent_id == parent, EntryRow.name_key == entry_key(name),
            EntryRow.removed_at.is_(None),
        )  # fmt: skip
        found: int | None = connection.execute(there).scalar()
        return found or entries.add(
            connection, job_id=self.job_id, parent_id=parent, name=name, directory=directory,
            account_id=None, now_ns=0,
        )  # fmt: skip


def pending(catalog: Catalog) -> list[int]:
    """Return the uploads that have tasks, oldest first."""
    with catalog.reading() as connection:
        return [task.upload_id for task in tasks.listing(connection)]


def claimed(catalog: Catalog, upload_id: int) -> Task:
    """Claim an upload's own task, whatever else there is to do."""
    with catalog.writing() as connection:
        row = TaskRow.upload_id == upload_id
        connection.execute(update(TaskRow).where(row).values(claim_token="a claim", attempts=1))
        task_id = connection.execute(select(TaskRow.id).where(row)).scalar_one()
    return Task(id=task_id, upload_id=upload_id, token="a claim", attempts=1)
