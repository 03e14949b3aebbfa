"""The job Wedding, sent to, deleted from and restored: for tests of the trash."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import feed, pairs, photo_listing, photos, purging, trash
from jobfs.catalog import studio as studios
from jobfs.catalog.engine import Catalog
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.purging import Purged
from jobfs.catalog.schema import PhotoRow
from jobfs.catalog.trash import Item
from jobfs.catalog.uploads import Upload
from jobfs.domain.events import EventKind
from jobfs.domain.exif import Shot
from jobfs.tree import changes, versions
from tests.stored import studio
from tests.stored.sending import claimed, picture
from tests.stored.studio import NOON, NOW

P = ParamSpec("P")
T = TypeVar("T")

SHOT = Shot(taken="2026-05-04T10:11:12", serial="42")
OTHER_SHOT = replace(SHOT, taken="2026-05-04T10:11:13")
LATER = NOON + timedelta(days=31)
RED, BLUE, GREEN = picture("red"), picture("blue"), picture("green")


@dataclass(frozen=True)
class Wedding:
    """The job Wedding, and anna who may edit it; each step is a transaction of its own."""

    catalog: Catalog
    store: BlobStore
    job_id: int
    anna: int

    @classmethod
    def add(cls, catalog: Catalog, store: BlobStore) -> "Wedding":
        """Make the studio, the account and the job."""
        with catalog.writing() as connection:
            studios.ensure(connection, now=NOON)
            anna = studio.account(connection)
            return cls(catalog, store, studio.job(connection, "Wedding", anna), anna)

    def do(
        self, step: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Take a step in a transaction."""
        with self.catalog.writing() as connection:
            return step(connection, *args, **kwargs)

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        self.do(studio.mkdir, self.anna, path)

    def send(self, path: str, data: bytes) -> Upload:
        """Send a new file, whole or not."""
        return self.do(studio.send, self.store, self.anna, path, data)

    def overwrite(self, path: str, data: bytes) -> Upload:
        """Open a file with truncation, and send it again."""
        return self.do(studio.send_again, self.store, self.anna, path, data)

    def rewrite(self, path: str) -> Upload:
        """Open a received file and write into it, without closing it."""

        def begin(connection: Connection) -> Upload:
            inode = studio.look(connection, self.anna, path).inode
            _, shown = versions.open_file(connection, inode, writing=True)
            key = new_key()
            os.close(self.store.copy(key, of=shown.blob_key))
            return versions.rewrite(
                connection, shown, account_id=self.anna, role_id=studio.mount(connection),
                blob_key=key, now=NOON,
            )  # fmt: skip

        return self.do(begin)

    def drop_connection(self, upload: Upload, *, size: int = 10) -> None:
        """Let the client of an upload die; *size* bytes had arrived."""
        self.do(versions.cut_off, upload, size, now=NOON)

    def move(self, old: str, new: str) -> None:
        """Rename."""
        self.do(studio.move, self.store, self.anna, old, new)

    def unlink(self, path: str) -> None:
        """Delete a file."""
        self._remove(changes.unlink, path)

    def rmdir(self, path: str) -> None:
        """Delete an empty directory."""
        self._remove(changes.rmdir, path)

    def _remove(self, change: Callable[..., None], path: str) -> None:
        def step(connection: Connection) -> None:
            change(connection, *studio.place(connection, self.anna, path), now=NOW)

        self.do(step)

    def ingest(self, upload: Upload, shot: Shot = SHOT, *, format_name: str = "JPEG") -> int:
        """Make an upload a photo, as a worker does; its rendition is in the store."""
        key = new_key()
        self.store.put_renditions({key: b"a rendition"})
        rendition = Rendition(name="thumbnail", width=60, height=40, size=11, key=key)
        with self.store.reading(upload.blob_key) as file:
            sha256 = os.read(file, 10**6).hex()  # as good as the real one
        found = Ingested(
            sha256=sha256, format=format_name, width=60, height=40, shot=shot,
            renditions=(rendition,),
        )  # fmt: skip
        task = claimed(self.catalog, upload.id)
        for unused in self.do(photos.record, task, found, now=NOON):
            self.store.drop_rendition(unused)
        photo_id = self.do(pairs.id_at, upload.entry_id)
        assert photo_id is not None
        return photo_id

    def trash(self) -> list[Item]:
        """Return what is in the job's trash."""
        return self.do(trash.listing, self.job_id)

    def restore(self, item_id: str) -> str:
        """Restore by the id of an item; returns the path."""
        return self.do(trash.restore, item_id, now=NOON)

    def purge(self, *, removed_before: datetime = LATER, job_id: int | None = None) -> Purged:
        """Strike what came into the trash before an instant; the bytes stay."""
        return self.do(purging.purge, removed_before=removed_before, job_id=job_id, now=LATER)

    def names(self, path: str = "Wedding") -> list[str]:
        """Return the names in a directory."""

        def step(connection: Connection) -> list[str]:
            return studio.listed(connection, studio.look(connection, self.anna, path).inode)

        return sorted(self.do(step))

    def content(self, path: str) -> bytes:
        """Return the bytes that a client reads at a path."""

        def shown(connection: Connection) -> str:
            inode = studio.look(connection, self.anna, path).inode
            return versions.open_file(connection, inode, writing=False)[1].blob_key

        return self.store.original(self.do(shown)).read_bytes()

    def photos(self) -> list[tuple[str, int]]:
        """Return path and upload of the current photos."""

        def step(connection: Connection) -> list[tuple[str, int]]:
            listed = photo_listing.listing(connection, self.job_id)
            by_id = dict(connection.execute(select(PhotoRow.id, PhotoRow.upload_id)).all())
            return [(photo.path, by_id[photo.id]) for photo in listed]

        return self.do(step)

    def events(self, kind: EventKind) -> list[feed.Event]:
        """Return the events of one kind."""

        def step(connection: Connection) -> list[feed.Event]:
            return [event for event in feed.after(connection, feed.START) if event.kind == kind]

        return self.do(step)

    def files(self) -> set[str]:
        """Return the keys of everything in the store."""
        root = self.store.original("0" * 32).parents[2]
        return {path.name for path in root.rglob("*") if path.is_file()}
