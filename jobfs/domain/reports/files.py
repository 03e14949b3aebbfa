"""The files that jobfs writes for photographers: their names, where they stand, their numbers."""

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Report(enum.IntEnum):
    """A file that jobfs writes; the value is a part of its inode number, and 0 is none."""

    STATUS = 1
    PROBLEMS = 2
    RECEIPT = 3
    NO_JOBS = 4
    CLOSED_JOBS = 5

    @property
    def file_name(self) -> str:
        """The name it stands under."""
        return _NAMES[self]


_NAMES: Mapping[Report, str] = {
    Report.STATUS: "_STATUS.txt",
    Report.PROBLEMS: "_PROBLEMS.csv",
    Report.RECEIPT: "_RECEIPT.sha256",
    Report.NO_JOBS: "_NO_JOBS.txt",
    Report.CLOSED_JOBS: "_CLOSED_JOBS.txt",
}

#: In a job's own directory, always.
IN_JOB = (Report.STATUS, Report.PROBLEMS, Report.RECEIPT)
#: Beside the jobs, while there is something to say.
AT_ROOT = (Report.NO_JOBS, Report.CLOSED_JOBS)

_BITS = 3  # of a row, for the report
#: The widest job id that leaves room for them in an inode number's 40 bits.
MAX_JOB = (1 << (40 - _BITS)) - 1


class Address(NamedTuple):
    """Which report it is, and of which job; 0: of the account itself."""

    report: Report
    job_id: int


def row(address: Address) -> int:
    """Return the row part of a report's inode number."""
    return (address.job_id << _BITS) | address.report


def address(row: int) -> Address | None:
    """Take the row part of an inode number apart; None if it is no report's."""
    number, job_id = row & ((1 << _BITS) - 1), row >> _BITS
    places = IN_JOB if job_id else AT_ROOT
    return next((Address(report, job_id) for report in places if report == number), None)


def named(name: str, reports: Iterable[Report]) -> Report | None:
    """Return the one of these reports that bears a name."""
    return next((report for report in reports if report.file_name == name), None)
