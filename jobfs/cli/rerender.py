"""`jobfs photo rerender`: renditions are made anew, for instance after their settings have changed."""

from datetime import UTC, datetime

import click

from jobfs.catalog import jobs, originals, photos, tasks
from jobfs.cli.selection import in_album
from jobfs.cli.studio import Studio


@click.command()
@click.argument("job")
@click.option("--album", metavar="NAME", help="Only the photos in that album.")
@click.pass_obj
def rerender(studio: Studio, job: str, album: str | None) -> None:
    """Have the renditions of a job's photos made anew.

    Workers do it, one photo after the other; until a photo has its new renditions it keeps the old ones.
    `jobfs queue list` shows how far they are. The originals stay as they are.
    """
    now = datetime.now(UTC)
    with studio.writing() as connection:
        job_id = jobs.by_name(connection, job).id
        known = originals.of_job(connection, job_id)
        wanted = in_album(photos.listing(connection, job_id), album)
        for photo in wanted:
            tasks.enqueue(connection, known[photo.id].upload_id, not_before=now)
    click.echo(f"photos that wait for new renditions: {len(wanted):,}")
