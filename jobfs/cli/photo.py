"""`jobfs photo`: what uploads have become."""

import click

from jobfs.blobs.store import BlobStore
from jobfs.catalog import jobs, photos
from jobfs.catalog.photos import Photo
from jobfs.cli.output import Facts, json_option, print_listing
from jobfs.cli.studio import Studio


@click.command("list")
@click.argument("job")
@click.option(
    "--all", "everything", is_flag=True,
    help="Also photos that are no longer current: their name was taken by another, or removed.",
)  # fmt: skip
@json_option
@click.pass_obj
def list_photos(studio: Studio, job: str, *, everything: bool, as_json: bool) -> None:
    """List a job's photos.

    With the album and section that follow from their paths.
    """
    with studio.reading() as connection:
        job_id = jobs.by_name(connection, job).id
        listing = photos.listing(connection, job_id, everything=everything)
    lines = [_facts(photo, studio.store) for photo in listing]
    columns = ["id", "path", "album", "section", "state", "size", "width", "height", "captured"]
    if everything:
        columns.append("current")
    print_listing(lines, columns, as_json=as_json, timezone=studio.timezone)


def _facts(photo: Photo, store: BlobStore) -> Facts:
    renditions = [
        {
            "name": rendition.name, "width": rendition.width, "height": rendition.height,
            "size": rendition.size, "path": str(store.rendition(rendition.key)),
        }
        for rendition in photo.renditions
    ]  # fmt: skip
    return {
        "id": photo.id, "path": photo.path, "album": photo.album, "section": photo.section,
        "state": photo.state, "sha256": photo.sha256, "size": photo.size, "width": photo.width,
        "height": photo.height, "captured": photo.captured, "renditions": renditions,
        "current": photo.current,
    }  # fmt: skip
