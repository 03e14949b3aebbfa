"""What is erased is gone, with all that its name had; and stays gone when a backup is restored."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from sqlalchemy import Connection, func, select, text

from jobfs import bells
from jobfs.blobs import ledger
from jobfs.blobs.refusals import BadLedgerError
from jobfs.blobs.store import new_key
from jobfs.catalog import (
    checking,
    codes,
    erasing,
    erasures,
    feed,
    jobs,
    metadata,
    photos,
    tasks,
    usage,
)
from jobfs.catalog.erasures import Erasure, Kind
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.refusals import InUseError, JobNotEmptyError, NoSuchPhotoError
from jobfs.catalog.schema import Base
from jobfs.config import RetentionConfig
from jobfs.database import Database
from jobfs.domain.codes import Code
from jobfs.domain.events import EventKind
from jobfs.domain.metadata.values import Source
from jobfs.ingest import erasing as finishing
from jobfs.ingest import expiry
from jobfs.tree import versions
from jobfs.tree.refusals import DetachedError
from tests.stored import studio
from tests.stored.commands import Run
from tests.stored.sending import claimed
from tests.stored.studio import NOON
from tests.stored.wedding import BLUE, GREEN, OTHER_SHOT, RED, SHOT, Wedding

#: Tables whose rows outlive what is erased.
KEPT = {"account", "account_usage", "job", "job_grant", "studio", "role", "event", "erasure"}


def rows(wedding: Wedding) -> dict[str, int]:
    """Return how many rows there are of what can be erased."""

    def count(connection: Connection) -> dict[str, int]:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in KEPT]
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }

    return wedding.do(count)


def erased(wedding: Wedding, photo_id: int) -> None:
    """Erase a photo, its bytes included."""
    wedding.do(erasing.photo, photo_id, now=datetime.now(UTC))
    finishing.finish(wedding.catalog, wedding.store)


def bytes_of(wedding: Wedding) -> set[str]:
    return wedding.files() - {ledger.NAME}


def said(wedding: Wedding) -> list[dict[str, Any]]:
    """Return what events say besides ids."""

    def read(connection: Connection) -> list[dict[str, Any]]:
        return [event.data for event in feed.after(connection, feed.START) if event.data]

    return wedding.do(read)


def test_nothing_is_left_of_an_erased_photo_but_events_without_names(wedding: Wedding) -> None:
    before = rows(wedding)
    first = wedding.send("Wedding/Anna Schmidt.jpg", RED)
    wedding.ingest(first)
    second = wedding.overwrite("Wedding/Anna Schmidt.jpg", BLUE)
    photo_id = wedding.ingest(second)
    wedding.do(metadata.note, second.id, Source())
    code = Code(format="QR Code", text="Anna", position=((0, 0), (1, 0), (1, 1), (0, 1)))
    wedding.do(codes.replace, photo_id, [code])

    erased(wedding, photo_id)

    assert rows(wedding) == before
    assert bytes_of(wedding) == set()
    assert wedding.names() == []
    assert wedding.do(usage.by_account).get(wedding.anna, 0) == 0
    assert "Anna Schmidt" not in json.dumps(said(wedding))
    (event,) = wedding.events(EventKind.PHOTO_ERASED)
    assert event.photo_id == photo_id
    assert event.data == {"files": 1, "versions": 2, "bytes": len(RED) + len(BLUE)}
    assert wedding.events(EventKind.PHOTO_INGESTED)


def test_what_was_open_when_it_was_erased_cannot_be_written(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    role_id = wedding.do(studio.mount)
    erased(wedding, wedding.ingest(upload))

    with pytest.raises(DetachedError, match=r"'a\.jpg' was deleted for good"):
        wedding.do(
            versions.start_over, upload, account_id=wedding.anna, role_id=role_id,
            blob_key=new_key(), now=NOON,
        )  # fmt: skip


def test_a_worker_that_had_lost_its_claim_by_then_records_nothing(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    task = claimed(wedding.catalog, wedding.overwrite("Wedding/a.jpg", BLUE).id)
    wedding.do(tasks.postpone, task, until=NOON, error="the worker was silent for too long")
    erased(wedding, photo_id)
    made = Rendition(name="thumbnail", width=60, height=40, size=11, key=new_key())
    found = Ingested(
        sha256="", format="JPEG", width=60, height=40, shot=SHOT, renditions=(made,)
    )  # fmt: skip

    assert wedding.do(photos.record, task, found, now=NOON) == (made.key,)
    assert not wedding.do(tasks.give_up, task, "it is no use", now=NOON)
    wedding.do(photos.leave, task, now=NOON)

    assert wedding.photos() == []


def test_who_asks_for_the_ingest_of_what_is_erased_by_then_asks_for_nothing(
    wedding: Wedding,
) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    erased(wedding, wedding.ingest(upload))

    wedding.do(checking.ingest_again, upload.id, now=NOON)

    assert wedding.do(tasks.listing) == []


def test_what_was_deleted_under_the_name_goes_too(wedding: Wedding) -> None:
    wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", BLUE))
    other = wedding.send("Wedding/b.jpg", GREEN)
    wedding.ingest(other)
    kept = bytes_of(wedding)

    erased(wedding, photo_id)

    assert wedding.trash() == []
    assert wedding.photos() == [("b.jpg", other.id)]
    assert len(bytes_of(wedding) & kept) == 2


def test_both_originals_of_a_pair_go(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    assert wedding.ingest(wedding.send("Wedding/a.cr2", BLUE), format_name="CR2") == photo_id

    erased(wedding, photo_id)

    assert wedding.names() == []
    assert bytes_of(wedding) == set()


def test_sidecars_go_unless_they_speak_of_another_photo_too(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.ingest(wedding.send("Wedding/a.png", BLUE), OTHER_SHOT, format_name="PNG")
    wedding.send("Wedding/a.jpg.xmp", b"<x/>")
    wedding.send("Wedding/a.xmp", b"<x/>")

    erased(wedding, photo_id)

    assert wedding.names() == ["a.png", "a.xmp"]


def test_what_exiftool_has_set_aside_goes_too(wedding: Wedding) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.move("Wedding/a.jpg", "Wedding/a.jpg_original")
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", BLUE))

    erased(wedding, photo_id)

    assert wedding.names() == []
    assert bytes_of(wedding) == set()


def test_a_photo_that_had_the_name_before_is_kept(wedding: Wedding) -> None:
    first = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(first)
    photo_id = wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE), OTHER_SHOT)

    erased(wedding, photo_id)

    assert wedding.names() == []
    (item,) = wedding.trash()
    assert item.kept
    assert wedding.restore(item.id) == "Wedding/a.jpg"
    assert wedding.content("Wedding/a.jpg") == RED


def test_a_photo_whose_name_was_taken_goes_and_the_other_stays(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    second = wedding.overwrite("Wedding/a.jpg", BLUE)
    wedding.ingest(second, OTHER_SHOT)

    erased(wedding, photo_id)

    assert wedding.photos() == [("a.jpg", second.id)]
    assert wedding.content("Wedding/a.jpg") == BLUE
    assert wedding.trash() == []


def test_a_photo_that_is_being_sent_again_is_not_erased(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.rewrite("Wedding/a.jpg")

    with pytest.raises(InUseError, match=r"'a\.jpg' is being sent"):
        erased(wedding, photo_id)


def test_a_photo_in_the_hands_of_a_worker_is_not_erased(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    claimed(wedding.catalog, wedding.overwrite("Wedding/a.jpg", BLUE).id)

    with pytest.raises(InUseError, match="a worker"):
        erased(wedding, photo_id)


def test_whoever_reads_an_erased_photo_may_read_to_its_end(wedding: Wedding) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    photo_id = wedding.ingest(upload)

    with wedding.store.original(upload.blob_key).open("rb") as file:
        erased(wedding, photo_id)
        assert file.read() == RED


def test_a_handle_that_lost_its_version_to_an_erasure_closes_in_peace(wedding: Wedding) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    lost = wedding.rewrite("Wedding/a.jpg")
    photo_id = wedding.ingest(wedding.overwrite("Wedding/a.jpg", BLUE))

    erased(wedding, photo_id)

    wedding.do(versions.left_behind, lost.id, 3)


def test_bytes_that_a_killed_command_has_left_go_with_the_next_round(wedding: Wedding) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.do(erasing.photo, photo_id, now=datetime.now(UTC))
    assert len(bytes_of(wedding)) == 2

    finishing.finish(wedding.catalog, wedding.store)

    assert bytes_of(wedding) == set()
    assert wedding.do(erasures.bytes_left) == []
    assert [line[0] for line in ledger.read(wedding.store.ledger.file)] == ["entry"]


def test_a_job_is_erased_in_however_many_steps(
    wedding: Wedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    empty = rows(wedding)
    wedding.mkdir("Wedding/Class 1")
    wedding.ingest(wedding.send("Wedding/Class 1/a.jpg", RED))
    wedding.ingest(wedding.overwrite("Wedding/Class 1/a.jpg", BLUE))
    wedding.ingest(wedding.send("Wedding/a.cr2", GREEN), format_name="CR2")
    wedding.send("Wedding/waits.jpg", RED)
    wedding.unlink("Wedding/a.cr2")
    wedding.do(erasing.begin_job, wedding.job_id, now=datetime.now(UTC))

    finishing.finish(wedding.catalog, wedding.store)

    assert {**rows(wedding), "entry": 1} == empty
    assert wedding.do(jobs.listing) == []
    assert bytes_of(wedding) == set()
    assert "a.jpg" not in json.dumps(said(wedding))
    assert [event.job_id for event in wedding.events(EventKind.JOB_ERASED)] == [wedding.job_id]
    assert wedding.do(erasing.unfinished_jobs) == []


def test_a_job_is_hidden_at_once_and_gone_when_a_worker_lets_go(wedding: Wedding) -> None:
    task = claimed(wedding.catalog, wedding.send("Wedding/a.jpg", RED).id)
    later = datetime.now(UTC) + timedelta(minutes=5)
    wedding.do(tasks.extend, task, lease=later - NOON, now=NOON)
    wedding.do(erasing.begin_job, wedding.job_id, now=datetime.now(UTC))

    assert wedding.do(erasing.job_step, wedding.job_id, now=datetime.now(UTC)) == 0
    (summary,) = wedding.do(jobs.listing)
    assert summary.job.status == "archived"
    wedding.do(tasks.finish, task)

    assert wedding.do(erasing.job_step, wedding.job_id, now=datetime.now(UTC)) is None


def test_a_job_into_which_somebody_sends_is_not_erased(wedding: Wedding) -> None:
    wedding.do(studio.open_new, wedding.store, wedding.anna, "Wedding/a.jpg", RED)

    with pytest.raises(InUseError, match="are being sent into the job at this moment: 1"):
        wedding.do(erasing.begin_job, wedding.job_id, now=datetime.now(UTC))


def test_a_restored_backup_loses_what_was_erased_since(wedding: Wedding) -> None:
    kept = wedding.send("Wedding/b.jpg", BLUE)
    wedding.ingest(kept)
    gone = wedding.send("Wedding/a.jpg", RED)
    wedding.ingest(gone)
    wedding.ingest(wedding.overwrite("Wedding/a.jpg", GREEN))
    told = [Erasure(Kind.ENTRY, str(gone.entry_id), datetime.now(UTC))]

    wedding.do(erasures.merge, told)
    assert wedding.do(erasing.again, now=datetime.now(UTC)) == 2
    finishing.finish(wedding.catalog, wedding.store)

    assert wedding.names() == ["b.jpg"]
    assert len(bytes_of(wedding)) == 2
    assert wedding.do(erasing.again, now=datetime.now(UTC)) == 0


def test_a_restored_job_is_erased_again(wedding: Wedding) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))

    wedding.do(erasures.note, Kind.JOB, [wedding.job_id], at=datetime.now(UTC))
    assert wedding.do(erasing.again, now=datetime.now(UTC)) == 1

    assert wedding.do(jobs.listing) == []


@pytest.mark.parametrize("kind", [Kind.JOB, Kind.ENTRY, Kind.UPLOAD])
def test_an_erasure_never_reaches_what_began_after_it(wedding: Wedding, kind: Kind) -> None:
    """A studio that is restored gives ids a second time."""
    upload = wedding.send("Wedding/a.jpg", RED)
    ids = {Kind.JOB: wedding.job_id, Kind.ENTRY: upload.entry_id, Kind.UPLOAD: upload.id}

    wedding.do(erasures.note, kind, [ids[kind]], at=NOON - timedelta(seconds=1))
    assert wedding.do(erasing.again, now=datetime.now(UTC)) == 0

    assert wedding.names() == ["a.jpg"]


def test_a_damaged_file_of_erasures_is_refused(wedding: Wedding) -> None:
    wedding.store.ledger.file.write_text("not a line\n")

    with pytest.raises(BadLedgerError, match="damaged"):
        ledger.read(wedding.store.ledger.file)


def test_the_command_asks_and_erases(wedding: Wedding, jobfs: Run) -> None:
    photo_id = wedding.ingest(wedding.send("Wedding/a.jpg", RED))

    asked = jobfs("photo", "erase", str(photo_id), stdin="n\n", status=1)
    assert "Erase Wedding/a.jpg for good: 1 files, 1 versions" in asked.output
    assert wedding.names() == ["a.jpg"]

    done = jobfs("photo", "erase", str(photo_id), "--yes")
    assert done.stdout.startswith(f"erased photo {photo_id}: 1 files")
    assert wedding.names() == []
    assert bytes_of(wedding) == set()
    assert "there is no photo" in jobfs("photo", "erase", str(photo_id), "--yes", status=1).stderr


def test_a_photo_that_is_not_there_is_refused(wedding: Wedding) -> None:
    with pytest.raises(NoSuchPhotoError):
        wedding.do(erasing.photo, 4711, now=NOON)


def test_a_job_with_files_is_removed_only_with_erase(wedding: Wedding, jobfs: Run) -> None:
    wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")

    refused = jobfs("job", "remove", "Wedding", status=1)
    assert "the job holds 1 files, the trash included" in refused.stderr
    with pytest.raises(JobNotEmptyError):
        wedding.do(erasing.remove_empty, wedding.job_id, now=NOON)

    jobfs("job", "remove", "Wedding", "--erase", "--yes")
    assert wedding.do(jobs.listing) == []
    assert bytes_of(wedding) == set()
    assert jobfs("job", "remove", "Wedding", "--erase", "--yes", status=1).stderr


def test_an_empty_job_is_removed_without_more_ado(wedding: Wedding, jobfs: Run) -> None:
    wedding.mkdir("Wedding/Class 1")

    jobfs("job", "remove", "Wedding")

    assert wedding.do(jobs.listing) == []
    number = wedding.do(Connection.execute, text("SELECT count(*) FROM entry"))
    assert number.scalar_one() == 0


async def test_a_worker_finishes_what_a_killed_command_has_begun(wedding: Wedding) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.do(erasing.begin_job, wedding.job_id, now=datetime.now(UTC))

    async with trio.open_nursery() as nursery, bells.bell(wedding.catalog, nap=0.5) as bell:
        nursery.start_soon(
            expiry.every_hour, Database(wedding.catalog), wedding.store, RetentionConfig()
        )
        while not wedding.store.ledger.file.exists() or wedding.do(erasures.bytes_left):
            await bell.wait()
        nursery.cancel_scope.cancel()

    assert wedding.do(jobs.listing) == []
    assert bytes_of(wedding) == set()
