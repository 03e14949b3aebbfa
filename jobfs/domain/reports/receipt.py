"""`_RECEIPT.sha256`: what is safe, in the form that `sha256sum -c` reads.

A file is in it once its stored bytes were read back and hashed, and every pixel was decoded. Paths
begin in the job's directory, so that it can be checked in the folder that was sent. Lines beginning
with "#" are comments to `sha256sum` and `shasum`. There is no byte order mark, which would spoil the
first of them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from jobfs.domain.reports.words import Studio, date_and_time, number_of, printable


class Verified(NamedTuple):
    """A file that is a photo, or a part of one."""

    path: str
    sha256: str


#: What GNU coreutils writes for characters of a name; a backslash before the line says that it did so.
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def render(
    job: str,
    verified: Sequence[Verified],
    stored: Sequence[str],
    *,
    others: int,
    studio: Studio,
    now: datetime,
) -> bytes:
    """Return the receipt of a job.

    *stored* are the paths of what is kept and cannot be decoded; *others* is the number of files in
    neither list.
    """
    lines = _lines(job, verified, stored, others=others, at=date_and_time(now, studio.zone))
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(
    job: str, verified: Sequence[Verified], stored: Sequence[str], *, others: int, at: str
) -> Iterator[str]:
    yield f"# {printable(job)}, {at}: {number_of(len(verified), 'file')} in this receipt."
    yield "# Each of them was read back from the studio's disk, and opened to its last pixel."
    yield "# To compare your own: put this file into the folder that you sent, and run there"
    yield "#     sha256sum -c _RECEIPT.sha256      (on a Mac: shasum -a 256 -c _RECEIPT.sha256)"
    yield "# What it calls OK is safe. A file of yours that is not named here is not: compare their number."
    for file in verified:
        yield _line(file)
    if stored:
        yield f"# {number_of(len(stored), 'file')} kept as sent, and not looked into: no pictures."
        for path in stored:
            yield f"# stored, unverified: {path.translate(_ESCAPES)}"
    if others:
        yield f"# {number_of(others, 'more file is', 'more files are')} not safe yet: see _STATUS.txt."


def _line(file: Verified) -> str:
    if file.path.isprintable() and "\\" not in file.path:  # nearly always
        return f"{file.sha256}  {file.path}"
    escaped = file.path.translate(_ESCAPES)
    mark = "\\" if escaped != file.path else ""
    return f"{mark}{file.sha256}  {escaped}"
