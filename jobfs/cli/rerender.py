"""`jobfs photo rerender`: renditions are made anew, for instance after their settings have changed."""

from datetime import UTC, datetime

import click

from jobfs.catalog import checking, jobs, photo_listing, sidecars
from jobfs.cli.named import JOB
from jobfs.cli.selection import in_album
from jobfs.cli.studio import Studio

#: Tasks that are asked for in one transaction: SQLite keeps photographers waiting for its end.
_AT_ONCE = 100


@click.command()
@click.argument("job", type=JOB)
@click.option("--album", metavar="NAME", help="Only the photos in that album.")
@click.pass_obj
def rerender(studio: Studio, job: str, album: str | None) -> None:
    """Have the renditions of a job's photos made anew.

    Workers do it when no upload and no import waits, one photo after the other; until a photo has its
    new renditions it keeps the old ones. `jobfs queue list` shows how far they are. What the photos'
    files and sidecars say is read again as well. The originals stay as they are.
    """
    with studio.reading() as connection:
        job_id = jobs.by_name(connection, job).id
        wanted = in_album(photo_listing.listing(connection, job_id), album)
        beside = sidecars.listing(connection, job_id)
    shown = {photo.album for photo in wanted}
    uploads = [original.upload_id for photo in wanted for original in photo.originals]
    uploads += [sidecar.file.upload_id for sidecar in beside if sidecar.album in shown]
    for first in range(0, len(uploads), _AT_ONCE):
        _ask(studio, uploads[first : first + _AT_ONCE])
    click.echo(f"photos that wait for new renditions: {len(wanted):,}")


def _ask(studio: Studio, uploads: list[int]) -> None:
    now = datetime.now(UTC)
    with studio.writing() as connection:
        for upload_id in uploads:
            checking.ingest_again(connection, upload_id, now=now)
