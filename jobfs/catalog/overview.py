"""Every job and entry, whatever the job's status and whoever was granted it: what root sees."""

from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, select

from jobfs.catalog.entries import ANY, Entry, entry_of
from jobfs.catalog.schema import AccountRow, EntryRow, JobRow
from jobfs.domain.names import entry_key


def job_directory(connection: Connection, job_name: str) -> Entry | None:
    """Return the directory of the job with this name, in any Unicode spelling of it."""
    for name in dict.fromkeys((entry_key(job_name), job_name)):  # plain SQL may have named it
        row = connection.execute(_JOB_DIRECTORY, {"name": name}).one_or_none()
        if row is not None:
            return entry_of(row)
    return None


def job_directories(connection: Connection, *, after: int, limit: int) -> list[Entry]:
    """Return up to *limit* job directories with ids above *after*, by id."""
    page = {"after": after, "most": limit}
    return [entry_of(row) for row in connection.execute(_JOB_DIRECTORIES, page)]


def children(connection: Connection, parent_id: int, *, after: int, limit: int) -> list[Entry]:
    """Return up to *limit* entries of a directory with ids above *after*, by id."""
    page = {"parent": parent_id, "after": after, "most": limit}
    return [entry_of(row) for row in connection.execute(_CHILDREN, page)]


def status(connection: Connection, job_id: int) -> str:
    """Return a job's status, as `jobfs.domain.jobs.JobStatus` has it."""
    return connection.execute(select(JobRow.status).where(JobRow.id == job_id)).scalar_one()


def account_names(connection: Connection) -> dict[int, str]:
    """Return the names of all accounts by their ids, removed ones too."""
    return dict(connection.execute(select(AccountRow.id, AccountRow.name)).all())


def account_name(connection: Connection, account_id: int) -> str:
    """Return an account's name, also of one that was removed."""
    return connection.execute(
        select(AccountRow.name).where(AccountRow.id == account_id)
    ).scalar_one()


def _page(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    after, most = bindparam("after", type_=BigInteger), bindparam("most", type_=BigInteger)
    return query.where(EntryRow.id > after).order_by(EntryRow.id).limit(most)


_STANDING = ANY.where(EntryRow.removed_at.is_(None))
_IS_A_JOBS = EntryRow.parent_id.is_(None)
_JOB_DIRECTORY = _STANDING.where(JobRow.name == bindparam("name"), _IS_A_JOBS)
_JOB_DIRECTORIES = _page(_STANDING.where(_IS_A_JOBS))
_CHILDREN = _page(_STANDING.where(EntryRow.parent_id == bindparam("parent")))
