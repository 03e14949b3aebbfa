"""Copying a studio into a backup's folder.

First the rows are copied, as they are at one moment; then the files that these rows name. What is
received later belongs to the next backup. What is purged before its turn has come is missing: then the
rows are copied once more, and the files that have come to be named since.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import jobfs
from jobfs import daemon
from jobfs.blobs import archive
from jobfs.blobs.archive import Archive
from jobfs.catalog import contents, copying, migrate
from jobfs.catalog.contents import Original
from jobfs.catalog.engine import Connection
from jobfs.cli.progress import progress
from jobfs.cli.refusals import FaultyStoreError
from jobfs.cli.studio import Studio
from jobfs.config import file_in_use
from jobfs.login import hostkeys
from jobfs.settings import redacted

#: What belongs to one backup alone, in its own folder.
DATABASE, ABOUT, SETTINGS = "jobfs.sqlite3", "about.json", "jobfs.toml"
HOST_KEYS, UNFINISHED = "hostkeys", "unfinished"
#: How often the rows are copied because a file they name was purged; after that it counts as lost.
_ROUNDS = 3
#: How many names a message lists.
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be copied; *size* is bytes, None for what is being written."""

    name: str
    source: Path
    size: int | None
    sha256: str | None
    sealed: bool


def name_of(original: Original, shared: str, own: str) -> str:
    """Return an original's name in a backup: what may still change belongs to this one alone."""
    return shared if original.sealed else f"{own}/{UNFINISHED}/{original.key}"


@dataclass
class Making:
    """A backup while it is made: the files it consists of, and what the store lacks of them."""

    studio: Studio
    target: Archive
    sums: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    size: int = 0  # bytes of files that were not there yet

    def __post_init__(self) -> None:
        self._stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        self._copied: dict[str, str] = {}  # sealed files copied by an earlier round

    def make(self) -> None:
        """Copy everything."""
        for _ in range(_ROUNDS):
            self.sums, self.missing, self.damaged = {}, [], []
            self._copy_rows()
            self._copy_files()
            if not self.missing:
                break
        self._copy_host_keys()
        self._copy_settings()
        self._describe()
        self.target.complete(self.sums)

    def complain(self) -> None:
        """Raise FaultyStoreError if the store is not what the database says."""
        faults = [*self.missing, *self.damaged]
        if faults:
            some = ", ".join(faults[:_LISTED]) + (", ..." if len(faults) > _LISTED else "")
            raise FaultyStoreError(
                f"the backup is as whole as the studio, but of the files that the database names"
                f" {len(self.missing)} are missing in {self.studio.config.jobfs.data} and"
                f" {len(self.damaged)} are not what was received: {some}"
            )

    def _own(self, name: str) -> str:
        return f"{self._stamp}/{name}"

    def _copy_rows(self) -> None:
        file = self.target.place(self._own(DATABASE))
        file.unlink(missing_ok=True)
        with (
            copying.snapshot(self.studio.catalog) as source,
            progress(2 * copying.count(source), "database") as bar,
        ):
            copying.portable(source, file, advance=bar.update)

    def _copy_files(self) -> None:
        file = self.target.path(self._own(DATABASE))
        with copying.opened(file) as catalog, catalog.reading() as rows:
            needed = sum(one.size or 0 for one in self._files(rows) if not self._is_there(one))
            archive.refuse_full(self.target.root, needed)
            with progress(needed, "files") as bar:
                for one in self._files(rows):
                    bar.update(self._take(one))
        self.sums[self._own(DATABASE)] = archive.digest(file)

    def _files(self, rows: Connection) -> Iterator[_File]:
        store = self.studio.store
        for original in contents.originals(rows):
            yield self._original(original, store.original(original.key))
        for rendition in contents.renditions(rows):
            source = store.rendition(rendition.key)
            yield _File(
                name=self._shared(source), source=source, size=rendition.size, sha256=None,
                sealed=True,
            )  # fmt: skip

    def _original(self, original: Original, source: Path) -> _File:
        return _File(
            name=name_of(original, self._shared(source), self._stamp),
            source=source,
            size=None if original.receiving else original.size,
            sha256=original.sha256 if original.sealed else None,
            sealed=original.sealed,
        )

    def _shared(self, source: Path) -> str:
        return str(source.relative_to(self.studio.config.jobfs.data))

    def _is_there(self, file: _File) -> bool:
        """Whether an earlier backup, or an earlier round, has copied it."""
        known = file.name in self._copied
        return file.sealed and (known or self.target.holds(file.name, file.size or 0, file.sha256))

    def _take(self, file: _File) -> int:
        """Make a file part of the backup; returns how many bytes were copied."""
        if self._is_there(file):
            self.sums[file.name] = self._copied.get(file.name) or self.target.sums[file.name]
            return 0
        try:
            size = archive.prefix(file.source) if file.size is None else file.size
            sha256 = self.target.add(file.name, file.source, size=None if file.sealed else size)
        except FileNotFoundError:
            if file.size is not None:  # else nothing had arrived
                self.missing.append(file.name)
            return 0
        self.sums[file.name] = sha256
        if file.sealed:
            self._check(file, sha256)
        self.size += size
        return size

    def _check(self, file: _File, sha256: str) -> None:
        """Note whether the copy is what was received."""
        self._copied[file.name] = sha256
        size = self.target.path(file.name).stat().st_size
        if size != file.size or file.sha256 not in {None, sha256}:
            self.damaged.append(file.name)

    def _copy_host_keys(self) -> None:
        for private in hostkeys.files(daemon.login_config(self.studio.config).hostkeys):
            for file in (private, private.with_name(f"{private.name}.pub")):
                if file.exists():
                    name = self._own(f"{HOST_KEYS}/{file.name}")
                    self.sums[name] = self.target.add(name, file)

    def _copy_settings(self) -> None:
        """Keep the file of settings, without passwords, for whoever sets up the next machine."""
        file = file_in_use(self.studio.config_file)
        if file is not None:
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            text = "".join(redacted(line) if "://" in line else line for line in lines)
            self.sums[self._own(SETTINGS)] = self.target.write(self._own(SETTINGS), text)

    def _describe(self) -> None:
        about = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "made_by": f"jobfs {jobfs.__version__}",
            "schema": migrate.head(),
            "missing": self.missing,
            "damaged": self.damaged,
        }
        text = json.dumps(about, indent=2) + "\n"
        self.sums[self._own(ABOUT)] = self.target.write(self._own(ABOUT), text)
