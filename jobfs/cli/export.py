"""`jobfs photo export`: a job's photos become a folder tree again."""

from pathlib import Path

import click

from jobfs.catalog import jobs, photo_listing, sidecars
from jobfs.catalog.photo_listing import Photo
from jobfs.cli import targets
from jobfs.cli.exporting import Exporting
from jobfs.cli.named import JOB
from jobfs.cli.progress import progress
from jobfs.cli.selection import in_album, require_rendition
from jobfs.cli.studio import Studio
from jobfs.domain.quotas import size_in_words


@click.command()
@click.argument("job", type=JOB)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--rendition", metavar="NAME", help="Copy that rendition, e.g. preview, and not the originals."
)
@click.option("--album", metavar="NAME", help="Only the photos in that album.")
@click.option(
    "--all", "everything", is_flag=True,
    help="Also photos that are no longer current; their numbers are added to their names.",
)  # fmt: skip
@click.pass_obj
def export(
    studio: Studio,
    job: str,
    folder: Path,
    rendition: str | None,
    album: str | None,
    *,
    everything: bool,
) -> None:
    """Copy a job's photos into a folder.

    With the folders, names and times as they were sent, and the raw files and sidecars beside them;
    while they are copied they are compared with what was received. DIR is a new folder, an empty one, or
    an earlier export of the same: then only what is missing, or differs, is copied. Nothing is deleted in
    it.

    Exit status 1 if a photo could not be copied; the lines say why.
    """
    with studio.reading() as connection:
        found = jobs.by_name(connection, job)
        listing = photo_listing.listing(connection, found.id, everything=everything)
        beside = sidecars.listing(connection, found.id)
    if rendition is not None:
        require_rendition(listing, rendition)
    wanted = in_album(listing, album)
    shown = set() if rendition is not None else {photo.album for photo in wanted}
    spoken = [sidecar.file for sidecar in beside if sidecar.album in shown]
    length = sum(_size(photo, rendition) for photo in wanted) + sum(file.size for file in spoken)
    with (
        targets.opened(folder, {"job": found.name, "rendition": rendition}) as target,
        progress(length, found.name) as bar,
    ):
        exporting = Exporting(studio.store, target, rendition, bar)
        for photo in wanted:
            exporting.export(photo)
        for sidecar in spoken:
            exporting.export_sidecar(sidecar)
    _report(exporting)


def _size(photo: Photo, rendition: str | None) -> int:
    if rendition is None:
        return sum(original.size for original in photo.originals)
    return sum(one.size for one in photo.renditions if one.name == rendition)


def _report(exporting: Exporting) -> None:
    for path, reason in exporting.refused:
        click.echo(f"not copied: {path}: {reason}", err=True)
    with_sidecars = f" and {exporting.sidecars:,} sidecars" if exporting.sidecars else ""
    click.echo(
        f"copied {exporting.copied:,} photos{with_sidecars} ({size_in_words(exporting.size)}),"
        f" {exporting.unchanged:,} were there, {len(exporting.refused):,} not copied"
    )
    if exporting.refused:
        raise click.exceptions.Exit(1)
