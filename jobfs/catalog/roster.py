"""The names of accounts and jobs that events speak of by their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from jobfs.catalog.feed import Event
from jobfs.catalog.schema import AccountRow, JobRow


@dataclass(frozen=True, slots=True)
class Names:
    """Names by ids; what was erased, or never was, has none."""

    accounts: Mapping[int, str]
    jobs: Mapping[int, str]

    def account(self, account_id: int | None) -> str | None:
        """Return an account's name, also of one that was removed."""
        return None if account_id is None else self.accounts.get(account_id)

    def job(self, job_id: int | None) -> str | None:
        """Return a job's present name."""
        return None if job_id is None else self.jobs.get(job_id)


def names(connection: Connection, events: Sequence[Event]) -> Names:
    """Return the names of all accounts and jobs that some events speak of."""
    account_ids = {event.account_id for event in events if event.account_id is not None}
    job_ids = {event.job_id for event in events if event.job_id is not None}
    accounts = select(AccountRow.id, AccountRow.name).where(AccountRow.id.in_(account_ids))
    jobs = select(JobRow.id, JobRow.name).where(JobRow.id.in_(job_ids))
    return Names(
        dict(connection.execute(accounts).all()),
        dict(connection.execute(jobs).all()),
    )
