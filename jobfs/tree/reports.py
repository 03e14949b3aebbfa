"""The files that jobfs writes for photographers: where they stand, and what is in them.

Each is there for the account that looks, so its inode number names the account, too. No row stands
behind them: they are never photos, count for no quota, and nothing that is done to them does anything.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from jobfs.catalog import entries, problems, reports, usage
from jobfs.catalog.engine import Connection
from jobfs.catalog.problems import MISPLACED, Problem
from jobfs.domain import inodes, names
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.reports import files, receipt, root, status
from jobfs.domain.reports import problems as problem_list
from jobfs.domain.reports.files import AT_ROOT, IN_JOB, Address, Report
from jobfs.domain.reports.status import Facts, RefusedName
from jobfs.domain.reports.words import Studio
from jobfs.domain.uploads import UploadState
from jobfs.tree.refusals import NoSuchEntryError

#: Only what changes rows changes a text's size.
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Text(NamedTuple):
    """What is in a report; until *lasts* its size is the same while no row changes; None: nobody knows."""

    content: bytes
    lasts: datetime | None


def in_job(connection: Connection, account_id: int, job_id: int) -> list[int]:
    """Return the numbers of the reports in a job's own directory."""
    found = reports.job(connection, account_id, job_id)
    if found is None or not found.has_reports:
        return []
    return [_number(account_id, Address(report, job_id)) for report in IN_JOB]


def at_root(connection: Connection, account_id: int) -> list[int]:
    """Return the numbers of the reports beside an account's jobs, while they have something to say."""
    return [
        _number(account_id, Address(report, 0))
        for report in AT_ROOT
        if _is_at_root(connection, account_id, report)
    ]


def named(name: str, *, at_root: bool) -> Report | None:
    """Return the report that bears a name, in a job's own directory or beside the jobs."""
    return files.named(name, AT_ROOT if at_root else IN_JOB)


def require(connection: Connection, inode: Inode) -> Address:
    """Return which report a number names; raises NoSuchEntryError if it is not there any more."""
    address = files.address(inode.row)
    if address is not None and _is_there(connection, inode.account, address):
        return address
    raise NoSuchEntryError(f"no such file is there for account {inode.account}")


def name(number: int) -> str:
    """Return the name of the report with a number."""
    address = files.address(inodes.unpack(number).row)
    assert address is not None, "whoever asks has found it"
    return address.report.file_name


def may_be_kept(parent: int, raw_name: bytes) -> bool:
    """Whether a name in a directory is jobfs's own if that is a job's own, or holds the jobs."""
    at_root = inodes.unpack(parent).kind is Kind.ACCOUNT
    return names.is_reserved(raw_name.decode("utf-8", errors="replace"), at_root=at_root)


def is_kept(connection: Connection, parent: int, raw_name: bytes) -> bool:
    """Whether a name in a directory is jobfs's own: what is sent under it vanishes.

    Raises NoSuchEntryError if the directory may not be seen.
    """
    inode = inodes.unpack(parent)
    if inode.kind is not Kind.ENTRY:
        return inode.kind is Kind.ACCOUNT and names.is_reserved(
            names.entry_name(raw_name), at_root=True
        )
    directory = entries.visible(connection, inode.account, inode.row)
    if directory is None:
        raise NoSuchEntryError(f"entry {inode.row} is not there for account {inode.account}")
    return directory.parent_id is None and names.is_reserved(names.entry_name(raw_name))


def text(
    connection: Connection,
    number: int,
    *,
    studio: Studio,
    refused: list[RefusedName],
    now: datetime,
    free: int | None = None,
) -> Text:
    """Return what is in a report at this moment; raises NoSuchEntryError if it is not there.

    *free*: bytes left on the studio's disk, if somebody has looked.
    """
    inode = inodes.unpack(number)
    report, job_id = require(connection, inode)
    match report:
        case Report.NO_JOBS:
            return Text(root.no_jobs(studio), None)
        case Report.CLOSED_JOBS:
            closed = reports.closed_jobs(connection, inode.account)
            return Text(root.closed_jobs(closed, studio), None)
        case Report.PROBLEMS:
            found = problems.listing(connection, job_id)
            return Text(problem_list.render(map(_line, found)), _ALWAYS)
        case Report.RECEIPT:
            listed = _receipt(connection, inode.account, job_id, studio=studio, now=now)
            return Text(listed, _ALWAYS)
        case Report.STATUS:
            facts = _facts(connection, inode.account, job_id, refused=refused, now=now)
            told = status.render(replace(facts, free=free), studio=studio, now=now)
            return Text(told, _ALWAYS if facts.oldest is None else facts.oldest + status.LATELY)


def _number(account_id: int, address: Address) -> int:
    return inodes.pack(Kind.REPORT, account_id, files.row(address))


def _is_there(connection: Connection, account_id: int, address: Address) -> bool:
    if not address.job_id:
        return _is_at_root(connection, account_id, address.report)
    found = reports.job(connection, account_id, address.job_id)
    return found is not None and found.has_reports


def _is_at_root(connection: Connection, account_id: int, report: Report) -> bool:
    if not reports.are_wanted(connection, account_id):
        return False
    if report is Report.CLOSED_JOBS:
        return bool(reports.closed_jobs(connection, account_id))
    return not entries.job_directories(connection, account_id, after=0, limit=1)


def _job_name(connection: Connection, account_id: int, job_id: int) -> str:
    found = reports.job(connection, account_id, job_id)
    assert found is not None, "one transaction sees one state"
    return found.name


def _line(problem: Problem) -> problem_list.Line:
    return problem_list.Line(problem.path, problem.size, problem.text, problem.advice)


def _receipt(
    connection: Connection, account_id: int, job_id: int, *, studio: Studio, now: datetime
) -> bytes:
    of_job = reports.Files(connection, job_id)
    states, waiting = of_job.states, status.sort_waiting(of_job.waiting())
    others = sum(number for state, number in states.items() if state not in _IN_RECEIPT)
    others += len(waiting.unfinished) + len(waiting.empty) + waiting.undecided
    return receipt.render(
        _job_name(connection, account_id, job_id), of_job.verified(), of_job.stored(),
        others=others, studio=studio, now=now,
    )  # fmt: skip


#: States of files that the receipt names, or, of those that wait, may not even count.
_IN_RECEIPT = (UploadState.INGESTED, UploadState.UNSUPPORTED, UploadState.WAITING)


def _facts(
    connection: Connection,
    account_id: int,
    job_id: int,
    *,
    refused: list[RefusedName],
    now: datetime,
) -> Facts:
    of_job = reports.Files(connection, job_id)
    found = problems.listing(connection, job_id, states=of_job.states)
    lately, lately_in_all, oldest = of_job.lately(now - status.LATELY)
    return Facts(
        job=_job_name(connection, account_id, job_id), states=of_job.states,
        waiting=status.sort_waiting(of_job.waiting()),
        problems=sum(1 for one in found if one.kind != MISPLACED),
        folders=[one.text for one in found if one.kind == MISPLACED],
        lately=lately, lately_in_all=lately_in_all, oldest=oldest, refused=refused,
        usage=usage.of_account(connection, account_id),
    )  # fmt: skip
