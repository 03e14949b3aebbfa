"""Bringing a folder tree into a job, file by file, so that it can be interrupted at any moment.

What is there already, by size and time or by its bytes, is not copied again. Whatever one file is
refused for is noted, and the others go on; a store or a database that fails ends it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobfs.blobs.refusals import LostBytesError, StoreFailedError
from jobfs.blobs.store import new_key
from jobfs.catalog import particulars, problems
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.cli import sources, targets
from jobfs.cli.output import printable
from jobfs.cli.refusals import NotImportableError
from jobfs.domain.names import entry_key
from jobfs.domain.refusals import BadNameError
from jobfs.domain.uploads import UploadState
from jobfs.errors import JobfsError
from jobfs.tree import changes, importing
from jobfs.tree.importing import Bytes, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobfs.catalog.entries import Entry
    from jobfs.catalog.problems import Problem
    from jobfs.cli.progress import Bar
    from jobfs.cli.sources import SourceFile
    from jobfs.cli.studio import Studio

#: States in which a file may be a problem; the list of problems says whether it is one.
_SUSPICIOUS = {
    UploadState.INTERRUPTED, UploadState.INCOMPLETE, UploadState.UNSUPPORTED, UploadState.DAMAGED,
    UploadState.FAILED,
}  # fmt: skip
#: What was never sent.
_OF_AN_EXPORT = {(targets.MARK,), (targets.PART,)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the folder that did not come into the job, and why."""

    path: str
    reason: str


@dataclass
class Bringing:
    """An import while it is made; *account_id* is whose files they will be, None an administrator's.

    copied     files whose bytes were copied, *size* bytes together
    unchanged  files that were there
    """

    studio: Studio
    job_id: int
    account_id: int | None
    bar: Bar
    copied: int = 0
    size: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    _suspects: set[str] = field(default_factory=set)

    def bring(self, source: int) -> None:
        """Bring what is in an open folder."""
        with self.studio.reading() as connection:
            root = importing.directory_of(connection, self.job_id)
        self._fill(root, source, ())

    def problems(self) -> list[Problem]:
        """Return what is the matter, as far as is known by now, with the files that were brought."""
        if not self._suspects:
            return []
        with self.studio.reading() as connection:
            listed = problems.listing(connection, self.job_id)
        return [
            problem
            for problem in listed
            if problem.kind in _SUSPICIOUS and entry_key(problem.path) in self._suspects
        ]

    def _fill(self, directory_id: int, source: int, above: tuple[str, ...]) -> None:
        """Bring what is in an open folder into a directory."""
        taken: dict[str, str] = {}
        for name in sources.names_in(source):
            path = (*above, name)
            if path in _OF_AN_EXPORT:
                continue
            try:
                other = taken.setdefault(entry_key(name), name)
                if other != name:
                    raise NotImportableError(
                        f"{other!r} beside it differs only in how its letters are encoded"
                    )
                self._take(Place(directory_id, os.fsencode(name)), name, source, path)
            except (CatalogUnavailableError, StoreFailedError):
                raise
            except JobfsError as refusal:
                self._refuse(path, refusal)

    def _refuse(self, path: tuple[str, ...], refusal: JobfsError) -> None:
        if isinstance(refusal, BadNameError):  # it gives advice for SFTP clients
            refusal = NotImportableError("its name is not UTF-8: give it another one")
        self.refused.append(Refusal(printable("/".join(path)), printable(str(refusal))))

    def _take(self, place: Place, name: str, source: int, path: tuple[str, ...]) -> None:
        with self.studio.reading() as connection:  # it refuses names before anything is opened
            there = importing.standing(connection, place)
        found = sources.look(name, within=source)
        if not stat.S_ISDIR(found.st_mode):
            sources.require_file(found)
            with sources.file(name, within=source) as file:
                state = self._take_file(place, file, there)
            if state in _SUSPICIOUS:
                self._suspects.add(entry_key("/".join(path)))
            return
        with sources.folder(name, within=source, depth=len(path)) as below:
            times = os.fstat(below)
            directory_id = self._directory(place, there)
            self._fill(directory_id, below, path)
            self._keep_times(directory_id, times)

    def _directory(self, place: Place, there: Entry | None) -> int:
        if there is not None and there.directory:
            return there.id
        with self.studio.writing() as connection:
            return importing.make_directory(
                connection, place, account_id=self.account_id, now=changes.moment(time.time_ns())
            )

    def _take_file(self, place: Place, file: SourceFile, there: Entry | None) -> str | None:
        """Bring a file unless it is there; returns its state."""
        found = file.found
        if there is not None and not there.directory:
            if importing.is_unchanged(there, found.st_size, found.st_mtime_ns):
                self._pass_over(found.st_size)
                return there.state
            if self._has_the_same_bytes(there, file):
                self._set_times(there.id, found)
                self._pass_over(found.st_size)
                return there.state
        with self.studio.reading() as connection:
            importing.require_admission(
                connection, place, there, found.st_size, account_id=self.account_id
            )
        return self._copy(place, file)

    def _pass_over(self, size: int) -> None:
        self.unchanged += 1
        self.bar.update(size)

    def _has_the_same_bytes(self, there: Entry, file: SourceFile) -> bool:
        with self.studio.reading() as connection:
            shown = importing.comparable(connection, there, file.found.st_size)
            known = None if shown is None else particulars.of_shown(connection, there.id).sha256
        if shown is None:
            return False
        try:
            return file.sha256() == (known or self._hashed(shown.blob_key))
        except LostBytesError:
            return False

    def _hashed(self, key: str) -> str:
        with os.fdopen(self.studio.store.open(key), "rb") as blob:
            return hashlib.file_digest(blob, "sha256").hexdigest()

    def _copy(self, place: Place, file: SourceFile) -> UploadState:
        store, key = self.studio.store, new_key()
        size = store.take(key, self._counted(file))
        arrived = Bytes(key, size, file.found.st_mtime_ns, file.found.st_atime_ns)
        try:
            with self.studio.writing() as connection:
                upload = importing.receive(
                    connection, store, place, arrived, account_id=self.account_id,
                    now=changes.moment(time.time_ns()),
                )  # fmt: skip
        except CatalogUnavailableError:
            raise  # perhaps it was committed, and only the answer was lost
        except JobfsError:
            store.drop_original(key)
            raise
        self.copied += 1
        self.size += size
        return upload.state

    def _counted(self, file: SourceFile) -> Iterator[bytes]:
        for data in file.chunks():
            yield data
            self.bar.update(len(data))

    def _set_times(self, entry_id: int, found: os.stat_result) -> None:
        with self.studio.writing() as connection:
            importing.set_times(
                connection, self.studio.store, entry_id, mtime_ns=found.st_mtime_ns,
                atime_ns=found.st_atime_ns, account_id=self.account_id,
                now=changes.moment(time.time_ns()),
            )  # fmt: skip

    def _keep_times(self, directory_id: int, found: os.stat_result) -> None:
        """Give a directory the time of its folder, which what came into it has changed."""
        with self.studio.reading() as connection:
            same = importing.has_time(connection, directory_id, found.st_mtime_ns)
        if not same:
            self._set_times(directory_id, found)
