"""What is said of files whose ingest has failed though another try may help; in the end, in words.

The cause is for whoever reads the log and `jobfs queue list`; the photographer gets the rest.
"""

from datetime import timedelta

from jobfs.ingest.outcomes import Broken

_RETRY = "The studio can retry it once it is repaired; nothing needs to be sent again."
_SAVE_ANEW = (
    "Open the picture on your computer, save it as a JPEG and send that. If it opens nowhere, the file is"
    " broken."
)


def unsafe(cause: str) -> Broken:
    """Say that a file harms the program that opens it."""
    return Broken(
        reason="the file could not be opened safely: jobfs had to stop each time it tried",
        advice=_SAVE_ANEW, cause=cause,
    )  # fmt: skip


def too_slow(limit: timedelta, cause: str = "") -> Broken:
    """Say that a file takes too long."""
    seconds = f"{limit.total_seconds():g} seconds"
    return Broken(
        reason=f"the file takes too long to open: more than {seconds}", advice=_SAVE_ANEW,
        cause=cause or f"its decoder took longer than {seconds}", is_slow=True,
    )  # fmt: skip


def lost(cause: str) -> Broken:
    """Say that the store no longer holds what was received."""
    return Broken(
        reason="jobfs has the file no longer as it was received",
        advice="Keep your copy: the studio must look after its storage, or you must send the file again.",
        cause=cause,
    )  # fmt: skip


def own_fault(cause: str) -> Broken:
    """Say that it is none of the file's doing."""
    return Broken(
        reason="jobfs could not make a photo of the file, through a fault of its own", advice=_RETRY,
        cause=cause,
    )  # fmt: skip
