"""`jobfs photo rerender`: renditions are made anew, and photos keep the old ones until then."""

from pathlib import Path

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import jobs, photo_listing, sidecars
from jobfs.catalog.engine import Catalog
from jobfs.domain.metadata.values import Source
from tests.stored.imported import ImportedJob
from tests.stored.metadata import xmp
from tests.stored.sending import claimed, now, pending, picture


@pytest.fixture
def job(catalog: Catalog, store: BlobStore, tmp_path: Path) -> ImportedJob:
    """A job with a photo in each of two albums, and a file that is none."""
    job = ImportedJob.add(catalog, store, tmp_path)
    for name in ("Class 1/a.jpg", "Class 2/b.jpg"):
        (tmp_path / "card" / name).parent.mkdir(parents=True)
        (tmp_path / "card" / name).write_bytes(picture("red"))
    (tmp_path / "card/list.csv").write_text("a;b")
    job.jobfs("job", "import", "Wedding", tmp_path / "card")
    job.ingest()
    return job


def test_what_sidecars_say_is_read_again_with_their_photos(
    job: ImportedJob, tmp_path: Path
) -> None:
    (tmp_path / "card/Class 2/b.xmp").write_bytes(xmp(title="The cake"))
    job.jobfs("job", "import", "Wedding", tmp_path / "card")
    task = claimed(job.catalog, job.files()["Class 2/b.xmp"].upload_id)
    with job.catalog.writing() as connection:
        assert sidecars.record(connection, task, Source(), sha256="of it", now=now())

    job.jobfs("photo", "rerender", "Wedding", "--album", "Class 2")

    files = job.files()
    again = [files["Class 2/b.jpg"].upload_id, files["Class 2/b.xmp"].upload_id]
    assert pending(job.catalog) == again


def test_every_photo_of_a_job_gets_new_renditions(job: ImportedJob) -> None:
    before = shown(job)

    said = job.jobfs("photo", "rerender", "Wedding").output

    assert said == "photos that wait for new renditions: 2\n"
    assert shown(job) == before
    job.ingest()
    after = shown(job)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())


def test_one_album_can_be_had_alone_however_often_it_is_asked_for(job: ImportedJob) -> None:
    job.jobfs("photo", "rerender", "Wedding", "--album", "Class 2")
    job.jobfs("photo", "rerender", "Wedding", "--album", "Class 2")

    assert pending(job.catalog) == [job.files()["Class 2/b.jpg"].upload_id]
    refused = job.jobfs("photo", "rerender", "Wedding", "--album", "Class 3", status=1).stderr
    assert "there is: Class 1, Class 2" in refused


def shown(job: ImportedJob) -> dict[tuple[int, str], str]:
    """Return the keys of the renditions of each photo."""
    with job.catalog.reading() as connection:
        listed = photo_listing.listing(connection, jobs.by_name(connection, "Wedding").id)
    return {(photo.id, photo.path): photo.renditions[0].key for photo in listed}
