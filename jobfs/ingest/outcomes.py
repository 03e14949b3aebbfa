"""What decoding a file can come to, as values that travel between processes."""

from dataclasses import dataclass
from typing import Literal

from jobfs.domain.exif import Shot
from jobfs.domain.uploads import UploadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A rendition to be made: *edge* is pixels of the longest side, *quality* the JPEG's, 1 to 100."""

    name: str
    edge: int
    quality: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A rendition that was made; *data* is a JPEG."""

    name: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A picture whose every pixel was decoded; *width* and *height* are as seen."""

    width: int
    height: int
    shot: Shot
    renditions: tuple[Made, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file that is no photo and will not become one: *reason* and *advice* are for a photographer."""

    kind: Literal[UploadState.DAMAGED, UploadState.UNSUPPORTED]
    reason: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The decoder died or took too long, for the file's sake or for its own: another try may help."""

    reason: str


Outcome = Decoded | Refused | Broken
