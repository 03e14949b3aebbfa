"""What looking at a studio for the first time takes longer than afterwards, done before anybody looks.

SQLAlchemy makes SQL of each statement once, and SQLite a program of it: a millisecond or two for each, and
half of the time of a first listing. What is asked for is not there, so nothing is read.
"""

from jobfs.catalog import children, entries, latecomers, problems, reports, usage
from jobfs.catalog.engine import Connection

#: No row has it, not even one that somebody has made by hand.
_NOTHING = -1


def look(connection: Connection) -> None:
    """Ask what looks for names and numbers ask, and listings."""
    entries.account(connection, _NOTHING)
    entries.account_named(connection, "")
    entries.job_directories(connection, _NOTHING, after=_NOTHING, limit=1)
    entries.job_directory(connection, _NOTHING, "")
    entries.visible(connection, _NOTHING, _NOTHING)
    entries.existing(connection, _NOTHING)
    entries.child(connection, _NOTHING, _NOTHING, "")
    children.after(connection, _NOTHING, _NOTHING, limit=1)
    latecomers.of_account(connection, _NOTHING)
    reports.job(connection, _NOTHING, _NOTHING)
    reports.are_wanted(connection, _NOTHING)
    reports.closed_jobs(connection, _NOTHING)


def write_reports(connection: Connection) -> None:
    """Ask what the files that jobfs writes tell."""
    reports.job(connection, _NOTHING, _NOTHING)
    problems.listing(connection, _NOTHING)
    usage.of_account(connection, _NOTHING)
    files = reports.Files(connection, _NOTHING)
    files.verified()
    files.waiting()
