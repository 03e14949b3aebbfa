"""`jobfs problems`: what went wrong, and what to do about it."""

import click

from jobfs.catalog import jobs
from jobfs.catalog import problems as catalog
from jobfs.catalog.problems import Problem
from jobfs.cli.output import Facts, json_option, print_listing
from jobfs.cli.studio import Studio


@click.command()
@click.argument("job", required=False)
@json_option
@click.pass_obj
def problems(studio: Studio, job: str | None, *, as_json: bool) -> None:
    """List what went wrong, and what to do.

    In every job, or in JOB only. A line goes when its file arrives whole, or is deleted.
    """
    with studio.reading() as connection:
        job_id = None if job is None else jobs.by_name(connection, job).id
        listing = [_facts(problem) for problem in catalog.listing(connection, job_id)]
    columns = (
        ["path", "kind", "text", "advice"] if job else ["job", "path", "kind", "text", "advice"]
    )
    print_listing(listing, columns, as_json=as_json, timezone=studio.timezone)


def _facts(problem: Problem) -> Facts:
    return {
        "job": problem.job, "path": problem.path, "kind": problem.kind, "text": problem.text,
        "advice": problem.advice, "size": problem.size, "at": problem.at,
    }  # fmt: skip
