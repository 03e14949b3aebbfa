"""What the database knows of photos besides their pixels, in whichever order files come, go and move."""

import itertools
import json
import math
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import descriptions, problems, sidecars, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import (
    PhotoKeywordRow,
    PhotoMetadataRow,
    PhotoPlaceRow,
    PhotoRow,
    UploadMetadataRow,
)
from jobfs.catalog.tasks import Task
from jobfs.catalog.uploads import Upload
from jobfs.config import IngestConfig, standard_renditions
from jobfs.database import Database
from jobfs.domain.metadata.values import Facts, Place, Source
from jobfs.domain.uploads import UploadState
from jobfs.ingest import pipeline
from jobfs.ingest.decoder import Decoders, open_decoders
from tests.stored.imported import ImportedJob
from tests.stored.metadata import (
    bring,
    bring_again,
    jpeg,
    known,
    picture_saying,
    row,
    take_in,
    take_in_raw,
    xmp,
)
from tests.stored.sending import claimed
from tests.stored.studio import queued
from tests.stored.wedding import Wedding

SIDECAR = xmp(title="The cake", keywords=("cake", "Käte"), rating=4)


def title(wedding: Wedding, path: str = "IMG_1.JPG") -> str | None:
    return known(wedding)[path].known.title


def state(wedding: Wedding, upload: Upload) -> UploadState:
    return wedding.do(uploads.get, upload.id).state


def number(wedding: Wedding, table: type) -> int:
    def step(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    return wedding.do(step)


def together(*steps: Callable[[], object]) -> None:
    """Take steps at one time, in threads of their own."""
    with ThreadPoolExecutor() as pool:
        for step in [pool.submit(step) for step in steps]:
            step.result()


# --- the columns ---


def test_what_the_file_says_is_in_columns(wedding: Wedding) -> None:
    packet = xmp(title="The cake", keywords=("cake", "Käte"), rating=4)
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(packet=packet))

    photo = known(wedding)["IMG_1.JPG"]

    columns = row(wedding, photo)
    expected = {
        "taken": "2026-05-04T10:11:12", "taken_subsecond": "034", "taken_offset": "+02:00",
        "make": "Canon", "model": "EOS R5", "serial": "0042", "lens": "RF50mm F1.2",
        "title": "The cake", "copyright": "(c) Anna", "rating": 4, "creators": None,
    }  # fmt: skip
    assert {name: columns[name] for name in expected} == expected
    assert photo.known.keywords == ("cake", "Käte")
    assert photo.captured == "2026-05-04T10:11:12.034+02:00"


def test_the_whole_is_json_that_names_what_stands_where(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(packet=xmp(title="The cake")))
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    whole = wedding.do(descriptions.whole, known(wedding)["IMG_1.JPG"].row_id)

    assert whole["Exif"]["LensModel"] == "RF50mm F1.2"
    assert whole["XMP"]["dc:title"] == {"x-default": "The cake"}
    assert [sidecar["xmp:Rating"] for sidecar in whole["sidecars"]] == ["4"]


def test_keywords_are_found_whatever_their_case(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(packet=xmp(keywords=("KÄTE",))))

    def search(connection: Connection) -> list[str]:
        query = select(PhotoKeywordRow.keyword).where(PhotoKeywordRow.keyword_key == "käte")
        return list(connection.execute(query).scalars())

    assert wedding.do(search) == ["KÄTE"]


def test_where_a_photo_was_taken_stands_apart(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(place=True))

    photo = known(wedding)["IMG_1.JPG"]

    place = wedding.do(descriptions.place, photo.row_id)
    assert place is not None
    assert [place.latitude, place.longitude] == pytest.approx([-33.51, 18.25])
    whole = (
        str(wedding.do(descriptions.whole, photo.row_id)) + str(photo) + str(row(wedding, photo))
    )
    assert "33" not in whole.replace(photo.originals[0].key, "").replace(
        photo.renditions[0].key, ""
    )
    assert "GPS" not in whole


def test_a_sidecars_place_stands_apart_as_well(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    assert wedding.do(descriptions.place, known(wedding)["IMG_1.JPG"].row_id) is None

    there = xmp(exif__GPSLatitude="33,30.6S", exif__GPSLongitude="18,15E")
    bring(wedding, "Wedding/IMG_1.xmp", there)

    photo = known(wedding)["IMG_1.JPG"]
    place = wedding.do(descriptions.place, photo.row_id)
    assert place is not None
    assert [place.latitude, place.longitude] == pytest.approx([-33.51, 18.25])
    assert "GPS" not in str(wedding.do(descriptions.whole, photo.row_id))


# --- sidecars ---


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("IMG_1.JPG", "IMG_1.xmp", "IMG_1.jpg.xmp")))
)
def test_the_order_of_arrival_changes_nothing(wedding: Wedding, order: tuple[str, ...]) -> None:
    files = {
        "IMG_1.JPG": jpeg(packet=xmp(title="of the file", keywords=("file",), rating=1)),
        "IMG_1.xmp": xmp(title="of the picture", keywords=("picture",)),
        "IMG_1.jpg.xmp": xmp(title="of the JPEG"),
    }
    for name in order:
        bring(wedding, f"Wedding/{name}", files[name])

    (photo,) = known(wedding).values()
    assert photo.path == "IMG_1.JPG"
    assert photo.known.title == "of the JPEG"
    assert photo.known.keywords == ("picture",)
    assert photo.known.rating == 1


def test_a_sidecar_is_no_photo_and_no_problem(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/groups")
    upload = bring(wedding, "Wedding/groups/IMG_1.xmp", SIDECAR)

    assert state(wedding, upload) is UploadState.INGESTED
    assert known(wedding) == {}
    assert wedding.do(problems.listing) == []


def test_a_sidecar_that_cannot_be_read_is_a_problem_in_plain_words(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    upload = bring(wedding, "Wedding/IMG_1.xmp", bomb)

    (problem,) = wedding.do(problems.listing)
    assert (problem.path, problem.kind) == ("IMG_1.xmp", "damaged")
    assert (
        problem.text
        == "the sidecar cannot be read: the XMP has a document type, which no photo program writes"
    )
    assert state(wedding, upload) is UploadState.DAMAGED
    assert title(wedding) is None


def test_a_sidecar_speaks_of_its_own_folder_only(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_10.JPG", jpeg("2026:05:04 10:11:13"))
    bring(wedding, "Wedding/Class 1/IMG_1.xmp", SIDECAR)

    assert [photo.known.title for photo in known(wedding).values()] == [None, None]


def test_an_overwritten_sidecar_says_what_it_says_now(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    bring_again(wedding, "Wedding/IMG_1.xmp", xmp(title="Cut"))

    (photo,) = known(wedding).values()
    assert (photo.known.title, photo.known.keywords, photo.known.rating) == ("Cut", (), None)


def test_a_sidecar_says_what_it_said_while_it_is_sent_again(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    wedding.overwrite("Wedding/IMG_1.xmp", xmp(title="Cut"))

    bring(wedding, "Wedding/IMG_1.JPG", jpeg())

    assert title(wedding) == "The cake"


def test_a_sidecar_that_was_spoilt_says_what_it_said_last(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    bring_again(wedding, "Wedding/IMG_1.xmp", b"no XML")

    assert title(wedding) == "The cake"


def test_a_deleted_sidecar_says_nothing_until_it_is_restored(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(packet=xmp(title="of the file")))
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    wedding.unlink("Wedding/IMG_1.xmp")
    assert title(wedding) == "of the file"
    (photo,) = known(wedding).values()
    assert photo.known.keywords == ()

    (item,) = wedding.trash()
    wedding.restore(item.id)
    assert title(wedding) == "The cake"


def test_an_earlier_version_of_a_sidecar_that_is_restored_speaks_again(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    bring_again(wedding, "Wedding/IMG_1.xmp", xmp(title="Cut"))

    (item,) = wedding.trash()
    wedding.restore(item.id)

    assert title(wedding) == "The cake"


def test_a_renamed_sidecar_speaks_of_the_photo_that_it_is_named_for_now(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_2.JPG", jpeg("2026:05:04 10:11:13"))
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    wedding.move("Wedding/IMG_1.xmp", "Wedding/img_2.XMP")

    assert (title(wedding), title(wedding, "IMG_2.JPG")) == (None, "The cake")


def test_a_renamed_photo_is_what_the_sidecar_of_its_new_name_says(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    bring(wedding, "Wedding/IMG_2.xmp", xmp(title="Two"))

    wedding.move("Wedding/IMG_1.JPG", "Wedding/IMG_2.JPG")

    assert title(wedding, "IMG_2.JPG") == "Two"


@pytest.mark.parametrize("photo_first", [True, False])
def test_a_photo_and_its_sidecar_move_to_another_folder(
    wedding: Wedding, photo_first: bool
) -> None:
    wedding.mkdir("Wedding/Class 1")
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    for name in ("IMG_1.JPG", "IMG_1.xmp") if photo_first else ("IMG_1.xmp", "IMG_1.JPG"):
        wedding.move(f"Wedding/{name}", f"Wedding/Class 1/{name}")

    assert title(wedding, "Class 1/IMG_1.JPG") == "The cake"


def test_a_folder_that_moves_takes_what_is_known_along(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    bring(wedding, "Wedding/Class 1/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/Class 1/IMG_1.xmp", SIDECAR)

    wedding.move("Wedding/Class 1", "Wedding/Class 2")
    assert title(wedding, "Class 2/IMG_1.JPG") == "The cake"

    wedding.unlink("Wedding/Class 2/IMG_1.xmp")
    assert title(wedding, "Class 2/IMG_1.JPG") is None


def test_a_sidecar_sent_under_a_temporary_name_speaks_when_it_has_its_own(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    upload = wedding.send("Wedding/IMG_1.xmp.filepart", SIDECAR)

    wedding.move("Wedding/IMG_1.xmp.filepart", "Wedding/IMG_1.xmp")
    take_in(wedding, wedding.do(uploads.get, upload.id))

    assert title(wedding) == "The cake"


def test_what_was_no_image_under_another_name_may_become_a_sidecar(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    upload = wedding.send("Wedding/IMG_1.new", SIDECAR)
    assert upload.state is UploadState.UNSUPPORTED

    wedding.move("Wedding/IMG_1.new", "Wedding/IMG_1.xmp")
    take_in(wedding, wedding.do(uploads.get, upload.id))

    assert title(wedding) == "The cake"
    assert wedding.do(problems.listing) == []


def test_a_photo_under_a_sidecars_name_is_a_photo_and_speaks_of_no_other(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", jpeg("2026:05:04 10:11:13", packet=xmp(title="two")))

    assert (title(wedding), title(wedding, "IMG_1.xmp")) == (None, "two")


def test_a_photo_and_its_sidecar_that_arrive_in_one_moment_know_each_other(
    wedding: Wedding,
) -> None:
    for number in range(20):
        uploads_of_both = [
            wedding.send(f"Wedding/IMG_{number}.JPG", jpeg(f"2026:05:04 10:11:{number:02}")),
            wedding.send(f"Wedding/IMG_{number}.xmp", SIDECAR),
        ]
        together(*(partial(take_in, wedding, upload) for upload in uploads_of_both))

    assert {photo.known.title for photo in known(wedding).values()} == {"The cake"}


def test_a_sidecar_that_moves_while_its_photo_arrives_is_heard(wedding: Wedding) -> None:
    wedding.mkdir("Wedding/Class 1")
    for number in range(20):
        bring(wedding, f"Wedding/IMG_{number}.xmp", SIDECAR)
        photo = wedding.send(f"Wedding/Class 1/IMG_{number}.JPG", jpeg())
        together(
            partial(take_in, wedding, photo),
            partial(wedding.move, f"Wedding/IMG_{number}.xmp", f"Wedding/Class 1/IMG_{number}.xmp"),
        )

    assert {photo.known.title for photo in known(wedding).values()} == {"The cake"}


@pytest.mark.parametrize("name", ["IMG_1.xmp", "IMG_1.CR2.xmp", "img_1.jpg.xmp"])
@pytest.mark.parametrize("raw_first", [True, False])
def test_a_sidecar_speaks_of_a_photo_with_two_originals_whichever_is_left(
    wedding: Wedding,
    name: str,
    raw_first: bool,
) -> None:
    if not raw_first:
        bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, f"Wedding/{name}", SIDECAR)
    take_in_raw(wedding, wedding.send("Wedding/IMG_1.CR2", jpeg(colour="red")), jpeg())
    if raw_first:
        bring(wedding, "Wedding/IMG_1.JPG", jpeg())

    (photo,) = known(wedding).values()
    assert (photo.path, len(photo.originals), photo.known.title) == ("IMG_1.JPG", 2, "The cake")

    wedding.unlink("Wedding/IMG_1.JPG")
    (photo,) = known(wedding).values()
    assert (photo.path, photo.known.title) == ("IMG_1.CR2", "The cake")


# --- photos ---


def test_a_new_version_of_a_photo_keeps_its_sidecar(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(packet=xmp(keywords=("old",))))
    bring(wedding, "Wedding/IMG_1.xmp", xmp(title="The cake"))

    bring_again(wedding, "Wedding/IMG_1.JPG", jpeg(colour="red", packet=xmp(keywords=("new",))))

    (photo,) = known(wedding).values()
    assert (photo.known.title, photo.known.keywords) == ("The cake", ("new",))


def test_a_clock_that_a_sidecar_corrects_makes_no_other_picture(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", xmp(exif__DateTimeOriginal="2026-05-04T11:11:12"))
    (before,) = known(wedding).values()
    assert before.captured == "2026-05-04T11:11:12"

    bring_again(wedding, "Wedding/IMG_1.JPG", jpeg(colour="red"))

    (after,) = known(wedding).values()
    assert (after.id, after.captured) == (before.id, "2026-05-04T11:11:12")


def test_what_a_camera_says_of_itself_no_sidecar_changes(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", xmp(tiff__Make="Nikon", tiff__Orientation="6"))

    (photo,) = known(wedding).values()
    assert (photo.known.make, photo.known.orientation) == ("Canon", 6)


def test_a_deleted_photo_that_is_restored_hears_its_sidecar(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    wedding.unlink("Wedding/IMG_1.JPG")
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)

    (item,) = wedding.trash()
    wedding.restore(item.id)

    assert title(wedding) == "The cake"


def test_the_other_picture_of_a_name_leaves_what_is_known_of_the_first(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    (first,) = known(wedding).values()

    bring_again(wedding, "Wedding/IMG_1.JPG", jpeg("2026:06:01 08:00:00"))
    wedding.unlink("Wedding/IMG_1.xmp")

    assert row(wedding, first)["title"] == "The cake"
    assert title(wedding) is None


def test_what_is_purged_leaves_nothing(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg(place=True, packet=SIDECAR))
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    wedding.unlink("Wedding/IMG_1.JPG")
    wedding.unlink("Wedding/IMG_1.xmp")

    wedding.purge()

    tables = (PhotoRow, PhotoKeywordRow, PhotoMetadataRow, PhotoPlaceRow, UploadMetadataRow)
    assert [number(wedding, table) for table in tables] == [0] * 5


def test_a_spoilt_sidecar_says_nothing_when_what_it_said_is_purged(wedding: Wedding) -> None:
    bring(wedding, "Wedding/IMG_1.JPG", jpeg())
    bring(wedding, "Wedding/IMG_1.xmp", SIDECAR)
    bring_again(wedding, "Wedding/IMG_1.xmp", b"no XML")

    wedding.purge()

    assert title(wedding) is None


# --- with real decoders ---


@pytest.fixture
async def decoders() -> AsyncIterator[Decoders]:
    async with open_decoders(IngestConfig(decoders=1), standard_renditions()) as decoders:
        yield decoders


@pytest.mark.parametrize(
    "said",
    [
        Facts(title="x", rating=2**63), Facts(title="x", orientation=-1), Facts(title="x\0"),
        Facts(title="x", place=Place(latitude=math.nan, longitude=0.0)),
    ],
    ids=["rating", "orientation", "NUL", "place"],
)  # fmt: skip
def test_what_no_honest_decoder_says_of_a_sidecar_harms_no_photo(
    wedding: Wedding, said: Facts
) -> None:
    sidecar = wedding.send("Wedding/IMG_1.xmp", SIDECAR)
    task, now = claimed(wedding.catalog, sidecar.id), datetime.now(UTC)
    assert wedding.do(sidecars.record, task, Source(said=said), sha256="of it", now=now)

    bring(wedding, "Wedding/IMG_1.JPG", jpeg())

    assert title(wedding) is None


async def ingest_all(wedding: Wedding, decoders: Decoders) -> None:
    """Do what there is to do, as a worker does."""
    database = Database(wedding.catalog)

    def claim(connection: Connection) -> Task | None:
        now = datetime.now(UTC)
        return tasks.claim(connection, worker="1", lease=timedelta(minutes=5), now=now)

    for upload_id in wedding.do(queued):
        wedding.do(tasks.lift, upload_id, now=datetime.now(UTC))
    while (task := wedding.do(claim)) is not None:
        await pipeline.ingest(database, wedding.store, decoders, task)


async def test_decoders_read_files_and_sidecars(wedding: Wedding, decoders: Decoders) -> None:
    wedding.send("Wedding/IMG_1.JPG", jpeg(place=True, packet=xmp(keywords=("file",))))
    wedding.send("Wedding/IMG_1.xmp", SIDECAR)
    wedding.send("Wedding/IMG_2.xmp", b"\0 no XML")

    await ingest_all(wedding, decoders)

    (photo,) = known(wedding).values()
    assert (photo.known.title, photo.known.keywords) == ("The cake", ("cake", "Käte"))
    assert (photo.known.lens, photo.known.rating) == ("RF50mm F1.2", 4)
    assert wedding.do(descriptions.place, photo.row_id) is not None
    assert [problem.path for problem in wedding.do(problems.listing)] == ["IMG_2.xmp"]


async def test_texts_are_read_in_whatever_code_they_are(
    wedding: Wedding, decoders: Decoders
) -> None:
    comment = b"JIS\0\0\0\0\0" + "安".encode("iso2022_jp")
    wedding.send("Wedding/IMG_1.JPG", jpeg(comment=comment))
    wedding.send("Wedding/IMG_1.xmp", SIDECAR.decode().encode("utf-16"))

    await ingest_all(wedding, decoders)

    (photo,) = known(wedding).values()
    assert (photo.known.title, photo.known.caption) == ("The cake", "安")


async def test_a_sidecar_too_large_to_be_one_costs_nobody_anything(
    wedding: Wedding, decoders: Decoders
) -> None:
    wedding.send("Wedding/IMG_1.xmp", b"<x>" + bytes(5 * 1024**2))
    wedding.send("Wedding/IMG_1.JPG", jpeg())

    await ingest_all(wedding, decoders)

    (problem,) = wedding.do(problems.listing)
    assert "more than the 4,194,304 that jobfs reads" in problem.text
    assert list(known(wedding)) == ["IMG_1.JPG"]


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
async def test_every_format_says_what_it_says(
    wedding: Wedding, decoders: Decoders, format_name: str
) -> None:
    wedding.send("Wedding/IMG_1", picture_saying(format_name))

    await ingest_all(wedding, decoders)

    (photo,) = known(wedding).values()
    assert (photo.known.make, photo.known.title) == ("Canon", "The cake")


# --- the command ---


def test_a_photo_is_shown_with_all_that_is_known_of_it(job: ImportedJob) -> None:
    photo_id = shown_photo(job)

    told = json.loads(job.jobfs("photo", "show", photo_id, "--json").output)

    assert (told["job"], told["path"], told["album"]) == ("Wedding", "Class 1/a.jpg", "Class 1")
    assert (told["make"], told["lens"], told["rating"]) == ("Canon", "RF50mm F1.2", 4)
    assert told["keywords"] == ["cake", "Käte"]
    assert told["metadata"]["Exif"]["Model"] == "EOS R5"
    assert [one["format"] for one in told["originals"]] == ["JPEG"]
    assert "Exif Model: EOS R5\n" in job.jobfs("photo", "show", photo_id).output


def test_where_a_photo_was_taken_is_shown_only_to_who_asks(job: ImportedJob) -> None:
    photo_id = shown_photo(job)

    silent = [
        job.jobfs("photo", "show", photo_id).output,
        job.jobfs("photo", "show", photo_id, "--json").output,
        job.jobfs("photo", "list", "Wedding", "--json").output,
    ]
    asked = json.loads(job.jobfs("photo", "show", photo_id, "--json", "--private").output)

    assert asked["place"]["latitude"] == pytest.approx(-33.51)
    assert "GPSLatitude: 33" in job.jobfs("photo", "show", photo_id, "--private").output
    assert not [said for said in silent if "GPS" in said or "33" in without_hashes(said)]


def test_photos_are_listed_by_keyword(job: ImportedJob) -> None:
    photo_id = shown_photo(job)

    found = json.loads(job.jobfs("photo", "list", "Wedding", "--keyword", "KÄTE", "--json").output)

    assert [photo["id"] for photo in found] == [photo_id]
    assert (
        json.loads(job.jobfs("photo", "list", "Wedding", "--keyword", "x", "--json").output) == []
    )


def test_a_photo_that_is_not_there_is_refused(job: ImportedJob) -> None:
    said = job.jobfs("photo", "show", 7, status=1).stderr

    assert said == "Error: there is no photo 7: see `jobfs photo list JOB`\n"


@pytest.fixture
def job(catalog: Catalog, store: BlobStore, tmp_path: Path) -> ImportedJob:
    return ImportedJob.add(catalog, store, tmp_path)


def shown_photo(job: ImportedJob) -> int:
    """Import a photo that was taken somewhere, with its sidecar; return its id."""
    wedding = Wedding(job.catalog, job.store, job.job_id, job.anna)
    wedding.mkdir("Wedding/Class 1")
    bring(wedding, "Wedding/Class 1/a.jpg", jpeg(place=True))
    bring(wedding, "Wedding/Class 1/a.xmp", SIDECAR)
    return known(wedding)["Class 1/a.jpg"].id


def without_hashes(said: str) -> str:
    """Return what a command says without hashes and keys, which have all digits."""
    return re.sub(r"[0-9a-f]{8,}|/[0-9a-f]{2}/", "", said)
