"""Uploads that are being written: one OpenVersion each, shared by the handles of a connection."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog.uploads import Upload
from jobfs.domain.completeness import Structure
from jobfs.domain.judgement import Evidence
from jobfs.domain.ranges import Ranges
from jobfs.errors import JobfsError
from jobfs.processes import Process
from jobfs.tree import content
from jobfs.tree.refusals import DetachedError


@dataclass(slots=True, eq=False)
class OpenVersion:
    """A version that handles write, and the descriptor of its blob.

    The event loop's thread owns the fields; bytes are moved by other threads. While *receiving* any
    number of them may write. A judgement makes it false first and waits for them, so that nothing is
    written to what has been found whole.

    owner      the connection that sends it: a process of sshd's; None is nobody whom the kernel names
    size       bytes, as every getattr answers it
    written    which of them were sent, now or before
    wrote_ns   the time of the last write; None if none came since the client set a time
    promised   the end of the furthest write that was let in, be it done or not
    on_its_way the disk has been told to begin with the bytes before
    failed     a write did not reach the disk
    over_quota the quota of the account that a write would have crossed; None: none would
    changed    something has changed since the last judgement
    receiving  its row says so; from a judgement on it may not, until the next write
    detached   a newer version has taken its place
    writers    open handles
    """

    upload: Upload
    descriptor: int
    owner: Process | None
    size: int
    written: Ranges = field(default_factory=Ranges)
    promised: int = 0
    on_its_way: int = 0
    wrote_ns: int | None = None
    failed: bool = False
    over_quota: int | None = None
    changed: bool = True
    receiving: bool = True
    detached: str | None = None
    writers: int = 0
    _moving: int = 0  # threads that move bytes at this moment
    _calm: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.written.add(0, self.size)

    @contextmanager
    def moving_bytes(self) -> Iterator[int]:
        """Give the descriptor to a thread for the length of a block."""
        self._moving += 1
        try:
            yield self.descriptor
        finally:
            self._moving -= 1
            self._calm.set()
            self._close_if_unused()

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Record it if the block, which is to store what a client sent, fails."""
        try:
            yield
        except (OSError, JobfsError):
            self.note_failure()
            raise

    async def calm(self) -> None:
        """Return when no thread moves bytes any more."""
        while self._moving:
            self._calm = trio.Event()
            await self._calm.wait()

    def leave(self) -> None:
        """One handle less; the last one closes the descriptor."""
        self.writers -= 1
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self.writers == 0 and self._moving == 0:
            os.close(self.descriptor)

    def belongs_to(self, process: Process | None) -> bool:
        """Whether the handles of a process write here; those of others make versions of their own."""
        return process is not None and process == self.owner

    def require_attached(self) -> None:
        """Raise DetachedError if what is written here can no longer become the file."""
        if self.detached is not None:
            raise DetachedError(f"{self.upload.name!r}: {self.detached}")

    def detach(self, why: str) -> None:
        """Refuse all further writes."""
        self.detached = why

    @property
    def extent(self) -> int:
        """The size it has, or will have when the writes under way are done."""
        return max(self.size, self.promised)

    def promise(self, end: int) -> None:
        """Count a write that ends there from now on."""
        self.promised = max(self.promised, end)

    def reserve(self, length: int) -> int:
        """Return the offset for appending *length* bytes, which is nobody else's from now on."""
        offset = self.size
        self.size += length
        return offset

    def note_write(self, offset: int, length: int) -> None:
        """Record that bytes were written."""
        end = offset + length
        self.size = max(self.size, end)
        self.written.add(offset, end)
        self.wrote_ns = time.time_ns()
        self.changed = True

    def note_truncation(self, size: int) -> None:
        """Record that the file was cut, or grown by a hole."""
        self.size = self.promised = size
        self.written.truncate(size)
        self.wrote_ns = time.time_ns()
        self.changed = True

    def note_failure(self) -> None:
        """Record that bytes the client sent did not reach the disk."""
        self.failed = True
        self.changed = True

    def note_over_quota(self, quota: int) -> None:
        """Record that bytes the client sent were refused: they would have crossed its account's quota."""
        self.over_quota = quota
        self.note_failure()

    def note_judgement(self, upload: Upload, size: int) -> None:
        """Record what the bytes, *size* of them, were found to be."""
        self.changed = False
        self.upload = upload
        self.size = self.promised = size
        self.written.truncate(size)
        self.wrote_ns = None
        self.failed = False
        self.over_quota = None


def write_fully(descriptor: int, offset: int, data: bytes) -> None:
    """Write all of *data*; the disk may take less at once. Raises OSError."""
    done = os.pwrite(descriptor, data, offset)
    while done < len(data):
        done += os.pwrite(descriptor, memoryview(data)[done:], offset + done)


def glance(version: OpenVersion) -> Evidence | None:
    """Say what a closed version's bytes are if a few of them tell; None: all of them must be read.

    They may be lost to a power cut; `examine` makes them durable.
    """
    evidence = content.evidence(
        version.descriptor, gap=version.written.first_gap(version.size),
        finished=version.wrote_ns is None,
    )  # fmt: skip
    return None if evidence.finding.structure is Structure.TRUNCATED else evidence


def examine(version: OpenVersion, store: BlobStore, *, closed: bool) -> Evidence:
    """Make a version's bytes durable and say what they are; reads the disk.

    What a dead client or a failed write left is cut to the part without a gap: a hole would survive a
    resume unseen.
    """
    size, gap = version.size, version.written.first_gap(version.size)
    if not closed or version.failed:
        size = store.cut_to_prefix(version.descriptor, version.written.contiguous_prefix())
        gap = None
    store.sync(version.upload.blob_key, version.descriptor)
    if not closed:
        return Evidence(
            closed=False, over_quota=version.over_quota, finding=content.UNREAD, size=size
        )
    return content.evidence(
        version.descriptor, failed=version.failed, over_quota=version.over_quota, gap=gap,
        finished=version.wrote_ns is None, hashed=True,
    )  # fmt: skip
