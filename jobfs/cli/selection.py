"""Which of a job's photos a command is for."""

from collections.abc import Sequence

from jobfs.catalog.photo_listing import Photo
from jobfs.cli.output import printable
from jobfs.cli.refusals import NothingOfTheKindError
from jobfs.domain.names import entry_key


def in_album(listing: Sequence[Photo], album: str | None) -> Sequence[Photo]:
    """Return the photos of an album, of None all; raises NothingOfTheKindError for what is no album."""
    if album is None:
        return listing
    _require("album", album, {photo.album for photo in listing})
    return [photo for photo in listing if entry_key(photo.album) == entry_key(album)]


def require_rendition(listing: Sequence[Photo], name: str) -> None:
    """Raise NothingOfTheKindError if no photo has a rendition of that name."""
    _require("rendition", name, {one.name for photo in listing for one in photo.renditions})


def _require(kind: str, name: str, known: set[str]) -> None:
    if entry_key(name) not in {entry_key(one) for one in known}:
        listed = ", ".join(map(printable, sorted(known))) or "none"
        raise NothingOfTheKindError(f"the job's photos have no {kind} {name!r}; there is: {listed}")
