"""`jobfs job sheet`: a folder with a page of a job's photos, to look at in any browser."""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from jobfs.blobs.store import BlobStore
from jobfs.catalog import jobs, photo_listing, problems
from jobfs.catalog.jobs import Job
from jobfs.catalog.photo_listing import Photo
from jobfs.cli.named import JOB
from jobfs.cli.output import cell
from jobfs.cli.page import Heading, Picture, page
from jobfs.cli.refusals import NotASheetError
from jobfs.cli.studio import Studio
from jobfs.domain.placement import Section

_PAGE, _THUMBNAILS = "index.html", "thumbnails"
#: What every page of ours has near its beginning, so that nobody else's is overwritten.
_SIGNATURE = '<meta name="generator" content="jobfs">'


@click.command()
@click.argument("name", type=JOB)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def sheet(studio: Studio, name: str, folder: Path) -> None:
    """Write a page of a job's photos.

    DIR gets an index.html with albums, sections, thumbnails and problems, that works from any
    folder or web server. An earlier sheet in DIR is replaced.
    """
    with studio.reading() as connection:
        job = jobs.by_name(connection, name)
        listing = photo_listing.listing(connection, job.id)
        faults = problems.listing(connection, job.id)
    _prepare(folder)
    pictures = _pictures(listing, studio.store, folder)
    _write(folder / _PAGE, page(_heading(studio, job), pictures, faults))
    _drop_others(folder, pictures)
    click.echo(f"wrote {folder / _PAGE}")


def _heading(studio: Studio, job: Job) -> Heading:
    return Heading(
        studio=studio.config.studio.name, job=job.name, title=job.title, status=job.status,
        at=cell(datetime.now(UTC), studio.timezone),
    )  # fmt: skip


def _prepare(folder: Path) -> None:
    """Make the folder, unless it holds something that is not ours."""
    there = set() if not folder.exists() else {path.name for path in folder.iterdir()}
    if there and not (
        _PAGE in there and _SIGNATURE in (folder / _PAGE).read_text("utf-8", "replace")
    ):
        raise NotASheetError(f"{folder} is neither empty nor an earlier sheet: name another folder")
    (folder / _THUMBNAILS).mkdir(parents=True, exist_ok=True)


def _pictures(listing: Sequence[Photo], store: BlobStore, folder: Path) -> list[Picture]:
    """Copy the thumbnails, and return the photos in the order of albums, sections and paths."""
    ordered = sorted(listing, key=_by_album_and_section)
    with click.progressbar(
        ordered, label="thumbnails", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as progress:
        return [_picture(photo, _copied(photo, store, folder)) for photo in progress]


def _by_album_and_section(photo: Photo) -> tuple[str, str, int, str]:
    order = list(Section).index(Section(photo.section))
    return photo.album.casefold(), photo.album, order, photo.path


def _picture(photo: Photo, thumbnail: str | None) -> Picture:
    return Picture(
        name=photo.path.rpartition("/")[2], album=photo.album, section=photo.section,
        width=photo.width, height=photo.height, size=photo.size, thumbnail=thumbnail,
    )  # fmt: skip


def _copied(photo: Photo, store: BlobStore, folder: Path) -> str | None:
    """Return the address of the copy on the page; None if there is nothing to copy (yet)."""
    for rendition in photo.renditions:
        if rendition.name == "thumbnail":
            address = f"{_THUMBNAILS}/{photo.id}.jpg"
            try:
                shutil.copyfile(store.rendition(rendition.key), folder / address)
            except FileNotFoundError:  # a new version has replaced it since the rows were read
                return None
            return address
    return None


def _write(file: Path, text: str) -> None:
    """Replace a file in one step, so that no browser shows half a page."""
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def _drop_others(folder: Path, pictures: Sequence[Picture]) -> None:
    """Delete the thumbnails of an earlier sheet whose photos are gone."""
    shown = {picture.thumbnail for picture in pictures}
    for file in (folder / _THUMBNAILS).glob("*.jpg"):
        if f"{_THUMBNAILS}/{file.name}" not in shown:
            file.unlink()
