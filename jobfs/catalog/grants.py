"""Grants: what an account may do in a job. Triggers append their events."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from jobfs.catalog.schema import AccountRow, GrantRow, JobRow
from jobfs.domain.jobs import Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What *account* may do in *job*, both by name."""

    account: str
    job: str
    right: Right


def grant(connection: Connection, account_id: int, job_id: int, right: Right) -> None:
    """Let an account into a job, or change what it may do there; safe to repeat."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    entry = insert(GrantRow).values(account_id=account_id, job_id=job_id, access=right.value)
    connection.execute(
        entry.on_conflict_do_update(
            index_elements=[GrantRow.account_id, GrantRow.job_id],
            set_={"access": entry.excluded.access},
            where=GrantRow.access != entry.excluded.access,
        )
    )


def revoke(connection: Connection, account_id: int, job_id: int) -> bool:
    """Take an account's grant away; False if there was none."""
    entry = delete(GrantRow).where(GrantRow.account_id == account_id, GrantRow.job_id == job_id)
    return connection.execute(entry).rowcount > 0


def of_account(connection: Connection, account_id: int) -> list[Grant]:
    """Return the account's own grants by job; `all_jobs` is the account's, not a grant."""
    query = _grants().where(GrantRow.account_id == account_id).order_by(JobRow.name_key)
    return [_grant(row) for row in connection.execute(query)]


def of_job(connection: Connection, job_id: int) -> list[Grant]:
    """Return what each account may do in a job, those with all jobs included, by account."""
    named = _grants().where(
        GrantRow.job_id == job_id, AccountRow.removed_at.is_(None), AccountRow.all_jobs.is_(False)
    )
    everywhere = (
        select(AccountRow.name, JobRow.name.label("job"))
        .join_from(AccountRow, JobRow, JobRow.id == job_id)
        .where(AccountRow.removed_at.is_(None), AccountRow.all_jobs)
    )
    granted = [_grant(row) for row in connection.execute(named)]
    granted += [
        Grant(account=row.name, job=row.job, right=Right.EDIT)
        for row in connection.execute(everywhere)
    ]
    return sorted(granted, key=_account)


def _account(granted: Grant) -> str:
    return granted.account


def _grants() -> Select[str, str, str]:
    return (
        select(AccountRow.name.label("account"), JobRow.name.label("job"), GrantRow.access)
        .join_from(GrantRow, AccountRow, AccountRow.id == GrantRow.account_id)
        .join(JobRow, JobRow.id == GrantRow.job_id)
    )


def _grant(row: Row[str, str, str]) -> Grant:
    return Grant(account=row.account, job=row.job, right=Right(row.access))
