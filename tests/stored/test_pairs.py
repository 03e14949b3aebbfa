"""A raw file and a JPEG of one capture: one photo with two originals."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select, update

from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import entries, jobs, photo_listing, photos, problems, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.photo_listing import Photo
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.schema import Base, BlobRow, PhotoRow
from jobfs.catalog.uploads import Upload
from jobfs.config import IngestConfig, standard_renditions
from jobfs.database import Database
from jobfs.domain.events import EventKind
from jobfs.domain.exif import Shot
from jobfs.ingest import pipeline
from jobfs.ingest.decoder import open_decoders
from tests.pure.raws import dng
from tests.stored import studio
from tests.stored.imported import ImportedJob
from tests.stored.sending import claimed, now, pending, picture, shot_at
from tests.stored.studio import NOON
from tests.stored.wedding import BLUE, GREEN, LATER, OTHER_SHOT, RED, SHOT, Wedding

RAW, OTHER_RAW = dng(), dng((20, 90, 200))
JPEG_NAMES = (".jpg", ".jpeg")


@pytest.fixture
def wedding(catalog: Catalog, store: BlobStore) -> Wedding:
    wedding = Wedding.add(catalog, store)
    wedding.mkdir("Wedding/A")
    wedding.mkdir("Wedding/B")
    return wedding


def ingest(wedding: Wedding, upload: Upload, shot: Shot = SHOT) -> int:
    is_jpeg = upload.name.lower().endswith(JPEG_NAMES)
    return wedding.ingest(upload, shot, format_name="JPEG" if is_jpeg else "DNG")


def send(wedding: Wedding, path: str, shot: Shot = SHOT, *, data: bytes | None = None) -> int:
    """Send a file and have it ingested; returns the id of its photo."""
    content = data or (RED if path.lower().endswith(JPEG_NAMES) else RAW)
    return ingest(wedding, wedding.send(f"Wedding/{path}", content), shot)


def send_again(wedding: Wedding, path: str, shot: Shot, *, data: bytes) -> int:
    """Overwrite a file and have it ingested; returns the id of its photo."""
    return ingest(wedding, wedding.overwrite(f"Wedding/{path}", data), shot)


def move(wedding: Wedding, old: str, new: str) -> None:
    wedding.move(f"Wedding/{old}", f"Wedding/{new}")


def restore(wedding: Wedding, path: str) -> None:
    (item,) = [item for item in wedding.trash() if item.path == path]
    wedding.restore(item.id)


def listed(wedding: Wedding, *, everything: bool = False) -> list[Photo]:
    return wedding.do(photo_listing.listing, wedding.job_id, everything=everything)


def shown(wedding: Wedding, *, everything: bool = False) -> list[tuple[int, list[str]]]:
    """Return each photo's id and the paths of its originals."""
    photos = listed(wedding, everything=everything)
    return [(photo.id, [original.path for original in photo.originals]) for photo in photos]


def attribute(wedding: Wedding, path: str) -> int | None:
    """Return the photo that a file's attributes name."""
    inode = wedding.do(studio.look, wedding.anna, f"Wedding/{path}").inode
    return wedding.do(entries.photo_of, studio.entry_of(inode))


def a_pair(wedding: Wedding) -> int:
    """Send a JPEG and its raw file; returns the id of their photo."""
    photo = send(wedding, "A/1.JPG")
    assert send(wedding, "A/1.DNG") == photo
    return photo


# --- joining ---


@pytest.mark.parametrize(
    "order", [("A/1.JPG", "A/1.DNG"), ("A/1.DNG", "A/1.JPG")], ids=["JPEG first", "raw first"]
)
def test_a_raw_file_and_a_jpeg_of_one_capture_are_one_photo(
    wedding: Wedding, order: tuple[str, str]
) -> None:
    first = send(wedding, order[0])
    second = send(wedding, order[1])

    (photo,) = listed(wedding)
    assert first == second == photo.id
    assert (photo.path, photo.sha256, photo.size) == ("A/1.JPG", RED.hex(), len(RED))
    assert [(one.path, one.format, one.sha256, one.size) for one in photo.originals] == [
        ("A/1.JPG", "JPEG", RED.hex(), len(RED)),
        ("A/1.DNG", "DNG", RAW.hex(), len(RAW)),
    ]
    assert (photo.state, photo.current) == ("ingested", True)
    assert attribute(wedding, "A/1.JPG") == attribute(wedding, "A/1.DNG") == photo.id
    assert shown(wedding, everything=True) == [(photo.id, ["A/1.JPG", "A/1.DNG"])]


def test_a_photo_shows_the_raw_file_until_the_jpeg_comes(wedding: Wedding) -> None:
    photo = send(wedding, "A/1.DNG")
    assert shown(wedding) == [(photo, ["A/1.DNG"])]
    (raw_rendition,) = listed(wedding)[0].renditions

    send(wedding, "A/1.JPG")

    (jpeg_rendition,) = listed(wedding)[0].renditions
    assert jpeg_rendition.key != raw_rendition.key
    assert {jpeg_rendition.key, raw_rendition.key} <= wedding.files()


@pytest.mark.parametrize(
    ("jpeg", "raw"),
    [("A/Köln.JPG", "A/KO\u0308LN.dng"), ("A/1.jpeg", "A/1.DNG"), ("A/1.2.jpg", "A/1.2.DNG")],
)
def test_base_names_are_compared_without_case_spelling_and_extension(
    wedding: Wedding, jpeg: str, raw: str
) -> None:
    photo = send(wedding, jpeg)
    send(wedding, raw)

    assert shown(wedding) == [(photo, [jpeg, raw])]


@pytest.mark.parametrize(
    ("path", "shot"),
    [
        ("A/2.DNG", SHOT),
        ("A/1.2.DNG", SHOT),
        ("B/1.DNG", SHOT),
        ("A/1.DNG", OTHER_SHOT),
        ("A/1.DNG", replace(SHOT, serial="43")),
        ("A/1.DNG", Shot()),
        ("A/1.jpeg", SHOT),
    ],
    ids=["name", "longer name", "directory", "second", "camera", "no capture data", "both JPEGs"],
)
def test_what_differs_makes_two_photos(wedding: Wedding, path: str, shot: Shot) -> None:
    jpeg = send(wedding, "A/1.JPG")
    other = send(wedding, path, shot)

    assert sorted(shown(wedding)) == [(jpeg, ["A/1.JPG"]), (other, [path])]


def test_two_files_without_capture_data_are_two_photos(wedding: Wedding) -> None:
    send(wedding, "A/1.JPG", Shot())
    send(wedding, "A/1.DNG", Shot())

    assert len(listed(wedding)) == 2


def test_a_pair_is_a_photo_and_no_problem(wedding: Wedding) -> None:
    a_pair(wedding)

    (summary,) = wedding.do(jobs.listing, wedding.job_id)
    assert (summary.files, summary.photos, summary.problems) == (2, 1, 0)
    assert wedding.do(problems.listing) == []


def test_every_original_of_a_pair_is_an_event_with_the_id_of_the_photo(wedding: Wedding) -> None:
    photo = send(wedding, "A/1.DNG")
    send(wedding, "A/1.JPG")

    assert [one.photo_id for one in wedding.events(EventKind.PHOTO_INGESTED)] == [photo, photo]


@pytest.mark.parametrize("raws_first", [False, True])
def test_a_raw_file_and_its_conversion_stand_beside_one_jpeg(
    wedding: Wedding, *, raws_first: bool
) -> None:
    raws, jpeg = ["A/1.ARW", "A/1.DNG"], ["A/1.JPG"]
    for path in [*raws, *jpeg] if raws_first else [*jpeg, *raws]:
        send(wedding, path)

    (photo,) = listed(wedding)
    assert [original.path for original in photo.originals] == ["A/1.JPG", "A/1.ARW", "A/1.DNG"]


def test_of_two_jpegs_one_has_the_raw_file(wedding: Wedding) -> None:
    first = send(wedding, "A/1.JPG")
    second = send(wedding, "A/1.jpg", data=BLUE)
    send(wedding, "A/1.DNG")

    assert sorted(shown(wedding)) == [(first, ["A/1.JPG", "A/1.DNG"]), (second, ["A/1.jpg"])]


# --- the same names again ---


def test_rendering_a_pair_again_changes_nothing_but_renditions(
    wedding: Wedding,
) -> None:
    photo = a_pair(wedding)
    before = listed(wedding)
    for original in before[0].originals:
        wedding.do(tasks.enqueue, original.upload_id, now=now())
        assert ingest(wedding, wedding.do(uploads.get, original.upload_id)) == photo

    (after,) = listed(wedding)
    assert replace(after, renditions=()) == replace(before[0], renditions=())
    assert after.renditions != before[0].renditions


def test_a_new_version_of_either_is_one_of_the_photo(wedding: Wedding) -> None:
    photo = a_pair(wedding)

    assert send_again(wedding, "A/1.JPG", SHOT, data=BLUE) == photo
    assert send_again(wedding, "A/1.DNG", SHOT, data=OTHER_RAW) == photo

    (there,) = listed(wedding, everything=True)
    assert [one.sha256 for one in there.originals] == [BLUE.hex(), OTHER_RAW.hex()]


def test_a_jpeg_saved_without_its_capture_data_stays_with_its_raw_file(wedding: Wedding) -> None:
    photo = a_pair(wedding)

    send_again(wedding, "A/1.JPG", Shot(), data=BLUE)

    assert shown(wedding) == [(photo, ["A/1.JPG", "A/1.DNG"])]


def test_deleted_and_sent_anew_is_the_same_photo_all_along(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    for name, data in (("A/1.JPG", BLUE), ("A/1.DNG", OTHER_RAW)):
        wedding.unlink(f"Wedding/{name}")
        assert [one.id for one in listed(wedding)] == [photo]

        upload = wedding.send(f"Wedding/{name}", data)
        assert [one.id for one in listed(wedding)] == [photo]

        assert ingest(wedding, upload) == photo
        assert shown(wedding, everything=True) == [(photo, ["A/1.JPG", "A/1.DNG"])]


def test_another_picture_in_the_jpegs_name_leaves_the_photo_to_the_raw_file(
    wedding: Wedding,
) -> None:
    """Two cameras, or a counter that rolled over: all three were wanted."""
    photo = a_pair(wedding)

    other = send_again(wedding, "A/1.JPG", OTHER_SHOT, data=BLUE)

    assert sorted(shown(wedding)) == [(photo, ["A/1.DNG"]), (other, ["A/1.JPG"])]
    (earlier,) = [one for one in listed(wedding, everything=True) if not one.current]
    assert (earlier.path, earlier.sha256) == ("A/1.JPG", RED.hex())
    assert [one.kind for one in wedding.do(problems.listing)] == ["collision"]


def test_another_picture_in_the_raw_files_name_leaves_the_photo_to_the_jpeg(
    wedding: Wedding,
) -> None:
    photo = a_pair(wedding)

    other = send_again(wedding, "A/1.DNG", OTHER_SHOT, data=OTHER_RAW)

    assert sorted(shown(wedding)) == [(photo, ["A/1.JPG"]), (other, ["A/1.DNG"])]
    (earlier,) = [one for one in listed(wedding, everything=True) if not one.current]
    assert (earlier.path, earlier.sha256) == ("A/1.DNG", RAW.hex())


def test_another_picture_in_both_names_is_another_pair(wedding: Wedding) -> None:
    a_pair(wedding)

    send_again(wedding, "A/1.JPG", OTHER_SHOT, data=BLUE)
    other = send_again(wedding, "A/1.DNG", OTHER_SHOT, data=OTHER_RAW)

    assert shown(wedding) == [(other, ["A/1.JPG", "A/1.DNG"])]
    assert sum(not one.current for one in listed(wedding, everything=True)) == 2


def test_the_earlier_picture_sent_again_joins_its_raw_file_again(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    send_again(wedding, "A/1.JPG", OTHER_SHOT, data=BLUE)

    assert send_again(wedding, "A/1.JPG", SHOT, data=RED) == photo

    assert shown(wedding) == [(photo, ["A/1.JPG", "A/1.DNG"])]


# --- deleting and restoring ---


def test_deleting_the_raw_file_leaves_the_jpeg(wedding: Wedding) -> None:
    photo = a_pair(wedding)

    wedding.unlink("Wedding/A/1.DNG")

    assert shown(wedding) == [(photo, ["A/1.JPG"])]
    assert shown(wedding, everything=True) == [(photo, ["A/1.JPG"])]


def test_deleting_the_jpeg_leaves_the_raw_file_with_renditions_of_its_own(
    wedding: Wedding,
) -> None:
    photo = a_pair(wedding)
    before = {one.key for one in listed(wedding)[0].renditions}

    wedding.unlink("Wedding/A/1.JPG")

    (there,) = listed(wedding, everything=True)
    assert (there.id, there.path, there.sha256) == (photo, "A/1.DNG", RAW.hex())
    assert [one.path for one in there.originals] == ["A/1.DNG"]
    keys = {one.key for one in there.renditions}
    assert keys <= wedding.files()
    assert keys.isdisjoint(before)
    assert attribute(wedding, "A/1.DNG") == photo


def test_deleting_both_leaves_a_photo_that_is_not_current(wedding: Wedding) -> None:
    photo = a_pair(wedding)

    wedding.unlink("Wedding/A/1.JPG")
    wedding.unlink("Wedding/A/1.DNG")

    assert listed(wedding) == []
    (there,) = listed(wedding, everything=True)
    assert (there.id, there.path, there.current) == (photo, "A/1.JPG", False)


@pytest.mark.parametrize("name", ["A/1.JPG", "A/1.DNG"])
def test_restoring_one_joins_it_again(wedding: Wedding, name: str) -> None:
    photo = a_pair(wedding)
    wedding.unlink(f"Wedding/{name}")

    restore(wedding, name)

    assert shown(wedding) == [(photo, ["A/1.JPG", "A/1.DNG"])]


def test_a_jpeg_restored_beside_a_raw_file_that_came_later_joins_it(wedding: Wedding) -> None:
    send(wedding, "A/1.JPG")
    wedding.unlink("Wedding/A/1.JPG")
    raw = send(wedding, "A/1.DNG")

    restore(wedding, "A/1.JPG")

    assert shown(wedding, everything=True) == [(raw, ["A/1.JPG", "A/1.DNG"])]


def test_one_restored_under_another_name_is_a_photo_of_its_own(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    wedding.unlink("Wedding/A/1.DNG")
    wedding.mkdir("Wedding/A/1.DNG")

    restore(wedding, "A/1.DNG")

    (raw,) = [one for one in shown(wedding) if one[0] != photo]
    assert (photo, ["A/1.JPG"]) in shown(wedding)
    assert raw[1] == ["A/1 (restored).DNG"]


def test_a_jpeg_of_another_spelling_takes_the_place_of_a_deleted_one(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    wedding.unlink("Wedding/A/1.JPG")

    assert send(wedding, "A/1.jpg") == photo

    assert shown(wedding) == [(photo, ["A/1.jpg", "A/1.DNG"])]


# --- moving ---


@pytest.mark.parametrize("name", ["B/1", "A/2"], ids=["directory", "base name"])
def test_the_jpeg_keeps_the_id_when_it_leaves_the_raw_file(wedding: Wedding, name: str) -> None:
    photo = a_pair(wedding)

    move(wedding, "A/1.JPG", f"{name}.JPG")

    (jpeg,) = [one for one in listed(wedding) if one.id == photo]
    (raw,) = [one for one in listed(wedding) if one.id != photo]
    assert (jpeg.path, raw.path) == (f"{name}.JPG", "A/1.DNG")
    assert len(jpeg.originals) == len(raw.originals) == len(raw.renditions) == 1


@pytest.mark.parametrize("name", ["B/1", "A/2"], ids=["directory", "base name"])
def test_the_jpeg_keeps_the_id_when_the_raw_file_leaves_it(wedding: Wedding, name: str) -> None:
    photo = a_pair(wedding)

    move(wedding, "A/1.DNG", f"{name}.DNG")

    (jpeg,) = [one for one in listed(wedding) if one.id == photo]
    (raw,) = [one for one in listed(wedding) if one.id != photo]
    assert (jpeg.path, raw.path) == ("A/1.JPG", f"{name}.DNG")


@pytest.mark.parametrize("names", [("JPG", "DNG"), ("DNG", "JPG")], ids=["JPEG", "raw"])
@pytest.mark.parametrize("sent", [("JPG", "DNG"), ("DNG", "JPG")], ids=["JPEG", "raw"])
def test_both_renamed_one_after_the_other_are_one_photo_again(
    wedding: Wedding, sent: tuple[str, str], names: tuple[str, str]
) -> None:
    photo = send(wedding, f"A/1.{sent[0]}")
    send(wedding, f"A/1.{sent[1]}")

    for ending in names:
        move(wedding, f"A/1.{ending}", f"A/Anna.{ending}")

    assert shown(wedding, everything=True) == [(photo, ["A/Anna.JPG", "A/Anna.DNG"])]


def test_a_directory_takes_its_pairs_along(wedding: Wedding) -> None:
    photo = a_pair(wedding)

    move(wedding, "A", "B/C")

    assert shown(wedding) == [(photo, ["B/C/1.JPG", "B/C/1.DNG"])]


def test_photos_that_a_rename_brings_together_are_the_jpegs(wedding: Wedding) -> None:
    raw = send(wedding, "B/1.DNG")
    jpeg = send(wedding, "A/1.JPG")
    assert raw != jpeg

    move(wedding, "B/1.DNG", "A/1.DNG")

    assert shown(wedding) == [(jpeg, ["A/1.JPG", "A/1.DNG"])]


def test_a_raw_file_that_was_left_alone_takes_the_id_along(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    wedding.unlink("Wedding/A/1.JPG")

    move(wedding, "A/1.DNG", "B/1.DNG")
    restore(wedding, "A/1.JPG")

    (other,) = [one for one in shown(wedding) if one[0] != photo]
    assert (photo, ["B/1.DNG"]) in shown(wedding)
    assert other[1] == ["A/1.JPG"]


def test_another_file_moved_over_the_jpeg_leaves_the_photo_to_the_raw_file(
    wedding: Wedding,
) -> None:
    photo = a_pair(wedding)
    other = send(wedding, "B/2.JPG", OTHER_SHOT, data=GREEN)

    move(wedding, "B/2.JPG", "A/1.JPG")

    assert sorted(shown(wedding)) == [(photo, ["A/1.DNG"]), (other, ["A/1.JPG"])]


# --- the trash is emptied ---


def test_a_purged_jpeg_leaves_the_id_to_the_raw_file(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    wedding.unlink("Wedding/A/1.JPG")

    purged = wedding.purge(removed_before=LATER)

    assert (purged.uploads, len(purged.originals), len(purged.renditions)) == (1, 1, 1)
    assert shown(wedding, everything=True) == [(photo, ["A/1.DNG"])]
    assert listed(wedding)[0].renditions[0].key not in purged.renditions
    assert send(wedding, "A/1.JPG") == photo
    assert shown(wedding, everything=True) == [(photo, ["A/1.JPG", "A/1.DNG"])]


def test_a_purged_raw_file_leaves_the_jpeg(wedding: Wedding) -> None:
    photo = a_pair(wedding)
    wedding.unlink("Wedding/A/1.DNG")

    wedding.purge(removed_before=LATER)

    assert shown(wedding, everything=True) == [(photo, ["A/1.JPG"])]
    assert send(wedding, "A/1.DNG") == photo


def test_nothing_of_a_pair_that_stands_is_purged(wedding: Wedding) -> None:
    a_pair(wedding)

    assert wedding.purge(removed_before=LATER).uploads == 0


def test_a_purged_pair_leaves_nothing(wedding: Wedding) -> None:
    a_pair(wedding)
    wedding.unlink("Wedding/A/1.JPG")
    wedding.unlink("Wedding/A/1.DNG")

    assert wedding.purge(removed_before=LATER).uploads == 2

    assert listed(wedding, everything=True) == []


# --- rows ---


def test_whatever_refers_to_a_photo_follows_when_its_id_changes() -> None:
    references = [
        (table.name, key.onupdate)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column is PhotoRow.__table__.columns["id"]
    ]

    assert ("rendition", "CASCADE") in references
    assert [name for name, onupdate in references if onupdate != "CASCADE"] == []


@pytest.mark.parametrize("attempt", range(5))
def test_two_decoders_that_finish_in_one_moment_make_one_photo(
    wedding: Wedding, attempt: int
) -> None:
    both = [
        wedding.send("Wedding/A/1.JPG", RED),
        wedding.send("Wedding/A/1.DNG", RAW),
    ]
    claims = [claimed(wedding.catalog, upload.id) for upload in both]
    found = [of_format("JPEG", RED), of_format("DNG", RAW)]
    together = threading.Barrier(2)

    def finish(number: int) -> None:
        if wedding.catalog.is_sqlite:  # where a transaction does not begin before the other's end
            together.wait(60)
        with wedding.catalog.writing() as connection:
            connection.execute(select(PhotoRow.id)).all()
            if not wedding.catalog.is_sqlite:
                together.wait(60)
            photos.record(connection, claims[number], found[number], now=NOON)

    order = (0, 1) if attempt % 2 else (1, 0)
    with ThreadPoolExecutor(2) as decoders:
        list(decoders.map(finish, order))

    (photo,) = listed(wedding, everything=True)
    assert [one.path for one in photo.originals] == ["A/1.JPG", "A/1.DNG"]


# --- with decoders, and for people ---


@pytest.mark.parametrize("jpeg_first", [True, False], ids=["JPEG first", "raw first"])
async def test_real_files_of_one_capture_are_one_photo_that_shows_the_jpeg(
    wedding: Wedding, *, jpeg_first: bool
) -> None:
    jpeg = picture("red", width=96, height=64, exif=shot_at("2026:05:04 10:11:12", serial="42"))
    files = {"A/1.JPG": jpeg, "A/1.DNG": dng((20, 20, 220))}
    database = Database(wedding.catalog)

    async with open_decoders(IngestConfig(decoders=1), standard_renditions()) as decoders:
        for path in sorted(files, reverse=jpeg_first):
            upload = wedding.send(f"Wedding/{path}", files[path])
            task = claimed(wedding.catalog, upload.id)
            await pipeline.ingest(database, wedding.store, decoders, task)

    (photo,) = listed(wedding)
    assert [(one.path, one.format) for one in photo.originals] == [
        ("A/1.JPG", "JPEG"), ("A/1.DNG", "DNG"),
    ]  # fmt: skip
    red, _, blue = middle_of(wedding, photo)
    assert red > 200
    assert blue < 50

    wedding.unlink("Wedding/A/1.JPG")

    (photo,) = listed(wedding)
    red, _, blue = middle_of(wedding, photo)
    assert blue > 150
    assert red < 100


def middle_of(wedding: Wedding, photo: Photo) -> tuple[int, ...]:
    with Image.open(wedding.store.rendition(photo.renditions[0].key)) as image:
        pixel = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.fixture
def job(wedding: Wedding, tmp_path: Path) -> ImportedJob:
    """The same job at the command line, with a pair."""
    file = tmp_path / "jobfs.toml"
    data = wedding.store.original("0" * 32).parents[2]
    address = wedding.catalog.url.render_as_string(hide_password=False)
    file.write_text(f"[jobfs]\ndata = '{data}'\ndatabase = '{address}'\n")
    a_pair(wedding)
    return ImportedJob(wedding.catalog, wedding.store, file, wedding.job_id, wedding.anna)


def test_a_listing_has_the_originals_of_a_photo(job: ImportedJob) -> None:
    (photo,) = json.loads(job.jobfs("photo", "list", "Wedding", "--json").output)

    assert (photo["path"], photo["sha256"], photo["size"]) == ("A/1.JPG", RED.hex(), len(RED))
    assert photo["originals"] == [
        {"path": "A/1.JPG", "format": "JPEG", "sha256": RED.hex(), "size": len(RED)},
        {"path": "A/1.DNG", "format": "DNG", "sha256": RAW.hex(), "size": len(RAW)},
    ]
    one = json.loads(job.jobfs("photo", "show", photo["id"], "--json").output)
    assert one["originals"] == photo["originals"]


def test_both_originals_are_exported(job: ImportedJob, wedding: Wedding, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with wedding.catalog.writing() as connection:  # no worker has hashed them
        connection.execute(update(BlobRow).values(sha256=None))

    said = job.jobfs("photo", "export", "Wedding", out).output
    again = job.jobfs("photo", "export", "Wedding", out).output

    assert (out / "A/1.JPG").read_bytes() == RED
    assert (out / "A/1.DNG").read_bytes() == RAW
    assert said.startswith("copied 1 photos (")
    assert "1 were there" in again


def test_a_rendition_is_exported_once(job: ImportedJob, tmp_path: Path) -> None:
    out = tmp_path / "out"

    job.jobfs("photo", "export", "Wedding", out, "--rendition", "thumbnail")

    assert [path.name for path in (out / "A").iterdir()] == ["1.JPG"]


def test_both_originals_are_rendered_again(job: ImportedJob, wedding: Wedding) -> None:
    said = job.jobfs("photo", "rerender", "Wedding").output

    assert said == "photos that wait for new renditions: 1\n"
    uploads = [original.upload_id for original in listed(wedding)[0].originals]
    assert pending(wedding.catalog) == uploads


def test_a_sheet_shows_one_picture(job: ImportedJob, tmp_path: Path) -> None:
    job.jobfs("job", "sheet", "Wedding", tmp_path / "sheet")

    assert len(list((tmp_path / "sheet/thumbnails").iterdir())) == 1


def of_format(format_name: str, data: bytes) -> Ingested:
    rendition = Rendition(name="thumbnail", width=60, height=40, size=11, key=new_key())
    return Ingested(
        sha256=data.hex(), format=format_name, width=60, height=40, shot=SHOT,
        renditions=(rendition,),
    )  # fmt: skip
