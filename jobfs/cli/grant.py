"""`jobfs grant` and `jobfs revoke`: who may do what in which job."""

import click

from jobfs.catalog import accounts, feed, grants, jobs
from jobfs.cli.named import ACCOUNT, JOB
from jobfs.cli.refusals import HasAllJobsError
from jobfs.cli.studio import Studio
from jobfs.cli.takeover import wait_for_login
from jobfs.domain.jobs import Right

RIGHTS = click.Choice([right.value for right in Right], case_sensitive=False)


@click.command()
@click.argument("account", type=ACCOUNT)
@click.argument("job", type=JOB)
@click.option("--right", type=RIGHTS, default=Right.EDIT.value, show_default=True)
@click.pass_obj
def grant(studio: Studio, account: str, job: str, right: str) -> None:
    """Let an account into a job.

    With the right to read; to add, and to change what it added itself; or to edit everything.
    Granting again changes the right.
    """
    with studio.writing() as connection:
        account_id = accounts.by_name(connection, account).id
        job_id = jobs.by_name(connection, job).id
        grants.grant(connection, account_id, job_id, Right(right))
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    click.echo(f"granted {account} the right to {right} {job}")


@click.command()
@click.argument("account", type=ACCOUNT)
@click.argument("job", type=JOB)
@click.pass_obj
def revoke(studio: Studio, account: str, job: str) -> None:
    """Keep an account out of a job again.

    What it sent stays.
    """
    with studio.writing() as connection:
        holder = accounts.by_name(connection, account)
        if holder.all_jobs:
            raise HasAllJobsError(f"{account} was added with --all-jobs, so it has {job!r} as well")
        was_granted = grants.revoke(connection, holder.id, jobs.by_name(connection, job).id)
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)
    click.echo(
        f"revoked {job} from {account}" if was_granted else f"{account} had no grant for {job}"
    )
