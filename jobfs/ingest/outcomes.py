"""What decoding a file can come to, as values that travel between processes."""

from dataclasses import dataclass

from jobfs.domain.codes import Code
from jobfs.domain.exif import Shot
from jobfs.domain.metadata.values import Source
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
    """A picture whose every pixel was decoded.

    format         what the content is, whatever the file is called: "JPEG", "HEIC", "CR2", ...
    width, height  as seen; of a raw file, the whole picture's, though renditions show its preview
    metadata       what the file itself says
    codes          QR and bar codes in the picture
    rendering      seconds that making the renditions took
    """

    format: str
    width: int
    height: int
    shot: Shot
    metadata: Source
    codes: tuple[Code, ...] = ()
    renditions: tuple[Made, ...]
    rendering: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A sidecar, and what it says."""

    metadata: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file that is no photo and will not become one: *reason* and *advice* are for a photographer.

    kind   damaged or unsupported
    cause  what a library said of it, for the log; empty if there is no more to know
    """

    kind: UploadState
    reason: str
    advice: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The decoder died or took too long, for the file's sake or for its own: another try may help.

    reason, advice  for a photographer, when no other try is left
    cause           for the log and the queue
    is_slow         it took too long
    """

    reason: str
    advice: str
    cause: str
    is_slow: bool = False


Outcome = Decoded | Described | Refused | Broken
