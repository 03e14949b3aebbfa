"""What keeps ingest as a whole from its work; what it says of files is in `refusing.py`."""

from jobfs.errors import JobfsError


class DecoderStartError(JobfsError):
    """A decoder ends before it can work.

    EIO, as without it nothing is ingested.
    """

    advice = (
        "What it said is in the log above. `jobfs doctor` looks for the usual: too little memory, or a"
        " container that forbids what a decoder is confined by. Nothing needs to be sent again."
    )

    def __init__(self, how: str) -> None:
        super().__init__(f"a decoder cannot start: it ended {how}; what it said is above")
