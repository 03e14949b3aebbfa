"""The checks of `jobfs fsck`, and what is done about what they find.

The studio goes on meanwhile. So what seems wrong is looked at once more before it is said or touched, and
bytes without a row count only when they are older than any process needs from the one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from jobfs.blobs import archive
from jobfs.catalog import checking, erasures, opening
from jobfs.catalog.erasing import unfinished_jobs
from jobfs.ingest import erasing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobfs.blobs.store import Stored
    from jobfs.catalog.checking import Original, Rendition
    from jobfs.cli.output import Facts
    from jobfs.cli.studio import Studio

#: Seconds that bytes may be without a row: a mount or a worker that lives gives them one in far less.
GRACE = 3600.0

_RESTORE = "have it sent again, or take it from a backup"
_AGAIN = "`jobfs fsck --repair` has it made again"


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "lost"  # a row without bytes
    SIZE = "size"
    DAMAGED = "damaged"  # another SHA-256 than that of what was received
    UNREADABLE = "unreadable"
    RENDITION = "rendition"  # its bytes are lost, or others
    UNNAMED = "unnamed"  # bytes without a row
    ROWS = "rows"  # rows that do not go together
    USAGE = "usage"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong: *path* is where it stands below its job, or the file in the store."""

    kind: Kind
    path: str
    text: str
    advice: str
    repaired: bool = False

    def facts(self) -> Facts:
        """Return what people and programs are told."""
        return {
            "kind": self.kind.value, "path": self.path, "text": self.text,
            "repaired": self.repaired, "advice": "" if self.repaired else self.advice,
        }  # fmt: skip


@dataclass
class Check:
    """One run of `jobfs fsck`; *now* is seconds since 1970."""

    studio: Studio
    repair: bool
    hashed: bool
    now: float
    faults: list[Fault] = field(default_factory=list)
    number: int = 0

    def length(self) -> int:
        """Look at what was being erased; return how many files rows name."""
        if self._erasures_left() and self.repair:
            with opening.answering(self.studio.catalog.name):
                erasing.finish(self.studio.catalog, self.studio.store)
        left = self._erasures_left()
        if left:
            text = f"{left} files or jobs are erased only in part"
            self._note(Kind.ERASURE, "", text, "`jobfs fsck --repair` finishes it", repaired=False)
        with self.studio.reading() as connection:
            return checking.count(connection)

    def _erasures_left(self) -> int:
        with self.studio.reading() as connection:
            jobs = unfinished_jobs(connection)
            return len(erasures.bytes_left(connection)) + len(jobs)

    def rows(self) -> Iterator[None]:
        """Look for the bytes of each row; yields after each."""
        after: int | None = 0
        while after is not None:
            with self.studio.reading() as connection:
                originals = checking.originals(connection, after=after)
            for original in originals:
                self._original(original)
                yield
            after = originals[-1].id if originals else None
        after = 0
        while after is not None:
            with self.studio.reading() as connection:
                renditions = checking.renditions(connection, after=after)
            for rendition in renditions:
                self._rendition(rendition)
                yield
            after = renditions[-1].id if renditions else None

    def folder(self, kind: str, number: int) -> None:
        """Look for the row of each file in a folder of the store."""
        old = [
            file
            for file in self.studio.store.stored(kind, number)
            if self.now - file.changed > GRACE
        ]
        for first in range(0, len(old), checking.PAGE):
            page = old[first : first + checking.PAGE]
            keys = [file.key for file in page]
            with self.studio.reading() as connection:
                known = checking.named(connection, keys)
            for file in page:
                if file.key not in known:
                    self._unnamed(kind, file)

    def contradictions(self) -> None:
        """Look for rows that do not go together, and at the sums of quotas."""
        with self.studio.reading() as connection:
            found = checking.contradictions(connection)
            usages = checking.usages(connection)
        for one in found:
            done = self.repair and one.upload_id is not None
            if done and one.upload_id is not None:
                self._ingest_again(one.upload_id)
            advice = _AGAIN if one.upload_id is not None else "this is a fault of jobfs: report it"
            self._note(Kind.ROWS, one.path, one.text, advice, repaired=done)
        if usages and self.repair:
            with self.studio.writing() as connection:
                checking.correct_usages(connection)
        for usage in usages:
            text = f"{usage.counted:,} bytes are counted towards its quota; it has {usage.real:,}"
            advice = "`jobfs fsck --repair` counts anew"
            self._note(Kind.USAGE, f"account {usage.account}", text, advice, repaired=self.repair)

    def _original(self, original: Original) -> None:
        self.number += 1
        fault = self._fault_of(original)
        if fault is None:
            return
        with self.studio.reading() as connection:
            now = checking.originals(connection, keys=[original.key])
        if now and now[0].size == original.size and (again := self._fault_of(now[0])):
            self.faults.append(again)

    def _fault_of(self, original: Original) -> Fault | None:
        if original.size is None:
            return None
        path = self.studio.store.original(original.key)
        where = original.path or str(path)
        try:
            size = path.stat().st_size
            if size != original.size:
                text = f"the store has {size:,} bytes of it, {original.size:,} were received"
                return Fault(kind=Kind.SIZE, path=where, text=text, advice=_RESTORE)
            if self.hashed and original.sha256 not in {None, archive.digest(path)}:
                text = "its bytes are not those that were received"
                return Fault(kind=Kind.DAMAGED, path=where, text=text, advice=_RESTORE)
        except FileNotFoundError:
            return self._lost(original, path, where)
        except OSError as error:
            text = f"its bytes cannot be read: {error.strerror}"
            return Fault(kind=Kind.UNREADABLE, path=where, text=text, advice="look at the disk")
        return None

    def _lost(self, original: Original, path: Path, where: str) -> Fault | None:
        if original.size == 0:  # of what was created, and never written
            return None
        text = f"its {original.size:,} bytes are not in the store, at {path}"
        return Fault(kind=Kind.LOST, path=where, text=text, advice=_RESTORE)

    def _rendition(self, rendition: Rendition) -> None:
        self.number += 1
        if self._is_whole(rendition):
            return
        with self.studio.reading() as connection:
            if not checking.renditions(connection, keys=[rendition.key]):
                return  # it was made again meanwhile
        if self.repair:
            self._ingest_again(rendition.upload_id)
        text = f"its rendition {rendition.name!r} is lost or cut"
        self._note(Kind.RENDITION, rendition.path, text, _AGAIN, repaired=self.repair)

    def _is_whole(self, rendition: Rendition) -> bool:
        try:
            return self.studio.store.rendition(rendition.key).stat().st_size == rendition.size
        except OSError:
            return False

    def _unnamed(self, kind: str, file: Stored) -> None:
        store = self.studio.store
        place = store.original(file.key) if kind == "blobs" else store.rendition(file.key)
        text = f"{file.size:,} bytes that no row names"
        if self.repair and kind == "blobs" and file.size:
            text += f": moved to {store.set_aside(file.key)}"
        elif self.repair:
            place.unlink(missing_ok=True)
        advice = "`jobfs fsck --repair` puts it aside"
        self._note(Kind.UNNAMED, str(place), text, advice, repaired=self.repair)

    def _ingest_again(self, upload_id: int) -> None:
        with self.studio.writing() as connection:
            checking.ingest_again(connection, upload_id, now=datetime.now(UTC))

    def _note(self, kind: Kind, path: str, text: str, advice: str, *, repaired: bool) -> None:
        self.faults.append(Fault(kind=kind, path=path, text=text, advice=advice, repaired=repaired))
