"""Uploads that are being written: one OpenVersion each, shared by the handles that write it."""

import os
import time
from dataclasses import dataclass, field

from jobfs.blobs.store import BlobStore
from jobfs.catalog.uploads import Upload
from jobfs.domain.judgement import Evidence
from jobfs.domain.ranges import Ranges
from jobfs.tree import content
from jobfs.tree.refusals import DetachedError


@dataclass(slots=True, eq=False)
class OpenVersion:
    """A version that handles write.

    The event loop's thread owns the fields; bytes are moved by other threads.

    size       bytes, as every getattr answers it
    written    which of them were sent, now or before
    wrote_ns   the time of the last write; None if none came since the client set a time
    failed     a write did not reach the disk
    changed    something has changed since the last judgement
    receiving  its row says so; after a judgement it does not, until the next write
    detached   a newer version has taken its place, or its account has lost the grant
    writers    open handles
    """

    upload: Upload
    descriptor: int
    size: int
    written: Ranges = field(default_factory=Ranges)
    wrote_ns: int | None = None
    failed: bool = False
    changed: bool = True
    receiving: bool = True
    detached: str | None = None
    writers: int = 0

    def __post_init__(self) -> None:
        self.written.add(0, self.size)

    def require_attached(self) -> None:
        """Raise DetachedError if what is written here can no longer become the file."""
        if self.detached is not None:
            raise DetachedError(f"{self.upload.name!r}: {self.detached}")

    def detach(self, why: str) -> None:
        """Refuse all further writes."""
        self.detached = why

    def reserve(self, length: int) -> int:
        """Return the offset for appending *length* bytes, which is nobody else's from now on."""
        offset = self.size
        self.size += length
        return offset

    def note_write(self, offset: int, length: int) -> None:
        """Record that bytes were written."""
        self.size = max(self.size, offset + length)
        self.written.add(offset, offset + length)
        self.wrote_ns = time.time_ns()
        self.changed = True

    def note_truncation(self, size: int) -> None:
        """Record that the file was cut, or grown by a hole."""
        self.size = size
        self.written.truncate(size)
        self.wrote_ns = time.time_ns()
        self.changed = True


def write_fully(descriptor: int, offset: int, data: bytes) -> None:
    """Write all of *data*; the disk may take less at once. Raises OSError."""
    view = memoryview(data)
    while view:
        done = os.pwrite(descriptor, view, offset)
        view, offset = view[done:], offset + done


def examine(version: OpenVersion, store: BlobStore, *, closed: bool) -> Evidence:
    """Make a version's bytes durable and say what they are; reads the disk.

    What a dead client left is cut to the part without a gap: a hole would survive a resume unseen.
    """
    if not closed:
        size = store.cut_to_prefix(version.descriptor, version.written.contiguous_prefix())
        store.sync(version.upload.blob_key, version.descriptor)
        return Evidence(closed=False, finding=content.UNREAD, size=size)
    store.sync(version.upload.blob_key, version.descriptor)
    gap = version.written.first_gap(version.size)
    return content.evidence(version.descriptor, failed=version.failed, gap=gap)
