"""What accounts use: the count never drifts from what their files add up to, whoever changes what."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import count
from random import Random
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, text

from jobfs.blobs.store import BlobStore
from jobfs.catalog import accounts, feed, purging, trash, uploads, usage
from jobfs.catalog.engine import Catalog
from jobfs.catalog.uploads import Upload
from jobfs.domain.events import EventKind
from jobfs.domain.quotas import Usage
from jobfs.domain.uploads import SEALED
from jobfs.errors import JobfsError
from jobfs.tree import changes, versions
from tests.stored.studio import (
    NOON,
    NOW,
    account,
    close,
    cut_off,
    job,
    look,
    mkdir,
    mount,
    move,
    open_again,
    open_new,
    place,
    plain_sql,
    rewrite,
    send,
    send_again,
    wait_until_blocked,
)

T = TypeVar("T")

#: So few names that they meet again and again; one is a client's temporary name.
NAMES = st.sampled_from(["a.jpg", "b.txt", "c.jpg.part"])
PATHS = st.builds("".join, st.tuples(st.sampled_from(["", "Class 1/", "Class 2/"]), NAMES))
FOLDERS = st.sampled_from(["Class 1", "Class 2"])
SIZES = st.integers(0, 40)
WHO = st.sampled_from(["anna", "ben"])


def counted(connection: Connection) -> dict[int, int]:
    """Return what the files of each account add up to, counted one by one."""
    every = text(
        "SELECT upload.account_id, CAST(sum(upload.size) AS bigint) FROM upload"
        " JOIN entry ON entry.id = upload.entry_id"
        " WHERE upload.current AND entry.removed_at IS NULL AND upload.account_id IS NOT NULL"
        " GROUP BY upload.account_id"
    )
    return {account_id: size for account_id, size in connection.execute(every) if size}


def kept(connection: Connection) -> dict[int, int]:
    """Return what the catalog says without counting."""
    return {account_id: used for account_id, used in usage.by_account(connection).items() if used}


class Sending(RuleBasedStateMachine):
    """Two photographers and an administrator do to one job whatever can be done to it."""

    def __init__(self, catalog: Catalog, store: BlobStore, name: str, ids: dict[str, int]) -> None:
        super().__init__()
        self._catalog, self._store, self._name, self._ids = catalog, store, name, ids
        with catalog.writing(durable=False) as connection:
            self._job_id = job(connection, name, *ids.values())

    @initialize(files=st.lists(st.tuples(WHO, PATHS, SIZES), min_size=4, max_size=8))
    def begin(self, files: list[tuple[str, str, int]]) -> None:
        """Fill the job, since most of what can go wrong needs something to be there."""
        for folder in ("Class 1", "Class 2"):
            self.mkdir("anna", folder)
        for who, path, size in files:
            self.send(who, path, size, finish=True)

    @rule(who=WHO, path=PATHS, size=SIZES, finish=st.booleans())
    def send(self, who: str, path: str, size: int, finish: bool) -> None:
        """Send a new file; it may stay open."""
        self._do(lambda it: self._ended(it, finish, self._open(it, open_new, who, path, size)))

    @rule(who=WHO, path=PATHS, size=SIZES, finish=st.booleans())
    def overwrite(self, who: str, path: str, size: int, finish: bool) -> None:
        """Open a file with truncation and write it."""
        self._do(lambda it: self._ended(it, finish, self._open(it, open_again, who, path, size)))

    @rule(who=WHO, path=PATHS)
    def rewrite(self, who: str, path: str) -> None:
        """Begin to write over a file without truncating it."""

        def act(connection: Connection) -> None:
            shown = self._shown(connection, who, path)
            if shown.state in SEALED:
                rewrite(connection, self._store, self._ids[who], shown)

        self._do(act)

    @rule(path=PATHS, size=SIZES)
    def resume(self, path: str, size: int) -> None:
        """Go on with an upload that broke off, until it is longer or shorter."""

        def act(connection: Connection) -> None:
            shown = self._shown(connection, "anna", path)
            if shown.state not in SEALED:
                upload = versions.resume(connection, shown, role_id=mount(connection))
                cut_off(connection, upload, size)

        self._do(act)

    @rule(path=PATHS)
    def finish(self, path: str) -> None:
        """Close a file that is being written."""
        self._do(lambda it: close(it, self._store, self._shown(it, "anna", path)))

    @rule(path=PATHS, size=SIZES)
    def drop(self, path: str, size: int) -> None:
        """Let the connection die through which a file is being written."""
        self._do(lambda it: cut_off(it, self._shown(it, "anna", path), size))

    @rule(who=WHO, old=st.one_of(PATHS, FOLDERS), new=st.one_of(PATHS, FOLDERS))
    def rename(self, who: str, old: str, new: str) -> None:
        """Move a file or a folder, over what stands there."""
        at = f"{self._name}/"
        self._do(lambda it: move(it, self._store, self._ids[who], at + old, at + new))

    @rule(who=WHO, path=PATHS)
    def unlink(self, who: str, path: str) -> None:
        """Remove a file."""
        self._do(lambda it: changes.unlink(it, *self._place(it, who, path), now=NOW))

    @rule(who=WHO, path=FOLDERS)
    def rmdir(self, who: str, path: str) -> None:
        """Remove a folder."""
        self._do(lambda it: changes.rmdir(it, *self._place(it, who, path), now=NOW))

    @rule(who=WHO, path=FOLDERS)
    def mkdir(self, who: str, path: str) -> None:
        """Make a folder."""
        self._do(lambda it: mkdir(it, self._ids[who], f"{self._name}/{path}"))

    @rule(which=st.integers(0, 9))
    def restore(self, which: int) -> None:
        """Put something back from the trash."""

        def act(connection: Connection) -> None:
            items = trash.listing(connection, self._job_id)
            if items:
                trash.restore(connection, items[which % len(items)].id, now=NOON)

        self._do(act)

    @rule()
    def purge(self) -> None:
        """Empty the trash."""
        late = NOON + timedelta(days=1)
        self._do(lambda it: purging.purge(it, removed_before=late, job_id=self._job_id, now=late))

    @invariant()
    def nothing_drifts(self) -> None:
        """Compare what is kept with what is there."""
        with self._catalog.reading() as connection:
            assert kept(connection) == counted(connection)

    def _do(self, act: Callable[[Connection], object]) -> None:
        """Do it in a transaction of its own, unless it is refused."""
        with suppress(JobfsError), self._catalog.writing(durable=False) as connection:
            act(connection)

    def _open(
        self,
        connection: Connection,
        begin: Callable[[Connection, BlobStore, int, str, bytes], uploads.Upload],
        who: str,
        path: str,
        size: int,
    ) -> uploads.Upload:
        return begin(connection, self._store, self._ids[who], f"{self._name}/{path}", b"x" * size)

    def _ended(self, connection: Connection, finish: bool, upload: uploads.Upload) -> None:
        if finish:
            close(connection, self._store, upload)

    def _place(self, connection: Connection, who: str, path: str) -> changes.Place:
        return place(connection, self._ids[who], f"{self._name}/{path}")

    def _shown(self, connection: Connection, who: str, path: str) -> uploads.Upload:
        inode = look(connection, self._ids[who], f"{self._name}/{path}").inode
        return versions.open_file(connection, inode, writing=True)[1]


def test_the_count_is_what_a_recount_says_whatever_is_done(
    catalog: Catalog, store: BlobStore
) -> None:
    numbers = count(1)
    with catalog.writing() as connection:
        ids = {name: account(connection, name) for name in ("anna", "ben")}
        mount(connection)

    class ThisOne(Sending):
        def __init__(self) -> None:
            super().__init__(catalog, store, f"Job {next(numbers)}", ids)

    run_state_machine_as_test(
        ThisOne,
        settings=settings(
            max_examples=40 if catalog.is_sqlite else 20, stateful_step_count=25,
            deadline=None, derandomize=True,
        ),
    )  # fmt: skip
    with catalog.reading() as connection:
        changed = connection.execute(text("SELECT max(id) FROM account_usage")).scalar_one()
        assert changed > 61, "too little was done for the changes to be added up even once"


def test_plain_sql_is_counted_like_everything_else(catalog: Catalog, store: BlobStore) -> None:
    with catalog.writing() as connection:
        anna = account(connection)
        account(connection, "ben")
        job(connection, "Wedding", anna)
        for number in range(5):
            send(connection, store, anna, f"Wedding/{number}", b"x" * 10)

    for statement in (
        "UPDATE upload SET account_id = 2 WHERE id IN (1, 2)",
        "UPDATE upload SET account_id = NULL WHERE id = 2",
        "UPDATE upload SET size = size + 1",
        "UPDATE entry SET removed_at = '2026-06-01 12:00:00' WHERE name IN ('3', '4')",
        "DELETE FROM task; DELETE FROM upload WHERE id IN (1, 4)",
    ):
        plain_sql(catalog, statement)
        with catalog.reading() as connection:
            assert kept(connection) == counted(connection), statement

    with catalog.reading() as connection:
        assert kept(connection) == {anna: 11}


def test_the_changes_are_added_up_now_and_then(catalog: Catalog, store: BlobStore) -> None:
    """Whoever asks for the count reads a few rows, however much was ever sent."""
    with catalog.writing() as connection:
        anna, ben = account(connection), account(connection, "ben")
        job(connection, "Wedding", anna, ben)
        for who, name in ((anna, "a"), (ben, "b")):
            send(connection, store, who, f"Wedding/{name}", b"xy")
        for _ in range(150):
            for who, name in ((anna, "a"), (ben, "b")):
                send_again(connection, store, who, f"Wedding/{name}", b"xy")

        rows = connection.execute(text("SELECT count(*) FROM account_usage")).scalar_one()
        assert rows < 150
        assert kept(connection) == {anna: 2, ben: 2}


# --- what several do at once ---


@pytest.fixture
def shared(migrated_postgresql: str) -> Iterator[Catalog]:
    """A catalog on PostgreSQL with a job Wedding, in which anna (1) and ben (2) may edit."""
    catalog = Catalog(migrated_postgresql)
    with catalog.writing() as connection:
        job(connection, "Wedding", account(connection), account(connection, "ben"))
        mount(connection)
    yield catalog
    catalog.dispose()


@pytest.mark.parametrize("first", ["close", "removal"])
def test_a_file_that_is_removed_during_its_close_counts_for_nothing(
    shared: Catalog, store: BlobStore, first: str
) -> None:
    with shared.writing() as connection:
        upload = open_new(connection, store, 1, "Wedding/a.jpg", b"x" * 100)

    def close_it(connection: Connection) -> None:
        close(connection, store, upload, mtime_ns=7)

    def remove_it(connection: Connection) -> None:
        changes.unlink(connection, *place(connection, 1, "Wedding/a.jpg"), now=NOW)

    order = [close_it, remove_it] if first == "close" else [remove_it, close_it]
    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            order[0](connection)
            other = threads.submit(in_a_transaction, shared, order[1])
            wait_until_blocked(shared)
        other.result()

    with shared.reading() as connection:
        assert kept(connection) == counted(connection) == {}


def test_whoever_waited_for_a_file_holds_the_version_it_shows_by_then(
    shared: Catalog, store: BlobStore
) -> None:
    """Else a rename would go on beside an overwrite, each waiting for what the other holds."""
    with shared.writing() as connection:
        file = send(connection, store, 1, "Wedding/a.jpg", b"x").entry_id

    def hold_it(connection: Connection) -> Upload | None:
        held = uploads.current(connection, file, lock=True)
        with shared.writing() as other:
            free = text("SELECT id FROM upload WHERE current FOR UPDATE SKIP LOCKED")
            assert other.execute(free).scalars().all() == []
        return held

    with ThreadPoolExecutor(1) as threads:
        with shared.writing() as connection:
            again = send_again(connection, store, 2, "Wedding/a.jpg", b"y")
            other = threads.submit(in_a_transaction, shared, hold_it)
            wait_until_blocked(shared)
        held = other.result()
    assert held is not None
    assert held.id == again.id


def test_many_at_once_neither_deadlock_nor_drift(shared: Catalog, store: BlobStore) -> None:
    """Closes, overwrites, renames, removals and restores of two accounts, by four threads."""
    with shared.writing() as connection:
        for account_id in (1, 2):
            accounts.set_quota(connection, account_id, 2000)
    all_begin = threading.Barrier(4)

    def work(seed: int) -> None:
        chance = Random(seed)  # noqa: S311 (no secret)
        all_begin.wait(60)
        for _ in range(60):
            who, size = chance.choice((1, 2)), chance.randrange(1, 100)
            one, other = (f"Wedding/{chance.choice('abcd')}" for _ in range(2))
            act = chance.choice((send_it, send_over, rename_it, remove_it, restore_it))
            with suppress(JobfsError), shared.writing(durable=False) as connection:
                act(connection, store, who, one, other, size)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, seed) for seed in range(4)]:
            future.result()

    with shared.reading() as connection:
        assert kept(connection) == counted(connection)


def send_it(
    connection: Connection, store: BlobStore, who: int, one: str, _other: str, size: int
) -> None:
    send(connection, store, who, one, b"x" * size)


def send_over(
    connection: Connection, store: BlobStore, who: int, one: str, _other: str, size: int
) -> None:
    send_again(connection, store, who, one, b"x" * size)


def rename_it(
    connection: Connection, store: BlobStore, who: int, one: str, other: str, _size: int
) -> None:
    move(connection, store, who, one, other)


def remove_it(
    connection: Connection, _store: BlobStore, who: int, one: str, _other: str, _size: int
) -> None:
    changes.unlink(connection, *place(connection, who, one), now=NOW)


def restore_it(
    connection: Connection, _store: BlobStore, _who: int, _one: str, _other: str, size: int
) -> None:
    items = trash.listing(connection, 1)
    if items:
        trash.restore(connection, items[size % len(items)].id, now=NOON)


def in_a_transaction(catalog: Catalog, act: Callable[[Connection], T]) -> T:
    with catalog.writing() as connection:
        return act(connection)


# --- quotas, and events near them ---


def announced(connection: Connection) -> list[tuple[int | None, object]]:
    """Return whose quota was announced to be how full, in order."""
    found: list[tuple[int | None, object]] = []
    position = feed.START
    while events := feed.after(connection, position):
        position = events[-1].position
        found += [
            (event.account_id, event.data["percent"])
            for event in events
            if event.kind == EventKind.QUOTA_REACHED
        ]
    return found


def events_of(catalog: Catalog) -> list[tuple[int | None, object]]:
    with catalog.reading() as connection:
        return announced(connection)


@pytest.fixture
def limited(catalog: Catalog) -> Catalog:
    """A catalog with a job Wedding; anna (1) may have 1000 bytes, ben (2) as much as he likes."""
    with catalog.writing() as connection:
        anna = accounts.add(connection, "anna", quota=1000, now=NOON)
        job(connection, "Wedding", anna, account(connection, "ben"))
    return catalog


def put(catalog: Catalog, store: BlobStore, who: int, name: str, size: int) -> None:
    """Send a file, new or again, in a transaction of its own."""
    with catalog.writing() as connection:
        path, data = f"Wedding/{name}", b"x" * size
        try:
            look(connection, who, path)
        except JobfsError:
            send(connection, store, who, path, data)
        else:
            send_again(connection, store, who, path, data)


def test_what_an_account_may_have_and_has(limited: Catalog, store: BlobStore) -> None:
    put(limited, store, 1, "a", 300)
    put(limited, store, 2, "b", 50)

    with limited.reading() as connection:
        assert usage.of_account(connection, 1) == Usage(300, 1000)
        assert usage.of_account(connection, 2) == Usage(50, None)
        assert usage.of_account(connection, 99) == Usage(0, None)


def test_nearing_a_quota_is_announced_once_a_step(limited: Catalog, store: BlobStore) -> None:
    for number, size in enumerate((700, 100, 50, 50, 49, 1, 30)):
        put(limited, store, 1, f"{number}", size)

    assert events_of(limited) == [(1, 80), (1, 95)]


def test_the_announcement_says_by_which_file_and_how_much(
    limited: Catalog, store: BlobStore
) -> None:
    put(limited, store, 1, "a", 960)

    with limited.reading() as connection:
        event = feed.after(connection, feed.START)[-1]
        assert event.kind == EventKind.QUOTA_REACHED
        assert (event.account_id, event.job_id, event.upload_id) == (1, 1, 1)
        assert event.data == {"percent": 95, "used": 960, "quota": 1000}


def test_overwriting_a_file_near_the_quota_announces_nothing_again(
    limited: Catalog, store: BlobStore
) -> None:
    put(limited, store, 1, "a", 780)
    for size in (20, 21, 20):
        put(limited, store, 1, "b", size)

    assert events_of(limited) == [(1, 80)]


def test_after_a_deletion_it_is_announced_again(limited: Catalog, store: BlobStore) -> None:
    put(limited, store, 1, "a", 400)
    put(limited, store, 1, "b", 400)
    with limited.writing() as connection:
        changes.unlink(connection, *place(connection, 1, "Wedding/a"), now=NOW)
    put(limited, store, 1, "c", 450)

    assert events_of(limited) == [(1, 80), (1, 80)]


def test_without_a_quota_nothing_is_announced(limited: Catalog, store: BlobStore) -> None:
    put(limited, store, 2, "a", 10_000)

    assert events_of(limited) == []


def test_an_announcement_is_no_news_of_the_account_itself(
    limited: Catalog, store: BlobStore
) -> None:
    """Else every login role would write its files anew."""
    with limited.reading() as connection:
        before = feed.end(connection)

    put(limited, store, 1, "a", 960)

    with limited.reading() as connection:
        kinds = {event.kind for event in feed.after(connection, before)}
    assert EventKind.QUOTA_REACHED in kinds
    assert EventKind.ACCOUNT_CHANGED not in kinds


def test_a_changed_quota_is_news_of_the_account(limited: Catalog) -> None:
    with limited.reading() as connection:
        before = feed.end(connection)
    with limited.writing() as connection:
        accounts.set_quota(connection, 1, None)

    with limited.reading() as connection:
        assert [event.kind for event in feed.after(connection, before)] == [
            EventKind.ACCOUNT_CHANGED
        ]
        assert accounts.by_name(connection, "anna").quota is None
