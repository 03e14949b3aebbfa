"""Whose turn it is: uploads before imports, nobody overtaken, and no task left lying that could begin."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, delete

from jobfs.blobs.store import BlobStore
from jobfs.catalog import tasks
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import TaskRow
from jobfs.catalog.tasks import Task
from jobfs.domain.tasks import Priority
from tests.stored.sending import Sender, now

T = TypeVar("T")

#: Of all workers together.
DECODERS = 2
LEASE = timedelta(minutes=5)
LATER = timedelta(hours=1)


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    return Sender(catalog, store)


#: So few names that versions of one file meet in the queue.
NAMES = st.sampled_from(["a.jpg", "b.jpg", "c.jpg"])
SENT = st.sampled_from([Priority.UPLOAD, Priority.IMPORT])
ANY = st.integers(0, 7)
#: How work on a task may end; most of it well.
ENDS = st.sampled_from(["done", "done", "done", "later", "failed", "freed"])


@dataclass
class Asked:
    """A task as the plain model knows it: *since* is the step at which it was allowed to begin."""

    upload_id: int
    name: str
    priority: Priority
    since: int
    state: str = "waiting"  # later, working, failed
    claim: Task | None = None


class Queueing(RuleBasedStateMachine):
    """Files are sent, imported and rendered again, and workers do with their tasks whatever they can."""

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self._sender = sender
        self._asked: list[Asked] = []
        self._done: list[Asked] = []
        self._writing: dict[str, int] = {}
        self._steps = count(1)
        self._paused = False

    # --- what people do ---

    @rule(files=st.lists(st.tuples(NAMES, SENT), min_size=2, max_size=5))
    def send(self, files: list[tuple[str, Priority]]) -> None:
        """Send files, or import them."""
        for name, priority in files:
            if name not in self._writing:
                upload_id = self._sender.send(name, priority=priority)
                self._ask(Asked(upload_id, name, priority, next(self._steps)))

    @rule(name=NAMES)
    def write(self, name: str) -> None:
        """Begin to send a file, or end it."""
        upload_id = self._writing.pop(name, None)
        if upload_id is None:
            self._writing[name] = self._sender.begin(name)
            return
        self._sender.close(upload_id)
        self._ask(Asked(upload_id, name, Priority.UPLOAD, next(self._steps)))

    @rule(which=ANY)
    def render_again(self, which: int) -> None:
        """Ask for renditions of what has been done before, whatever has taken its name since."""
        if self._done:
            done = self._done.pop(which % len(self._done))
            again = Asked(done.upload_id, done.name, Priority.RERENDER, next(self._steps))
            self._do(
                lambda it: tasks.enqueue(it, again.upload_id, now=now(), priority=Priority.RERENDER)
            )
            self._ask(again)

    @rule(paused=st.sampled_from([False, False, False, True]))
    def pause_or_resume(self, paused: bool) -> None:
        """Pause the studio, or let it go on."""
        changed = self._do(tasks.pause if paused else tasks.resume)
        assert changed == (paused != self._paused)
        self._paused = paused

    @rule(which=ANY)
    def retry(self, which: int) -> None:
        """Try one again that failed, or let one that is put back begin at once."""
        back = [task for task in self._asked if task.state in {"failed", "later"}]
        if back:
            task = back[which % len(back)]
            task_id = self._task_id(task)
            self._do(lambda it: tasks.retry(it, task_id, now=now()))
            task.state, task.since = "waiting", next(self._steps)
            self._urge(task.name)

    # --- what workers do ---

    @rule(ends=st.lists(ENDS, min_size=1, max_size=5))
    def work(self, ends: list[str]) -> None:
        """Begin tasks, and end each at once."""
        for end in ends:
            task = self._begun()
            if task is not None:
                self._end(task, end)

    @rule()
    def begin(self) -> None:
        """Begin a task that takes a while."""
        self._begun()

    def _begun(self) -> Asked | None:
        """Claim what is next, if a decoder is free; it is what the model says."""
        if sum(task.state == "working" for task in self._asked) == DECODERS:
            return None
        claim = self._do(lambda it: tasks.claim(it, worker="1", lease=LEASE, now=now()))
        eligible = self._eligible()
        if claim is None:
            assert eligible == []
            return None
        first = min(eligible, key=lambda task: (task.priority, task.since))
        assert claim.upload_id == first.upload_id
        for other in eligible:
            assert other.priority is not Priority.UPLOAD or first.since <= other.since
        first.state, first.claim = "working", claim
        return first

    @rule(which=ANY, end=ENDS)
    def end(self, which: int, end: str) -> None:
        """End one of the tasks at work, well or not."""
        working = [task for task in self._asked if task.state == "working"]
        if working:
            task = working[which % len(working)]
            self._end(task, end)

    @invariant()
    def nobody_sleeps_while_a_task_can_begin(self) -> None:
        """A worker that looks hears of it at once, and otherwise of no task that it could have."""
        nap = self._do(lambda it: tasks.next_wakeup(it, now=now()))
        assert (nap == timedelta(0)) == bool(self._eligible())

    def teardown(self) -> None:
        """Do what is left, so that every example has its share of turns."""
        self.pause_or_resume(paused=False)
        for working in [task for task in self._asked if task.state == "working"]:
            self._end(working, "done")
        for name in list(self._writing):
            self.write(name)
        while (task := self._begun()) is not None:
            self._end(task, "done")

    # --- the model ---

    def _ask(self, task: Asked) -> None:
        self._asked.append(task)
        self._urge(task.name)

    def _urge(self, name: str) -> None:
        """Let each version of a file be as urgent as the later ones that wait for it."""
        step = next(self._steps)
        versions = [task for task in self._asked if task.name == name and task.state != "failed"]
        versions.sort(key=lambda task: task.upload_id)
        for position, task in enumerate(versions):
            most = min(later.priority for later in versions[position:])
            if most < task.priority:
                task.priority, task.since = most, step

    def _eligible(self) -> list[Asked]:
        return [] if self._paused else [task for task in self._asked if self._may_begin(task)]

    def _may_begin(self, task: Asked) -> bool:
        earlier = (
            other.name == task.name and other.upload_id < task.upload_id and other.state != "failed"
            for other in self._asked
        )  # fmt: skip
        return task.state == "waiting" and task.name not in self._writing and not any(earlier)

    def _end(self, task: Asked, end: str) -> None:
        claim = task.claim
        assert claim is not None
        if end == "done":
            assert self._do(lambda it: tasks.finish(it, claim))
            self._asked.remove(task)
            self._done.append(task)
        elif end == "later":
            assert self._do(lambda it: tasks.postpone(it, claim, until=now() + LATER, error="!"))
            task.state = "later"
        elif end == "failed":
            assert self._do(lambda it: tasks.give_up(it, claim, "it is no use", now=now()))
            task.state = "failed"
        else:
            self._free_all()

    def _free_all(self) -> None:
        """Free every claim, as when the worker ends: the tasks have their old places."""
        self._do(lambda it: tasks.free_claims(it, "1", tried=True))
        for task in self._asked:
            if task.state == "working":
                task.state = "waiting"

    def _task_id(self, task: Asked) -> int:
        with self._sender.catalog.reading() as connection:
            listed = tasks.listing(connection)
        return next(one.id for one in listed if one.upload_id == task.upload_id)

    def _do(self, change: Callable[[Connection], T]) -> T:
        with self._sender.catalog.writing(durable=False) as connection:
            return change(connection)


def test_the_turns_are_those_of_a_plain_model_whatever_happens(
    catalog: Catalog, store: BlobStore
) -> None:
    numbers = count(1)

    class ThisOne(Queueing):
        def __init__(self) -> None:
            super().__init__(Sender(catalog, store, f"Job {next(numbers)}"))

        def teardown(self) -> None:
            super().teardown()
            with catalog.writing() as connection:
                connection.execute(delete(TaskRow))

    run_state_machine_as_test(
        ThisOne,
        settings=settings(
            max_examples=8, stateful_step_count=20,
            deadline=None, derandomize=True,
        ),
    )  # fmt: skip


def test_several_workers_at_once_let_no_upload_be_overtaken(sender: Sender) -> None:
    workers, imports = 4, 24
    for number in range(imports):
        sender.send(f"old {number}.jpg", priority=Priority.IMPORT)
    happened: list[tuple[str, int]] = []
    together = threading.Barrier(workers)

    def work(worker: int) -> None:
        """Do what there is, and send a file after every other task."""
        together.wait()
        for turn in range(imports):
            with sender.catalog.writing(durable=False) as connection:
                task = tasks.claim(connection, worker=str(worker), lease=LEASE, now=now())
            if task is None:
                return
            happened.append(("begun", task.upload_id))
            if turn % 2:
                happened.append(("asked", sender.send(f"new {worker} {turn}.jpg")))
            with sender.catalog.writing(durable=False) as connection:
                assert tasks.finish(connection, task)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    uploads = [upload for what, upload in happened if what == "asked"]
    assert len(uploads) > workers
    for upload in uploads:
        begun = happened.index(("begun", upload))
        asked = min(happened.index(("asked", upload)), begun)
        between = [one for what, one in happened[asked:begun] if what == "begun"]
        overtaking = [one for one in between if one not in uploads or one > upload]
        assert len(overtaking) <= 2 * workers
