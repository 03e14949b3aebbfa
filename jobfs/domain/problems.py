"""What photographers are told of files that are no photos: what is wrong, and what to do about it.

How much of a picture is missing says `formats/finding.py`, in a clause; what opening it has shown says
`ingest/refusing.py`, and what has failed meanwhile `ingest/failing.py`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from jobfs.domain.quotas import size_in_words
from jobfs.domain.uploads import UploadState


class Problem(NamedTuple):
    """What is wrong, and what to do, in words for a photographer."""

    reason: str
    advice: str


_GO_ON = (
    "Send the file again; most programs can resume it. If yours finds nothing left to send, let it"
    " overwrite the file."
)
_SEND_ANEW = (
    "Send the file again, and let your program overwrite it, not resume it. If it comes back into this"
    " list, look whether it opens on your card or computer."
)

#: What to do about an incomplete file that was sent twice with the very same bytes.
LOOK_AT_THE_CARD = (
    "It was sent twice with the same end: look whether the file on the card or computer is whole."
)


def cut_off(size: int) -> Problem:
    """Say that the connection ended during the upload; *size* bytes arrived."""
    return Problem(f"the connection ended during the upload; {size:,} bytes arrived", _GO_ON)


def over_quota(quota: int, size: int) -> Problem:
    """Say that the account is full; *size* bytes of the file arrived."""
    return Problem(
        f"the account is full: its quota of {size_in_words(quota)} is used up; {size:,} bytes of the file"
        " arrived",
        "Delete what is not needed, or ask the studio for more room. Then send the file again.",
    )


def not_stored() -> Problem:
    """Say that a write failed."""
    return Problem(
        "a part of the file could not be stored while it was sent: the studio's disk may be full",
        "Tell the studio. When it has made room, send the file again.",
    )


def never_sent(gap: int) -> Problem:
    """Say that the client left out bytes, from the offset *gap* on."""
    return Problem(f"the part from byte {gap:,} on was never sent", _SEND_ANEW)


def truncated(clause: str) -> Problem:
    """Say what a picture's structure shows to be missing."""
    return Problem(clause, _SEND_ANEW)


def no_image() -> Problem:
    """Say that the file is none of the kinds that become photos."""
    return Problem(
        "the file is no picture of a kind that is known here; it is kept as it is",
        "If it is a photo, open it on your computer and send it as a JPEG.",
    )


#: What is said of a file in one of these states whose judgement left no words of its own.
BY_STATE: Final[Mapping[UploadState, Problem]] = {
    UploadState.INTERRUPTED: Problem(
        "The connection ended before the whole file had arrived.",
        _GO_ON,
    ),
    UploadState.INCOMPLETE: Problem(
        "The end of the file is missing.",
        _SEND_ANEW,
    ),
    UploadState.DAMAGED: Problem(
        "The file arrived as it was sent, but its picture cannot be decoded.",
        "Open the file on your computer, and send another copy if it does not open there.",
    ),
    UploadState.UNSUPPORTED: Problem(
        "The file is no picture of a kind that is known here; it is kept, and is no photo.",
        "Send photos as JPEG, HEIC, TIFF or PNG, or as the raw files of the camera.",
    ),
    UploadState.FAILED: Problem(
        "The file arrived whole, but the studio could not make a photo of it.",
        "Nothing needs to be sent again: the studio can retry it.",
    ),
}


def misplaced(note: str) -> Problem:
    """Say what `placement` points out about a folder."""
    return Problem(note, "Rename or move the folder, if that is not meant.")


def collision() -> Problem:
    """Say that another photo has taken the name of this one."""
    return Problem(
        "Another photo was sent under this name; both are kept.",
        "Nothing is lost. Send the earlier one under another name to see it again.",
    )
