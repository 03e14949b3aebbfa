"""What is said of files that are no photos, in words for a photographer."""

from typing import Any

from PIL import Image

from jobfs.domain.uploads import UploadState
from jobfs.ingest.outcomes import Refused

_SEND_ANOTHER = "Open the file on your computer, and send another copy if it does not open there."
_SEND_JPEG = "Save the picture as a JPEG and send that."
_SEND_SMALLER = "Save the picture as a JPEG with fewer pixels and send that."

UNREADABLE_START = "the part of the file before its picture cannot be read"
UNREADABLE_PICTURE = "a part of its picture cannot be read"

_LONGEST_CAUSE = 500  # characters; libraries quote from the file


def not_a_photo() -> Refused:
    """Refuse what is none of the formats."""
    return Refused(
        kind=UploadState.UNSUPPORTED,
        reason="the file is none of the kinds that jobfs makes photos of: JPEG, PNG, TIFF, WebP, GIF, "
        "HEIC, AVIF and cameras' raw files",
        advice=_SEND_JPEG,
    )


def unknown_kind(what: str) -> Refused:
    """Refuse a picture of a known format, in a variety that no decoder knows."""
    reason = f"jobfs cannot decode this kind of picture: {what}"
    return Refused(kind=UploadState.UNSUPPORTED, reason=reason, advice=_SEND_JPEG)


def too_many_pixels(size: tuple[int, int], limit: int) -> Refused:
    """Refuse a picture for what its header declares."""
    width, height = size
    return _too_large(f"has {width} x {height} pixels, more than the {limit:,} allowed")


def more_than_any_camera() -> Refused:
    """Refuse a picture that its decoder will not even look at."""
    return _too_large("has more pixels than any camera makes")


def made_to_be_slow(*, cause: object) -> Refused:
    """Refuse a picture whose file no program makes but to keep its readers busy."""
    return Refused(
        kind=UploadState.UNSUPPORTED,
        reason="the file takes too long to open: its picture is in more parts than any program makes",
        advice=_SEND_JPEG, cause=str(cause),
    )  # fmt: skip


def too_little_memory(size: tuple[int, int]) -> Refused:
    """Refuse a picture that does not fit into the decoder."""
    width, height = size
    return _too_large(f"has {width} x {height} pixels, which is more than jobfs has the memory for")


def no_room() -> Refused:
    """Refuse a picture that takes too much memory before its size is known."""
    return _too_large("needs more memory than jobfs has for one")


def damaged(what: str, *, cause: object = "") -> Refused:
    """Refuse a picture that does not decode; *cause* is what a library says, for the log."""
    reason = f"the file is damaged: {what}"
    said = str(cause)[:_LONGEST_CAUSE]
    return Refused(kind=UploadState.DAMAGED, reason=reason, advice=_SEND_ANOTHER, cause=said)


def unreadable_sidecar(what: str) -> Refused:
    """Refuse a sidecar that is not what its name says."""
    return Refused(
        kind=UploadState.DAMAGED,
        reason=f"the sidecar cannot be read: {what}",
        advice="The photo itself is not touched by this, and keeps what an earlier sidecar said that could"
        " be read. Save the metadata again in the program that wrote it, and send the sidecar again.",
    )


def where_it_ends(image: Image.Image, height: int) -> str | None:
    """Say how far the picture goes, if its decoding has stopped in the middle.

    What was not decoded is zero. Pillow tells nothing else about it.
    """
    core: Any = getattr(image, "_im", None)
    box = None if core is None else core.getbbox()
    if box is None:
        return None
    line = box[3] * height // core.size[1]
    return f"its pixels end near line {line} of {height}" if line < height else None


def _too_large(reason: str) -> Refused:
    return Refused(
        kind=UploadState.UNSUPPORTED, reason=f"the picture {reason}", advice=_SEND_SMALLER
    )
