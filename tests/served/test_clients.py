"""A folder of photos, dropped onto a job, and what becomes of each; for each client see `matrix`."""

from pathlib import Path
from typing import Any

from PIL import Image

from tests.served import clients, folder
from tests.served.folder import Sent
from tests.served.studio import Studio

EDGES = {"thumbnail": 256, "preview": 1024, "large": 2048}


def test_every_file_is_one_photo_of_its_album_and_section_with_its_renditions(
    studio: Studio, tmp_path: Path
) -> None:
    job = studio.new_job()
    sent = folder.make(tmp_path)

    answer = clients.sftp(studio, tmp_path, job)

    assert answer.status == 0, answer.said
    studio.wait_for_photos(job, len(sent))
    listed = studio.listing("photo", "list", job)
    assert sorted(map(told, listed)) == sorted(map(expected, sent))
    made = {photo["path"]: set(map(made_of, photo["renditions"])) for photo in listed}
    assert made == {photo.path: set(renditions(photo)) for photo in sent}
    assert studio.listing("problems", job) == []


def told(photo: dict[str, Any]) -> tuple[Any, ...]:
    """Return what `photo list` says of a photo, as far as the folder tells."""
    keys = ("path", "album", "section", "sha256", "size", "width", "height", "state")
    return tuple(photo[key] for key in keys)


def expected(photo: Sent) -> tuple[Any, ...]:
    size = len(photo.content)
    return (
        photo.path, photo.album, photo.section, photo.sha256, size, photo.width, photo.height,
        "ingested",
    )  # fmt: skip


def renditions(photo: Sent) -> list[tuple[str, int, int]]:
    """Return the names and sizes of the renditions that a photo must have."""
    return [(name, *photo.fitted(edge)) for name, edge in EDGES.items()]


def made_of(rendition: dict[str, Any]) -> tuple[str, int, int]:
    """Return the name of a rendition and the size that its file really has."""
    with Image.open(rendition["path"]) as image:
        image.load()
        assert image.size == (rendition["width"], rendition["height"])
        return rendition["name"], *image.size
