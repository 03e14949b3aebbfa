"""What the bytes of a blob say of themselves."""

import os

from jobfs.domain import completeness
from jobfs.domain.completeness import Finding, Structure
from jobfs.domain.judgement import Evidence

#: For an upload whose bytes nobody needs to look at.
UNREAD = Finding(Structure.UNKNOWN_END, None, "")


def evidence(descriptor: int, *, failed: bool = False, gap: int | None = None) -> Evidence:
    """Return what an open blob that was closed by its client tells about its completeness."""
    size = os.fstat(descriptor).st_size

    def read(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    finding = completeness.inspect(read, size)
    return Evidence(failed=failed, gap=gap, finding=finding, size=size)
