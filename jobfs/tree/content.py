"""What the bytes of a blob say of themselves."""

import hashlib
import os
from dataclasses import replace

from jobfs.domain import completeness
from jobfs.domain.completeness import Finding, Structure
from jobfs.domain.judgement import Evidence

#: For an upload whose bytes nobody needs to look at.
UNREAD = Finding(Structure.UNKNOWN_END, None, "")


def evidence(
    descriptor: int,
    *,
    failed: bool = False,
    over_quota: int | None = None,
    gap: int | None = None,
    finished: bool = False,
    hashed: bool = False,
) -> Evidence:
    """Return what an open blob that was closed by its client tells about its completeness.

    *hashed*: if its end is missing, and nothing else, hash what is there, which reads all of it.
    """
    size = os.fstat(descriptor).st_size

    def read(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    finding = completeness.inspect(read, size)
    found = Evidence(
        failed=failed, over_quota=over_quota, gap=gap, finished=finished, finding=finding, size=size
    )
    if finding.structure is not Structure.TRUNCATED or found.missing_from is not None or not hashed:
        return found
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return replace(found, sha256=hashlib.file_digest(file, "sha256").hexdigest())
