"""A job into which folders are imported, by the commands a person types, and what is in it then."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import func, select

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import photos
from jobfs.catalog import studio as studios
from jobfs.catalog.engine import Catalog
from jobfs.catalog.paths import Directories
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.schema import BlobRow, EntryRow, UploadRow
from jobfs.cli.main import main
from jobfs.domain.exif import Shot
from jobfs.domain.jobs import JobStatus
from tests.stored import studio
from tests.stored.sending import claimed, now, pending, picture

RED, BLUE, GREEN = picture("red"), picture("blue"), picture("green")
LONG_AGO = 1_000_000_000_123_456_789  # nanoseconds; 2001


@dataclass(frozen=True)
class Shown:
    """A file as a job shows it."""

    content: bytes
    state: str
    mtime_ns: int
    account_id: int | None
    upload_id: int


@dataclass(frozen=True)
class ImportedJob:
    """The job Wedding, and anna who may edit it; *config_file* has the studio's settings."""

    catalog: Catalog
    store: BlobStore
    config_file: Path
    job_id: int
    anna: int

    @classmethod
    def add(
        cls,
        catalog: Catalog,
        store: BlobStore,
        folder: Path,
        *,
        status: JobStatus = JobStatus.PLANNED,
    ) -> "ImportedJob":
        """Make the studio, the account and the job."""
        file = folder / "jobfs.toml"
        data = store.original("0" * 32).parents[2]
        address = catalog.url.render_as_string(hide_password=False)
        file.write_text(f"[jobfs]\ndata = '{data}'\ndatabase = '{address}'\n")
        with catalog.writing() as connection:
            studios.ensure(connection, now=now())
            anna = studio.account(connection)
            job_id = studio.job(connection, "Wedding", anna, status=status)
        return cls(catalog, store, file, job_id, anna)

    def jobfs(self, *arguments: object, status: int = 0) -> Result:
        """Run a command, which ends with *status*."""
        words = ["--config", str(self.config_file), *map(str, arguments)]
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done

    def files(self) -> dict[str, Shown]:
        """Return the job's files by their paths."""
        query = (
            select(
                EntryRow.parent_id, EntryRow.name, EntryRow.mtime_ns, UploadRow.id,
                UploadRow.state, UploadRow.account_id, BlobRow.key,
            )
            .join(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
            .join(BlobRow, BlobRow.id == UploadRow.blob_id)
            .where(EntryRow.job_id == self.job_id, EntryRow.removed_at.is_(None))
        )  # fmt: skip
        with self.catalog.reading() as connection:
            directories = Directories(connection, [self.job_id])
            return {
                "/".join((*directories.above(row.parent_id), row.name)): Shown(
                    self.store.original(row.key).read_bytes(), row.state, row.mtime_ns,
                    row.account_id, row.id,
                )
                for row in connection.execute(query)
            }  # fmt: skip

    def directories(self) -> dict[str, int]:
        """Return the times of the job's directories by their paths."""
        query = select(EntryRow.id, EntryRow.mtime_ns).where(
            EntryRow.job_id == self.job_id, EntryRow.directory, EntryRow.parent_id.is_not(None),
            EntryRow.removed_at.is_(None),
        )  # fmt: skip
        with self.catalog.reading() as connection:
            directories = Directories(connection, [self.job_id])
            return {
                "/".join(directories.above(row.id)): row.mtime_ns
                for row in connection.execute(query)
            }

    def count(self) -> int:
        """Return how many uploads there are."""
        with self.catalog.reading() as connection:
            return connection.execute(select(func.count()).select_from(UploadRow)).scalar_one()

    def blobs(self) -> tuple[set[str], set[str]]:
        """Return the keys that rows name, and those of the files in the store."""
        with self.catalog.reading() as connection:
            named = set(connection.execute(select(BlobRow.key)).scalars())
        folder = self.store.original("0" * 32).parents[1]
        return named, {path.name for path in folder.rglob("*") if path.is_file()}

    def ingest(self) -> None:
        """Make a photo of everything that waits for it, as a worker does."""
        for upload_id in pending(self.catalog):
            task = claimed(self.catalog, upload_id)
            with self.catalog.writing() as connection:
                key = select(BlobRow.key).join(UploadRow, UploadRow.blob_id == BlobRow.id)
                blob = connection.execute(key.where(UploadRow.id == upload_id)).scalar_one()
                data = self.store.original(blob).read_bytes()
                photos.record(connection, task, self._found(data), now=now())

    def _found(self, data: bytes) -> Ingested:
        key = new_key()
        self.store.put_renditions({key: b"preview of " + data[-20:]})
        size = len(b"preview of " + data[-20:])
        preview = Rendition(name="preview", width=60, height=40, size=size, key=key)
        return Ingested(
            sha256=hashlib.sha256(data).hexdigest(), format="JPEG", width=60, height=40,
            renditions=(preview,),
            shot=Shot(taken=f"2026-05-04T10:11:{len(data) % 60:02}", serial=str(len(data))),
        )  # fmt: skip


def card(folder: Path) -> Path:
    """Make a folder with two albums, as a photographer keeps them, and return it."""
    for name, data in {
        "loose.jpg": RED, "Class 1/a.jpg": BLUE, "Class 1/group/b.jpg": GREEN, "Zoë/ü.jpg": RED,
    }.items():  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(LONG_AGO, LONG_AGO + len(name)))
    return folder


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the times of the files in a folder by their paths, but for an export's mark."""
    return {
        os.fspath(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".jobfs-export"
    }
