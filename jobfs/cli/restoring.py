"""Making a studio of a backup's folder.

Files come first, the rows last and in one transaction: until then the database is empty, and the folder
`restoring` in the studio's data keeps `jobfs up` from serving. It holds a copy of the backup's database,
since opening one, or migrating one that an older jobfs has written, changes its file.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from jobfs import daemon
from jobfs.blobs import archive, ledger
from jobfs.blobs.archive import Archive
from jobfs.blobs.refusals import BadLedgerError, NotABackupError
from jobfs.blobs.store import BlobStore
from jobfs.catalog import contents, copying, erasing, erasures, migrate, roles, tasks, uploads
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.erasures import Erasure
from jobfs.cli.archiving import ABOUT, DATABASE, HOST_KEYS, UNFINISHED, name_of
from jobfs.cli.progress import progress
from jobfs.config import Config
from jobfs.domain.uploads import Change, UploadState
from jobfs.ingest import erasing as finishing
from jobfs.syncing import sync
from jobfs.tree import versions

#: In the folder `restoring`: the name of the backup's own folder.
_FROM = "from"


class Restoring:
    """A studio while it is made of *backup*, in *catalog* and where *config* says."""

    def __init__(
        self, config: Config, catalog: Catalog, backup: Archive, ledgers: Iterable[Path] = ()
    ) -> None:
        self.size = 0  # bytes copied
        self._config = config
        self._catalog = catalog
        self._backup = backup
        self._own = _own_folder(backup)
        self._data = config.jobfs.data
        self._draft = self._data / archive.RESTORING
        self._store = BlobStore(self._data)
        self._erased = _erased([self._store.ledger.file, *ledgers])

    def restore(self) -> None:
        """Make the studio, or what an interrupted restore has left to be made."""
        if not self._is_restored():
            self._refuse_unfit()
            migrate.upgrade(self._catalog)
            self._begin()
            with copying.opened(self._draft / DATABASE) as copied:
                migrate.upgrade(copied)
                with copied.reading() as rows:
                    self._refuse_incomplete(rows)
                    self._restore_files()
                    self._restore_host_keys()
                    self._restore_rows(rows)
        migrate.check(self._catalog)
        finishing.finish_bytes(self._catalog, self._store)
        shutil.rmtree(self._draft)
        sync(self._data)

    def _is_restored(self) -> bool:
        """Whether the rows are there, and only the end of the restore was interrupted."""
        note = self._draft / _FROM
        if not note.exists() or note.read_text(encoding="utf-8") != self._own:
            return False
        with self._catalog.reading() as connection:
            if migrate.revision(connection) is None:
                return False
            founded = contents.founded(connection)
        return founded is not None and founded.isoformat() == self._backup.owner

    def _refuse_unfit(self) -> None:
        """Refuse a database that holds a studio, or an empty one at work."""
        with self._catalog.reading() as connection:
            copying.refuse_filled(connection)
            if migrate.revision(connection) is not None:
                roles.refuse_running(connection, now=datetime.now(UTC))

    def _begin(self) -> None:
        self._draft.mkdir(mode=0o700, exist_ok=True)
        for left in self._draft.iterdir():  # by an interrupted restore
            left.unlink()
        (self._draft / _FROM).write_text(self._own, encoding="utf-8")
        sync(self._data)
        self._backup.extract(f"{self._own}/{DATABASE}", self._draft / DATABASE)

    def _refuse_incomplete(self, rows: Connection) -> None:
        """Refuse a backup that lacks a file its rows name, unless the studio had lost it before."""
        about = f"{self._own}/{ABOUT}"
        self._backup.verify(about)
        lost = json.loads(self._backup.path(about).read_bytes())["missing"]
        missing = set(self._named(rows)) - self._backup.sums.keys() - set(lost)
        if missing:
            raise NotABackupError(f"{self._backup.root} is not whole: {min(missing)} is not in it")

    def _named(self, rows: Connection) -> Iterator[str]:
        for original in contents.originals(rows):
            shared = str(self._store.original(original.key).relative_to(self._data))
            if not original.receiving:  # or perhaps nothing had arrived
                yield name_of(original, shared, self._own)
        for rendition in contents.renditions(rows):
            yield str(self._store.rendition(rendition.key).relative_to(self._data))

    def _restore_files(self) -> None:
        self._store.prepare()
        places = dict(self._places())
        needed = sum(
            self._backup.path(name).stat().st_size
            for name, place in places.items()
            if not place.exists() and self._backup.path(name).exists()
        )
        archive.refuse_full(self._data, needed)
        with progress(needed, "files") as bar:
            for name, place in places.items():
                size = self._backup.extract(name, place)
                self.size += size
                bar.update(size)
        for folder in {place.parent for place in places.values()}:
            sync(folder)

    def _places(self) -> Iterator[tuple[str, Path]]:
        """Yield the files of the store, and where they are to lie."""
        for name in self._backup.sums:
            kind, _, key = name.rpartition("/")
            if kind == f"{self._own}/{UNFINISHED}":
                yield name, self._store.original(key)
            elif kind.startswith(("blobs/", "renditions/")):
                yield name, self._data / name

    def _restore_host_keys(self) -> None:
        folder = daemon.login_config(self._config).hostkeys
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, exist_ok=True)
        for name in self._backup.sums:
            kind, _, key = name.rpartition("/")
            if kind == f"{self._own}/{HOST_KEYS}":
                self._backup.extract(name, folder / key)
                (folder / key).chmod(0o644 if key.endswith(".pub") else 0o600)
        sync(folder)

    def _restore_rows(self, rows: Connection) -> None:
        with (
            progress(2 * copying.count(rows), "database") as bar,
            self._catalog.writing() as connection,
        ):
            copying.copy(rows, connection, advance=bar.update)
            self._settle(connection)
            contents.strike_roles(connection)
            erasures.merge(connection, self._erased)
            erasing.again(connection, now=datetime.now(UTC))

    def _settle(self, connection: Connection) -> None:
        """Cut off what was under way: as much of it is there as had arrived without a gap."""
        now = datetime.now(UTC)
        for upload in contents.unsealed(connection):
            size = self._arrived(upload.blob_key)
            if upload.state is UploadState.RECEIVING:
                versions.cut_off(connection, upload, size, now=now)
            elif size != upload.size:  # it was written on between the rows' turn and its own
                tasks.withdraw(connection, upload.id)
                uploads.change(connection, upload, Change.CUT_OFF, now=now, size=size)

    def _arrived(self, key: str) -> int:
        place = self._store.original(key)
        if not place.exists():
            os.close(self._store.create(key))
        return place.stat().st_size


def _erased(files: Iterable[Path]) -> list[Erasure]:
    """Return what was erased, as files say that may be younger than the backup."""
    found: list[Erasure] = []
    for file in files:
        try:
            found += finishing.parsed(ledger.read(file))
        except ValueError as error:
            raise BadLedgerError(f"{file} is no list of erasures, or it is damaged") from error
    return found


def _own_folder(backup: Archive) -> str:
    """Return the name of the folder with what belongs to this backup alone."""
    for name in backup.sums:
        folder, _, file = name.rpartition("/")
        if file == DATABASE:
            return folder
    raise NotABackupError(f"{backup.root} is not whole: there is no database in it")
