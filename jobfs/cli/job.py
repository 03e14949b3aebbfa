"""`jobfs job`: make jobs, open and close them."""

from datetime import UTC, datetime

import click

from jobfs.catalog import grants, jobs
from jobfs.cli.named import JOB
from jobfs.cli.output import json_option, print_facts, print_listing
from jobfs.cli.studio import Studio
from jobfs.domain.jobs import JobStatus
from jobfs.tree import tellings

STATUSES = click.Choice([status.value for status in JobStatus], case_sensitive=False)


@click.command()
@click.argument("name")
@click.option("--title", default="", help="A line for people.")
@click.option("--status", type=STATUSES, default=JobStatus.PLANNED.value, show_default=True)
@click.pass_obj
def add(studio: Studio, name: str, title: str, status: str) -> None:
    """Add a job.

    While its status is planned, it is a folder NAME for every account that was granted it.
    """
    with studio.writing() as connection:
        jobs.add(connection, name, title=title, status=JobStatus(status), now=datetime.now(UTC))
    click.echo(f"added job {name}")


@click.command("list")
@json_option
@click.pass_obj
def list_jobs(studio: Studio, *, as_json: bool) -> None:
    """List every job.

    With its status, and how many files, photos and problems it has.
    """
    with studio.reading() as connection:
        listing = tellings.job_list(connection)
    columns = ("name", "status", "files", "photos", "problems", "created_at", "title")
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("name", type=JOB)
@json_option
@click.pass_obj
def show(studio: Studio, name: str, *, as_json: bool) -> None:
    """Show one job and who may do what in it."""
    with studio.reading() as connection:
        job = jobs.by_name(connection, name)
        (summary,) = tellings.job_list(connection, job.id)
        granted = grants.of_job(connection, job.id)
    accounts = [{"account": grant.account, "right": grant.right} for grant in granted]
    facts = {**summary, "accounts": accounts}
    print_facts(facts, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("name", type=JOB)
@click.argument("status", type=STATUSES)
@click.pass_obj
def status(studio: Studio, name: str, status: str) -> None:
    """Open a job to photographers, or close it.

    Only a planned job is a folder. A job with another status vanishes from connected clients at
    once, and comes back as it was when it is planned again.
    """
    wanted = JobStatus(status)
    with studio.writing() as connection:
        job = jobs.by_name(connection, name)
        jobs.set_status(connection, job.id, wanted)
    click.echo(f"job {job.name} is {wanted.label}")


@click.command()
@click.argument("old", type=JOB)
@click.argument("new")
@click.pass_obj
def rename(studio: Studio, old: str, new: str) -> None:
    """Give a job another name.

    Its photos, its grants and its files' inode numbers stay; uploads that are under way finish.
    """
    with studio.writing() as connection:
        jobs.rename(connection, jobs.by_name(connection, old).id, new)
    click.echo(f"renamed job {old} to {new}")
