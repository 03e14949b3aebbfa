"""Copying photos out of the store into a folder, file by file, so that it can be interrupted anywhere."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jobfs.blobs.refusals import LostBytesError
from jobfs.cli import targets
from jobfs.cli.output import printable
from jobfs.cli.refusals import (
    DamagedBytesError,
    NoRenditionError,
    TargetFailedError,
    UnsafeNameError,
)
from jobfs.errors import JobfsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobfs.blobs.store import BlobStore
    from jobfs.catalog.photo_listing import Original, Photo
    from jobfs.cli.progress import Bar
    from jobfs.cli.targets import Names, Target

_CHUNK = 1024 * 1024  # bytes
_JPEG_ENDINGS = (".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be copied: *key* names it in the store; *sha256* None: nobody has noted it."""

    path: Names
    key: str
    size: int
    sha256: str | None
    mtime_ns: int
    rendition: bool


@dataclass
class Exporting:
    """An export while it is made: of originals, or of the *rendition* of that name.

    copied     photos that were copied, and *sidecars*, *size* bytes together
    unchanged  photos that were in the folder
    refused    paths, and why they are not there
    """

    store: BlobStore
    target: Target
    rendition: str | None
    bar: Bar
    copied: int = 0
    sidecars: int = 0
    size: int = 0
    unchanged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    _taken: dict[str, list[Names]] = field(default_factory=dict)  # alike but for their case

    def export(self, photo: Photo) -> None:
        """Copy one photo; what it is refused for is noted. Raises TargetFailedError."""
        wanted = photo.originals if self.rendition is None else photo.originals[:1]
        copied = [self._export(photo, original) for original in wanted]
        if True in copied:
            self.copied += 1
        elif None not in copied:
            self.unchanged += 1

    def export_sidecar(self, sidecar: Original) -> None:
        """Copy a sidecar as it was sent; what it is refused for is noted. Raises TargetFailedError."""
        self.sidecars += self._export(None, sidecar) is True

    def _export(self, photo: Photo | None, original: Original) -> bool | None:
        """Tell whether a file had to be copied; None if it was refused."""
        try:
            file = _chosen(photo, original, self.rendition)
            self._refuse_taken(file.path)
            if self._is_there(file):
                self.bar.update(file.size)
                return False
            self._copy(file)
        except TargetFailedError:
            raise
        except JobfsError as refusal:
            self.refused.append((printable(original.path), printable(str(refusal))))
            return None
        return True

    def _refuse_taken(self, path: Names) -> None:
        """Raise UnsafeNameError if the disk takes a path for that of another photo."""
        alike = self._taken.setdefault(_caseless(path), [])
        for other in alike:
            if other == path or self._is_one_file(other, path):
                raise UnsafeNameError(
                    f"to the folder's disk its name is that of {'/'.join(other)!r}, which is there"
                )
        alike.append(path)

    def _is_one_file(self, one: Names, other: Names) -> bool:
        first, second = self._look(one), self._look(other)
        return first is not None and second is not None and os.path.samestat(first, second)

    def _is_there(self, file: _File) -> bool:
        """Whether an earlier export has copied a file; renditions are made anew, with the same time."""
        found = self._look(file.path)
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
            return False
        if not file.rendition and found.st_mtime_ns == file.mtime_ns:
            return True
        known = file.sha256 or hashlib.sha256(b"".join(self._bytes(file))).hexdigest()
        if self.target.sha256(file.path) != known:
            return False
        self.target.set_time(file.path, file.mtime_ns)
        return True

    def _look(self, path: Names) -> os.stat_result | None:
        try:
            return self.target.look(path)
        except OSError:  # a link or a file stands where a folder should be: writing will say it
            return None

    def _copy(self, file: _File) -> None:
        self.target.put(file.path, self._checked(file), mtime_ns=file.mtime_ns)
        self.size += file.size

    def _checked(self, file: _File) -> Iterator[bytes]:
        """Yield the bytes; raises DamagedBytesError behind the last ones, if they are others."""
        digest, size = hashlib.sha256(), 0
        for data in self._bytes(file):
            digest.update(data)
            size += len(data)
            yield data
            self.bar.update(len(data))
        if size != file.size or file.sha256 not in {None, digest.hexdigest()}:
            raise DamagedBytesError("its bytes in the store are not those that were received")

    def _bytes(self, file: _File) -> Iterator[bytes]:
        place = self.store.rendition if file.rendition else self.store.original
        try:
            with place(file.key).open("rb") as stored:
                while data := stored.read(_CHUNK):
                    yield data
        except FileNotFoundError:
            raise LostBytesError(
                "the store has not its bytes (any more); if it was changed just now, export again"
            ) from None
        except OSError as error:
            raise LostBytesError(f"the store cannot read its bytes: {error.strerror}") from error


def _chosen(photo: Photo | None, original: Original, rendition: str | None) -> _File:
    """Return what to copy; a sidecar is of no *photo*. Raises NoRenditionError and UnsafeNameError."""
    if photo is None or rendition is None:
        return _File(
            path=_path(photo, original, ""), key=original.key, size=original.size,
            sha256=original.sha256, mtime_ns=original.mtime_ns, rendition=False,
        )  # fmt: skip
    made = next((one for one in photo.renditions if one.name == rendition), None)
    if made is None:
        raise NoRenditionError(f"it has no rendition {rendition!r}")
    ending = "" if original.path.lower().endswith(_JPEG_ENDINGS) else ".jpg"
    return _File(
        path=_path(photo, original, ending), key=made.key, size=made.size, sha256=None,
        mtime_ns=original.mtime_ns, rendition=True,
    )  # fmt: skip


def _path(photo: Photo | None, original: Original, ending: str) -> Names:
    *above, name = original.path.split("/")
    if photo is not None and not photo.current:
        extension = PurePosixPath(name).suffix
        name = f"{name.removesuffix(extension)} (photo {photo.id}){extension}"
    path = (*above, name + ending)
    if any(part in {"", ".", ".."} or "\0" in part for part in path):
        raise UnsafeNameError("no file in a folder can have its path")
    if path[0] in {targets.MARK, targets.PART}:
        raise UnsafeNameError("exports keep a file of their own under its name")
    return path


def _caseless(path: Names) -> str:
    folded = unicodedata.normalize("NFC", "/".join(path)).casefold()
    return unicodedata.normalize("NFC", folded)
