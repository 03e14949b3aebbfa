"""How what is in the trash goes for good: its rows, then its bytes."""

from datetime import datetime, timedelta

import pytest
import trio
from sqlalchemy import Connection, func, select, update

from jobfs import bells
from jobfs.catalog import problems, purging, tasks, trash, uploads
from jobfs.catalog.refusals import NoSuchItemError
from jobfs.catalog.schema import BlobRow, EntryRow, PhotoRow, RenditionRow, TaskRow, UploadRow
from jobfs.config import RetentionConfig
from jobfs.database import Database
from jobfs.domain.events import EventKind
from jobfs.ingest import expiry
from tests.stored import studio
from tests.stored.sending import claimed, pending
from tests.stored.studio import NOON
from tests.stored.wedding import BLUE, GREEN, LATER, OTHER_SHOT, RED, Wedding


def rows(wedding: Wedding) -> dict[str, int]:
    """Return how many rows there are that may go with something from the trash."""

    def count(connection: Connection) -> dict[str, int]:
        tables = (EntryRow, UploadRow, BlobRow, PhotoRow, RenditionRow, TaskRow)
        return {
            table.__tablename__: connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one()
            for table in tables
        }

    return wedding.do(count)


def test_nothing_is_left_of_a_deleted_photo_but_its_events(wedding: Wedding) -> None:
    before = rows(wedding)
    wedding.mkdir("Wedding/Class 1")
    upload = wedding.send("Wedding/Class 1/a.jpg", RED)
    wedding.ingest(upload)
    wedding.unlink("Wedding/Class 1/a.jpg")
    wedding.rmdir("Wedding/Class 1")

    purged = wedding.purge()

    assert (purged.uploads, purged.size) == (1, len(RED))
    assert set(purged.originals) | set(purged.renditions) == wedding.files()
    assert rows(wedding) == before
    assert [event.upload_id for event in wedding.events(EventKind.UPLOAD_PURGED)] == [upload.id]
    assert wedding.events(EventKind.UPLOAD_JUDGED)
    with pytest.raises(NoSuchItemError):
        wedding.restore(f"e{upload.entry_id}")


def test_an_overwritten_version_goes_and_the_file_stays(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    second = wedding.overwrite("Wedding/a.jpg", BLUE)
    wedding.ingest(second)

    purged = wedding.purge()

    assert purged.originals == (first.blob_key,)
    assert purged.renditions == ()
    assert wedding.content("Wedding/a.jpg") == BLUE
    assert wedding.photos() == [("a.jpg", second.id)]


def test_what_is_in_the_trash_for_less_time_stays(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(upload)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE))
    wedding.unlink("Wedding/a.jpg")

    assert wedding.purge(removed_before=NOON).uploads == 0

    assert len(wedding.trash()) == 2


def test_the_versions_of_a_file_stay_for_as_long_as_the_file_that_was_deleted_later(
    wedding: Wedding,
) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE))
    wedding.unlink("Wedding/a.jpg")
    long_ago = update(UploadRow).where(UploadRow.id == first.id)
    wedding.do(Connection.execute, long_ago.values(superseded_at=NOON - timedelta(days=40)))

    assert wedding.purge(removed_before=NOON - timedelta(days=1)).uploads == 0


def test_a_version_that_is_still_the_photo_is_kept(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    wedding.overwrite("Wedding/a.jpg", BLUE[:200])  # incomplete: it never becomes a photo

    assert wedding.purge().uploads == 0

    (item,) = wedding.trash()
    assert (item.id, item.kept) == (f"v{first.id}", True)
    assert wedding.photos() == [("a.jpg", first.id)]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_photo_whose_name_another_has_taken_is_kept(wedding: Wedding, deleted: bool) -> None:
    """Two cameras, or a counter that rolled over: both pictures were wanted."""
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    if deleted:
        wedding.unlink("Wedding/a.jpg")
        second = wedding.send("Wedding/a.jpg", BLUE)
    else:
        second = wedding.overwrite("Wedding/a.jpg", BLUE)
    wedding.ingest(second, OTHER_SHOT)

    assert wedding.purge().uploads == 0

    assert [item.kept for item in wedding.trash()] == [True]


def test_the_version_that_a_rewrite_began_with_is_kept_while_it_may_come_back(
    wedding: Wedding,
) -> None:
    wedding.send("Wedding/notes.txt", b"no photo, so that no photo keeps it")
    half = wedding.rewrite("Wedding/notes.txt")

    assert wedding.purge().uploads == 0
    wedding.drop_connection(half)
    assert wedding.purge().originals == (half.blob_key,)

    assert wedding.content("Wedding/notes.txt") == b"no photo, so that no photo keeps it"


def test_a_deleted_file_goes_with_all_its_versions(wedding: Wedding) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE))
    wedding.unlink("Wedding/a.jpg")

    purged = wedding.purge()

    assert (purged.uploads, purged.size) == (2, len(RED) + len(BLUE))
    assert rows(wedding)["upload"] == 0


def test_a_version_goes_that_a_finished_rewrite_began_with(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    second = wedding.rewrite("Wedding/a.jpg")
    wedding.store.original(second.blob_key).write_bytes(BLUE)
    wedding.do(studio.close, wedding.store, second)
    wedding.ingest(second)

    assert wedding.purge().originals == (first.blob_key,)

    assert wedding.do(uploads.get, second.id).base_id is None


def test_a_version_that_waits_for_ingest_is_kept(wedding: Wedding) -> None:
    """Another took its place, and may still break off: then this one is the photo."""
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.overwrite("Wedding/a.jpg", BLUE[:200])

    assert wedding.purge().uploads == 0
    wedding.ingest(first)

    assert wedding.photos() == [("a.jpg", first.id)]


def test_a_deleted_file_that_is_still_being_written_is_kept(wedding: Wedding) -> None:
    upload = wedding.do(
        studio.open_new, wedding.store, wedding.anna, "Wedding/a.jpg", RED
    )  # fmt: skip
    wedding.unlink("Wedding/a.jpg")

    assert wedding.purge().uploads == 0
    wedding.drop_connection(upload)

    assert wedding.purge().originals == (upload.blob_key,)


def test_what_failed_goes_with_its_task(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.do(tasks.give_up, claimed(wedding.catalog, upload.id), "no", now=NOON)
    wedding.unlink("Wedding/a.jpg")

    assert wedding.purge().uploads == 1

    assert pending(wedding.catalog) == []


def test_another_jobs_trash_can_be_left_alone(wedding: Wedding) -> None:
    school = wedding.do(studio.job, "School", wedding.anna)
    for path in ("Wedding/a.jpg", "School/a.jpg"):
        wedding.ingest(wedding.send(path, RED))
        wedding.unlink(path)

    assert wedding.do(purging.expired, removed_before=LATER) == (2, 2 * len(RED))
    assert wedding.do(purging.expired, removed_before=LATER, job_id=school) == (1, len(RED))
    assert wedding.purge(job_id=school).uploads == 1

    assert len(wedding.trash()) == 1


def test_what_somebody_restores_at_this_moment_is_not_purged(wedding: Wedding) -> None:
    if wedding.catalog.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(upload)
    wedding.unlink("Wedding/a.jpg")

    with wedding.catalog.writing() as connection:
        trash.restore(connection, f"e{upload.entry_id}", now=NOON)
        assert wedding.purge().uploads == 0

    assert wedding.purge().uploads == 0
    assert wedding.content("Wedding/a.jpg") == RED


# --- expiry ---


@pytest.fixture
def database(wedding: Wedding) -> Database:
    return Database(wedding.catalog)


async def test_expired_bytes_leave_the_store_and_others_stay(
    wedding: Wedding, database: Database
) -> None:
    for name in ("a", "b", "c"):
        wedding.ingest(wedding.send(f"Wedding/{name}.jpg", RED))
    for name in ("a", "b"):
        wedding.unlink(f"Wedding/{name}.jpg")

    purged = await expiry.purge(database, wedding.store, removed_before=LATER)

    assert purged == 2
    assert len(wedding.files()) == 2  # the original and the rendition of c
    assert wedding.content("Wedding/c.jpg") == RED


async def test_a_trash_larger_than_a_transaction_is_emptied(
    wedding: Wedding, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    for number in range(5):
        wedding.ingest(wedding.send(f"Wedding/{number}.jpg", RED))
        wedding.unlink(f"Wedding/{number}.jpg")

    assert await expiry.purge(database, wedding.store, removed_before=LATER) == 5

    assert wedding.files() == set()


async def test_bytes_that_are_gone_already_are_no_hindrance(
    wedding: Wedding, database: Database
) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(upload)
    wedding.unlink("Wedding/a.jpg")
    wedding.store.original(upload.blob_key).unlink()

    assert await expiry.purge(database, wedding.store, removed_before=LATER) == 1


async def test_a_worker_empties_the_trash_of_what_is_older_than_the_setting(
    wedding: Wedding, database: Database
) -> None:
    for name in ("a", "b"):
        wedding.ingest(wedding.send(f"Wedding/{name}.jpg", RED))
        wedding.unlink(f"Wedding/{name}.jpg")
    this_month = update(EntryRow).where(EntryRow.name == "b.jpg").values(removed_at=_days_ago(29))
    wedding.do(Connection.execute, this_month)
    last_month = update(EntryRow).where(EntryRow.name == "a.jpg").values(removed_at=_days_ago(31))
    wedding.do(Connection.execute, last_month)

    async with bells.bell(wedding.catalog, nap=0.5) as bell, trio.open_nursery() as nursery:
        nursery.start_soon(expiry.every_hour, database, wedding.store, RetentionConfig())
        while len(wedding.files()) > 2:
            await bell.wait()
        nursery.cancel_scope.cancel()

    assert [item.path for item in wedding.trash()] == ["b.jpg"]


def _days_ago(days: int) -> datetime:
    return datetime.now(NOON.tzinfo) - timedelta(days=days)


def test_a_photo_stays_while_its_name_is_sent_again_after_a_deletion(wedding: Wedding) -> None:
    """The mirror of lftp deletes a file before it sends the newer one, and may die half-way."""
    old = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(old)
    wedding.unlink("Wedding/a.jpg")
    assert wedding.photos() == []

    wedding.send("Wedding/a.jpg", BLUE[:-2])

    assert wedding.photos() == [("a.jpg", old.id)]
    assert wedding.purge().uploads == 0
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", GREEN))
    assert [path for path, _ in wedding.photos()] == ["a.jpg"]
    assert wedding.purge().uploads == 2


def test_a_photo_that_was_set_aside_stays_though_nothing_takes_its_place(wedding: Wedding) -> None:
    """ExifTool may be killed between its two renames."""
    photo = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(photo)
    wedding.move("Wedding/a.jpg", "Wedding/a.jpg_original")

    assert wedding.photos() == [("a.jpg", photo.id)]
    assert wedding.purge().uploads == 0


@pytest.mark.parametrize("how", ["renaming over it", "deleting it first"])
def test_a_photo_whose_name_another_capture_has_taken_is_listed_as_a_collision(
    wedding: Wedding, how: str
) -> None:
    """So do WinSCP, rclone and lftp overwrite."""
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    if how == "renaming over it":
        other = wedding.send("Wedding/a.jpg.filepart", BLUE)
        wedding.move("Wedding/a.jpg.filepart", "Wedding/a.jpg")
    else:
        wedding.unlink("Wedding/a.jpg")
        other = wedding.send("Wedding/a.jpg", BLUE)
    wedding.ingest(other, OTHER_SHOT)

    listed = wedding.do(problems.listing, wedding.job_id)
    assert [(problem.kind, problem.path) for problem in listed] == [("collision", "a.jpg")]
