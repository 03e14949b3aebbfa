"""`jobfs photo`: what uploads have become."""

from typing import Any

import click

from jobfs.blobs.store import BlobStore
from jobfs.catalog import descriptions, jobs, photo_listing
from jobfs.catalog.descriptions import Description, Place
from jobfs.catalog.photo_listing import Original, Photo
from jobfs.cli.named import JOB
from jobfs.cli.output import Facts, json_option, print_facts, print_listing
from jobfs.cli.studio import Studio
from jobfs.domain.names import folded


@click.command("list")
@click.argument("job", type=JOB)
@click.option(
    "--all", "everything", is_flag=True,
    help="Also photos that are no longer current: their name was taken by another, or removed.",
)  # fmt: skip
@click.option("--keyword", metavar="WORD", help="Only photos with that keyword, whatever its case.")
@json_option
@click.pass_obj
def list_photos(
    studio: Studio, job: str, *, everything: bool, keyword: str | None, as_json: bool
) -> None:
    """List a job's photos.

    With the album and section that follow from their paths.
    """
    with studio.reading() as connection:
        job_id = jobs.by_name(connection, job).id
        listing = photo_listing.listing(connection, job_id, everything=everything)
    if keyword is not None:
        listing = [photo for photo in listing if _has(photo, keyword)]
    lines = [_facts(photo, studio.store) for photo in listing]
    columns = ["id", "path", "album", "section", "state", "size", "width", "height", "captured"]
    if everything:
        columns.append("current")
    print_listing(lines, columns, as_json=as_json, timezone=studio.timezone)


@click.command()
@click.argument("photo_id", metavar="ID", type=int)
@click.option("--private", is_flag=True, help="Also where it was taken, if the file says so.")
@json_option
@click.pass_obj
def show(studio: Studio, photo_id: int, *, private: bool, as_json: bool) -> None:
    """Show all that is known of one photo.

    From its file and the sidecars beside it. Where it was taken is shown only if you ask.
    """
    with studio.reading() as connection:
        photo = photo_listing.one(connection, photo_id)
        whole = descriptions.whole(connection, photo.row_id)
        place = descriptions.place(connection, photo.row_id) if private else None
    facts = {"job": photo.job, **_facts(photo, studio.store)}
    facts["uploader"] = photo.originals[0].uploader
    if private:
        facts["place"] = None if place is None else _place(place)
    facts["metadata"] = whole
    if not as_json:
        facts = {name: _in_lines(fact) for name, fact in facts.items()}
    print_facts(facts, as_json=as_json, timezone=studio.timezone)


def _has(photo: Photo, keyword: str) -> bool:
    return folded(keyword) in map(folded, photo.known.keywords)


def _in_lines(fact: object) -> object:
    """Return a fact as `print_facts` has lines for it."""
    if isinstance(fact, str) and "\n" in fact:
        return fact.splitlines()
    return _lines(fact) if isinstance(fact, dict) else fact


def _lines(whole: object, above: str = "") -> list[str]:
    """Return a line for each value of a tree, with the names that lead to it."""
    match whole:
        case dict():
            return [
                line for name, part in whole.items() for line in _lines(part, f"{above} {name}")
            ]
        case list() if any(isinstance(part, dict | list) for part in whole):
            return [line for part in whole for line in _lines(part, above)]
        case list():
            return [f"{above.strip()}: {', '.join(map(str, whole))}"]
        case _:
            return [f"{above.strip()}: {' '.join(str(whole).split())}"]


def _place(place: Place) -> Facts:
    return {
        "latitude": place.latitude, "longitude": place.longitude, "altitude": place.altitude,
        "written": place.whole,
    }  # fmt: skip


def _known(known: Description) -> Facts:
    return {
        "make": known.make, "model": known.model, "serial": known.serial, "lens": known.lens,
        "orientation": known.orientation, "title": known.title, "caption": known.caption,
        "keywords": list(known.keywords), "creators": list(known.creators),
        "copyright": known.copyright, "rating": known.rating,
    }  # fmt: skip


def _facts(photo: Photo, store: BlobStore) -> dict[str, Any]:
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
        "current": photo.current, "originals": [_original(one) for one in photo.originals],
        "codes": [{"format": code.format, "text": code.text} for code in photo.codes],
        **_known(photo.known),
    }  # fmt: skip


def _original(original: Original) -> Facts:
    return {
        "path": original.path, "format": original.format, "sha256": original.sha256,
        "size": original.size,
    }  # fmt: skip
