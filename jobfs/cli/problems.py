"""`jobfs problems`: what went wrong, and what to do about it."""

import click

from jobfs.catalog import jobs
from jobfs.cli.named import JOB
from jobfs.cli.output import json_option, print_listing
from jobfs.cli.studio import Studio
from jobfs.tree import tellings


@click.command()
@click.argument("job", type=JOB, required=False)
@json_option
@click.pass_obj
def problems(studio: Studio, job: str | None, *, as_json: bool) -> None:
    """List what went wrong, and what to do.

    In every job, or in JOB only. A line goes when its file arrives whole, or is deleted.
    """
    with studio.reading() as connection:
        job_id = None if job is None else jobs.by_name(connection, job).id
        listing = tellings.problem_list(connection, job_id)
    columns = (
        ["path", "kind", "text", "advice"] if job else ["job", "path", "kind", "text", "advice"]
    )
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)
