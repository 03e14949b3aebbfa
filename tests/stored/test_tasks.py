import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed, tasks, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import NoSuchTaskError
from jobfs.catalog.tasks import Task
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import Change, UploadState
from tests.stored.sending import Sender, now, pending
from tests.stored.studio import wait_until_blocked

LEASE = timedelta(minutes=5)
LATER = timedelta(hours=1)


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


def claim(catalog: Catalog, worker: str = "1", *, lease: timedelta = LEASE) -> Task | None:
    with catalog.writing() as connection:
        return tasks.claim(connection, worker=worker, lease=lease, now=now())


def claim_one(catalog: Catalog, worker: str = "1", *, lease: timedelta = LEASE) -> Task:
    task = claim(catalog, worker, lease=lease)
    assert task is not None
    return task


def wakeup(catalog: Catalog) -> timedelta | None:
    with catalog.reading() as connection:
        return tasks.next_wakeup(connection, now=now())


def fail(catalog: Catalog, task: Task) -> None:
    with catalog.writing() as connection:
        assert tasks.give_up(connection, task, "it is no use", now=now())


def kinds(catalog: Catalog) -> list[str]:
    with catalog.reading() as connection:
        return [event.kind for event in feed.after(connection, feed.START)]


# --- asking ---


def test_an_upload_has_one_task_however_often_it_is_asked_for(sender: Sender) -> None:
    upload = sender.send("a.jpg")

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now())

    assert pending(sender.catalog) == [upload]


def test_asking_again_moves_a_waiting_task(sender: Sender) -> None:
    upload = sender.send("a.jpg")

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now(), delay=LATER)

    assert claim(sender.catalog) is None


def test_asking_again_leaves_a_claimed_task_alone(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    task = claim_one(sender.catalog)

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now())

    assert claim(sender.catalog) is None
    with sender.catalog.writing() as connection:
        assert tasks.finish(connection, task)


def test_asking_again_frees_a_failed_task(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    fail(sender.catalog, claim_one(sender.catalog))

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now())

    assert claim_one(sender.catalog).attempts == 1


def test_a_task_may_not_begin_before_its_time(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now(), delay=LATER)

    nap = wakeup(sender.catalog)

    assert nap is not None
    assert LATER - timedelta(minutes=1) < nap <= LATER
    assert claim(sender.catalog) is None


def test_a_lifted_task_begins_at_once(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, upload, now=now(), delay=LATER)

    with sender.catalog.writing() as connection:
        tasks.lift(connection, upload, now=now())

    assert wakeup(sender.catalog) == timedelta(0)
    assert claim_one(sender.catalog).upload_id == upload


# --- claiming ---


def test_the_oldest_task_is_claimed_first(sender: Sender) -> None:
    sent = [sender.send(name) for name in ("b.jpg", "a.jpg", "c.jpg")]

    assert [claim_one(sender.catalog).upload_id for _ in sent] == sent
    assert claim(sender.catalog) is None


def test_sentcome_before_imports_and_those_before_renditions_made_anew(sender: Sender) -> None:
    asked = [Priority.RERENDER, Priority.IMPORT, Priority.UPLOAD, Priority.IMPORT, Priority.UPLOAD]
    sent = [sender.send(f"{number}.jpg", priority=one) for number, one in enumerate(asked)]

    begun = [claim_one(sender.catalog).upload_id for _ in sent]

    assert begun == [sent[position] for position in (2, 4, 1, 3, 0)]


def test_an_import_that_an_upload_of_its_file_waits_for_is_as_urgent(sender: Sender) -> None:
    other = sender.send("b.jpg", priority=Priority.IMPORT)
    first = sender.send("a.jpg", priority=Priority.IMPORT)
    waiting = sender.send("c.jpg")

    second = sender.send("a.jpg")

    begun = []
    while (task := claim(sender.catalog)) is not None:
        begun.append(task.upload_id)
        with sender.catalog.writing() as connection:
            tasks.finish(connection, task)
    assert begun == [waiting, first, second, other]


def test_renditions_that_are_asked_for_anew_keep_no_newer_upload_waiting(sender: Sender) -> None:
    photo = sender.send("a.jpg")
    with sender.catalog.writing() as connection:
        tasks.withdraw(connection, photo)
    newer = sender.send("a.jpg")
    sender.send("b.jpg", priority=Priority.IMPORT)

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, photo, now=now(), priority=Priority.RERENDER)

    task = claim_one(sender.catalog)
    assert task.upload_id == photo
    with sender.catalog.writing() as connection:
        tasks.finish(connection, task)
    assert claim_one(sender.catalog).upload_id == newer


def test_an_upload_loses_no_place_when_its_renditions_are_asked_for(sender: Sender) -> None:
    first, second = sender.send("a.jpg"), sender.send("b.jpg")

    with sender.catalog.writing() as connection:
        tasks.enqueue(connection, first, now=now(), priority=Priority.RERENDER)

    assert [claim_one(sender.catalog).upload_id for _ in range(2)] == [first, second]


def test_the_backlogs_say_how_much_waits_and_for_how_long(sender: Sender) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        sender.send(name)
    fail(sender.catalog, claim_one(sender.catalog))
    claim_one(sender.catalog)
    upload = sender.send("e.jpg", priority=Priority.IMPORT)
    with sender.catalog.writing() as connection:
        tasks.withdraw(connection, upload)
        tasks.enqueue(connection, upload, now=now(), delay=LATER, priority=Priority.IMPORT)

    with sender.catalog.reading() as connection:
        sent, imports, renditions = tasks.backlogs(connection, now=now())

    assert (sent.waiting, sent.working, sent.failed) == (2, 1, 1)
    assert sent.age is not None
    assert timedelta(0) <= sent.age < LATER
    assert (imports.waiting, imports.age) == (1, None)
    assert (renditions.waiting, renditions.working, renditions.failed) == (0, 0, 0)


def test_two_workers_never_get_the_same_task(sender: Sender) -> None:
    sent = [sender.send(f"{number}.jpg") for number in range(40)]
    claimed: list[int] = []
    together = threading.Barrier(4)

    def work(worker: str) -> None:
        together.wait()
        misses = 0
        while misses < 3:  # another's uncommitted claim is skipped, and may be rolled back
            task = claim(sender.catalog, worker)
            if task is None:
                misses += 1
            else:
                claimed.append(task.upload_id)

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Counter(claimed) == Counter(sent)


def test_a_task_whose_lease_has_run_out_is_free_again(sender: Sender) -> None:
    sender.send("a.jpg")
    lost = claim_one(sender.catalog, lease=timedelta(seconds=-1))

    again = claim_one(sender.catalog, "2")

    assert again.id == lost.id
    assert again.attempts == 2
    with sender.catalog.writing() as connection:
        assert not tasks.extend(connection, lost, lease=LEASE, now=now())
        assert not tasks.postpone(connection, lost, until=now(), error="late")
        assert not tasks.give_up(connection, lost, "late", now=now())
        assert not tasks.finish(connection, lost)
        assert tasks.finish(connection, again)


def test_a_worker_that_lives_keeps_its_lease(sender: Sender) -> None:
    sender.send("a.jpg")
    task = claim_one(sender.catalog, lease=timedelta(seconds=-1))

    with sender.catalog.writing() as connection:
        assert tasks.extend(connection, task, lease=LEASE, now=now())

    assert claim(sender.catalog, "2") is None


def test_a_worker_sleeps_until_the_next_lease_ends(sender: Sender) -> None:
    sender.send("a.jpg")
    claim_one(sender.catalog)

    nap = wakeup(sender.catalog)

    assert nap is not None
    assert LEASE - timedelta(minutes=1) < nap <= LEASE


def test_a_worker_without_work_sleeps_until_something_happens(sender: Sender) -> None:
    assert wakeup(sender.catalog) is None


def test_nothing_is_ingested_while_somebody_writes_to_its_entry(sender: Sender) -> None:
    first = sender.send("a.jpg")
    second = sender.begin("a.jpg")
    assert wakeup(sender.catalog) is None
    assert claim(sender.catalog) is None

    sender.close(second)

    assert claim_one(sender.catalog).upload_id == first


def test_sentof_one_entry_have_their_turns(sender: Sender) -> None:
    first, second = sender.send("a.jpg"), sender.send("a.jpg")
    other = sender.send("b.jpg")

    begun = [claim_one(sender.catalog), claim_one(sender.catalog)]

    assert [task.upload_id for task in begun] == [first, other]
    assert claim(sender.catalog) is None
    with sender.catalog.writing() as connection:
        tasks.finish(connection, begun[0])
    assert claim_one(sender.catalog).upload_id == second


def test_a_failed_task_holds_up_no_later_upload_of_its_entry(sender: Sender) -> None:
    sender.send("a.jpg")
    second = sender.send("a.jpg")

    fail(sender.catalog, claim_one(sender.catalog))

    assert claim_one(sender.catalog).upload_id == second


# --- ending ---


def test_a_postponed_task_waits_and_remembers_why(sender: Sender) -> None:
    sender.send("a.jpg")
    task = claim_one(sender.catalog)

    with sender.catalog.writing() as connection:
        assert tasks.postpone(connection, task, until=now() + LATER, error="the disk is full")

    assert claim(sender.catalog) is None
    with sender.catalog.reading() as connection:
        (queued,) = tasks.listing(connection)
    assert (queued.state, queued.attempts, queued.error) == ("waiting", 1, "the disk is full")
    assert queued.claimed_by is None


def test_a_task_that_is_given_up_fails_its_upload_and_says_why(sender: Sender) -> None:
    upload = sender.send("Class 1/a.jpg")

    fail(sender.catalog, claim_one(sender.catalog))

    assert sender.upload(upload).state is UploadState.FAILED
    assert kinds(sender.catalog)[-1] == "task.failed"
    with sender.catalog.reading() as connection:
        (queued,) = tasks.listing(connection)
    assert (queued.path, queued.state) == ("Plainview/Class 1/a.jpg", "failed")
    assert wakeup(sender.catalog) is None


def test_the_tasks_of_a_worker_that_ends_are_free_at_once(sender: Sender) -> None:
    sender.send("a.jpg")
    sender.send("b.jpg")
    mine, others = claim_one(sender.catalog, "1"), claim_one(sender.catalog, "2")

    with sender.catalog.writing() as connection:
        assert tasks.free_claims(connection, "1", tried=False) == 1

    again = claim_one(sender.catalog, "3")
    assert (again.id, again.attempts) == (mine.id, 1)
    with sender.catalog.writing() as connection:
        assert tasks.finish(connection, others)


def test_a_worker_without_a_living_role_is_dead(sender: Sender) -> None:
    sender.send("a.jpg")
    claim_one(sender.catalog, "4711 somewhere 12")

    with sender.catalog.reading() as connection:
        assert tasks.dead_workers(connection, now=now()) == ["4711 somewhere 12"]


# --- people ---


def test_a_retried_task_begins_anew(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    task = claim_one(sender.catalog)
    fail(sender.catalog, task)

    with sender.catalog.writing() as connection:
        tasks.retry(connection, task.id, now=now())

    assert sender.upload(upload).state is UploadState.RECEIVED
    assert kinds(sender.catalog)[-1] == "task.retried"
    assert claim_one(sender.catalog).attempts == 1


def test_every_failed_task_can_be_retried_at_once(sender: Sender) -> None:
    for name in ("a.jpg", "b.jpg"):
        sender.send(name)
        fail(sender.catalog, claim_one(sender.catalog))

    with sender.catalog.writing() as connection:
        assert tasks.retry_all(connection, now=now()) == 2

    claim_one(sender.catalog)
    claim_one(sender.catalog)


def test_a_task_is_retried_while_somebody_else_is_at_work_on_its_upload(sender: Sender) -> None:
    """Each locks the upload before its task, so that neither waits for what the other has."""
    if sender.catalog.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    upload = sender.send("a.jpg")
    fail(sender.catalog, claim_one(sender.catalog))

    def retry_all() -> int:
        with sender.catalog.writing() as connection:
            return tasks.retry_all(connection, now=now())

    with ThreadPoolExecutor(1) as threads:
        with sender.catalog.writing() as connection:
            uploads.get(connection, upload, lock=True)
            retried = threads.submit(retry_all)
            wait_until_blocked(sender.catalog)
            tasks.enqueue(connection, upload, now=now())
        assert retried.result() == 1


def test_a_task_that_is_not_there_cannot_be_retried(sender: Sender) -> None:
    with sender.catalog.writing() as connection, pytest.raises(NoSuchTaskError):
        tasks.retry(connection, 12345, now=now())


def test_nothing_begins_while_ingest_is_paused(sender: Sender) -> None:
    sender.send("a.jpg")

    with sender.catalog.writing() as connection:
        assert tasks.pause(connection)
        assert not tasks.pause(connection)
        assert tasks.is_paused(connection)

    assert wakeup(sender.catalog) is None
    assert claim(sender.catalog) is None
    with sender.catalog.writing() as connection:
        assert tasks.resume(connection)
    claim_one(sender.catalog)
    assert [kind for kind in kinds(sender.catalog) if kind.startswith("ingest")] == [
        "ingest.paused",
        "ingest.resumed",
    ]


def test_an_upload_judged_in_the_meantime_does_not_fail(sender: Sender) -> None:
    upload = sender.send("a.jpg")
    task = claim_one(sender.catalog)
    with sender.catalog.writing() as connection:
        found = uploads.get(connection, upload)
        uploads.change(connection, found, Change.NOT_DECODED, now=datetime.now(now().tzinfo))

    fail(sender.catalog, task)

    assert sender.upload(upload).state is UploadState.DAMAGED
