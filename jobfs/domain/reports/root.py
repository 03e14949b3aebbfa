"""`_NO_JOBS.txt` and `_CLOSED_JOBS.txt`: why somebody does not find a job, and whom to ask."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from jobfs.domain.reports.words import Studio, date_and_time, printable, text

#: How long a job that was closed is named.
REMEMBERED = timedelta(days=30)


class Closed(NamedTuple):
    """A job that may not be seen any more, and since when."""

    job: str
    at: datetime


def no_jobs(studio: Studio) -> bytes:
    """Return `_NO_JOBS.txt`."""
    return text(
        [
            "No job is open for you.",
            "",
            "You are connected, and nothing is wrong with your program. A job is shown here as a folder",
            "as long as the studio has it open for you. Folders of your own cannot be made here.",
            "",
            f"Ask {studio.whom_to_ask} to open your job.",
        ]
    )


def closed_jobs(jobs: Iterable[Closed], studio: Studio) -> bytes:
    """Return `_CLOSED_JOBS.txt`."""
    lines = [f"  {date_and_time(job.at, studio.zone)}  {printable(job.job)}" for job in jobs]
    return text(
        [
            "The studio has closed these jobs, so their folders are not shown any more:",
            "",
            *lines,
            "",
            "What had arrived by then is kept. What was being sent at that moment may finish.",
            f"If you have more photos for one of them, ask {studio.whom_to_ask} to open it again.",
            f"A job stays in this list for {REMEMBERED.days} days.",
        ]
    )
