import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from jobfs.catalog import accounts, feed, grants
from jobfs.catalog.accounts import PublicKey
from jobfs.catalog.engine import Catalog
from jobfs.catalog.feed import START, Event, Position
from jobfs.catalog.migrate import upgrade
from jobfs.domain.events import EventKind
from jobfs.domain.jobs import JobStatus, Right
from tests.conftest import PostgreSQL
from tests.stored.studio import NOON, account, job, plain_sql

KEY = PublicKey(line="ssh-ed25519 AAAA", fingerprint="SHA256:abc", comment="anna@laptop")


@pytest.fixture
def on_postgresql(migrated_postgresql: str) -> Iterator[Catalog]:
    """A catalog whose transactions run beside each other."""
    catalog = Catalog(migrated_postgresql, connections=12)
    yield catalog
    catalog.dispose()


def test_events_come_in_the_order_in_which_they_were_appended(catalog: Catalog) -> None:
    for number in range(5):
        append(catalog, number)

    assert [event.job_id for event in events(catalog)] == [0, 1, 2, 3, 4]


def test_an_event_gives_its_facts_back(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        feed.append(
            connection, EventKind.ENTRY_CREATED, data={"name": "Straße"},
            account_id=1, job_id=2, entry_id=3, upload_id=4, photo_id=5,
        )  # fmt: skip

    (event,) = events(catalog)

    assert event.kind == "entry.created"
    assert event.data == {"name": "Straße"}
    assert (event.account_id, event.job_id, event.entry_id) == (1, 2, 3)
    assert (event.upload_id, event.photo_id) == (4, 5)
    assert event.at.tzinfo is not None


def test_a_feed_is_read_in_pages_without_a_gap(catalog: Catalog) -> None:
    for number in range(7):
        append(catalog, number)

    seen: list[int | None] = []
    position = START
    while page := events(catalog, position, limit=3):
        assert len(page) <= 3
        seen += [event.job_id for event in page]
        position = page[-1].position

    assert seen == list(range(7))


def test_the_end_is_behind_all_that_can_be_read(catalog: Catalog) -> None:
    append(catalog, 1)

    with catalog.reading() as connection:
        end = feed.end(connection)
    append(catalog, 2)

    assert [event.job_id for event in events(catalog, end)] == [2]


def test_an_empty_feed_ends_where_it_starts(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        assert feed.end(connection) == START
        assert feed.look(connection, START) == (START, [], False)


def test_who_looks_for_some_kinds_is_told_of_no_others_and_need_not_pass_them_again(
    catalog: Catalog,
) -> None:
    wanted = frozenset({EventKind.JOB_STATUS})
    with catalog.writing() as connection:
        feed.append(connection, EventKind.JOB_ADDED, job_id=1)
        feed.append(connection, EventKind.JOB_STATUS, job_id=2)
        feed.append(connection, EventKind.JOB_ADDED, job_id=3)

    with catalog.reading() as connection:
        seen = feed.look(connection, START, wanted)

        assert [event.job_id for event in seen.events] == [2]
        assert seen.position == feed.end(connection)
        assert feed.look(connection, seen.position, wanted) == (seen.position, [], False)


def test_a_transaction_that_fails_leaves_no_event(catalog: Catalog) -> None:
    with catalog.writing() as connection, taken_back(connection):
        feed.append(connection, EventKind.JOB_ADDED, job_id=1)

    assert events(catalog) == []


def test_what_was_begun_first_and_committed_last_is_not_lost(on_postgresql: Catalog) -> None:
    with on_postgresql.writing() as first:
        feed.append(first, EventKind.JOB_ADDED, job_id=1)
        with on_postgresql.writing() as second:
            feed.append(second, EventKind.JOB_ADDED, job_id=2)

        assert events(on_postgresql) == []
        with on_postgresql.reading() as connection:
            assert feed.end(connection) == START
            assert feed.look(connection, START) == (START, [], True)

    assert [event.job_id for event in events(on_postgresql)] == [1, 2]


def test_ids_handed_out_against_the_order_of_transactions_lose_nothing(
    on_postgresql: Catalog,
) -> None:
    """The transaction with the lower number appends the event with the higher id, and ends first."""
    with on_postgresql.writing() as later:
        with on_postgresql.writing() as earlier:
            earlier.execute(text("SELECT pg_current_xact_id()"))
            feed.append(later, EventKind.JOB_ADDED, job_id=2)
            feed.append(earlier, EventKind.JOB_ADDED, job_id=1)
        (first,) = events(on_postgresql)
        assert first.job_id == 1

    (second,) = events(on_postgresql, first.position)

    assert second.job_id == 2
    assert first.position.id > second.position.id


def test_a_transaction_that_ends_without_a_change_frees_what_it_held_back(
    on_postgresql: Catalog,
) -> None:
    with on_postgresql.writing() as refused, taken_back(refused):
        feed.append(refused, EventKind.JOB_ADDED, job_id=1)
        append(on_postgresql, 2)

    assert [event.job_id for event in events(on_postgresql)] == [2]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_follower_reads_each_of_a_thousand_events_once_while_they_are_written(
    request: pytest.FixtureRequest, database: str
) -> None:
    name = "on_postgresql" if database == "postgresql" else "on_sqlite"
    catalog: Catalog = request.getfixturevalue(name)

    with ThreadPoolExecutor(9) as threads:
        writers = [threads.submit(write_many, catalog, number) for number in range(8)]
        seen = threads.submit(follow, catalog, writers).result()

    assert Counter((event.account_id, event.job_id) for event in seen) == Counter(
        (writer, number) for writer in range(8) for number in range(125)
    )
    assert [event.position for event in seen] == sorted(event.position for event in seen)
    for writer in range(8):
        own = [event.job_id for event in seen if event.account_id == writer]
        assert own == sorted(own, key=lambda number: number or 0)


@pytest.fixture
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for many threads."""
    catalog = Catalog(f"sqlite:///{tmp_path_factory.mktemp('feed')}/jobfs.sqlite3")
    upgrade(catalog)
    yield catalog
    catalog.dispose()


def write_many(catalog: Catalog, writer: int) -> None:
    """Append 125 events, and between them some that are taken back."""
    for number in range(125):
        if number % 10 == 0:
            with catalog.writing(durable=False) as connection, taken_back(connection):
                feed.append(connection, EventKind.JOB_ADDED, account_id=writer, job_id=-1)
        with catalog.writing(durable=False) as connection:
            feed.append(connection, EventKind.JOB_ADDED, account_id=writer, job_id=number)


def follow(catalog: Catalog, writers: list[Future[None]]) -> list[Event]:
    """Read until the writers have ended and there is nothing left."""
    seen: list[Event] = []
    position = START
    while True:
        ended = all(writer.done() for writer in writers)
        page = events(catalog, position, limit=20)
        if page:
            seen += page
            position = page[-1].position
        elif ended:
            for writer in writers:
                writer.result()
            return seen


#: What a studio's own scripts may say, and the event that must come of it.
STATEMENTS = [
    ("UPDATE job SET status = 'selling' WHERE name = 'Wedding'", "job.status"),
    ("UPDATE job SET name = 'Marriage' WHERE name = 'Wedding'", "job.renamed"),
    ("INSERT INTO job (name, name_key, created_at)"
     " VALUES ('Prom', 'prom', '2026-06-01 12:00:00.000000')", "job.added"),
    ("UPDATE job_grant SET access = 'read'", "grant.changed"),
    ("DELETE FROM job_grant", "grant.removed"),
    ("INSERT INTO job_grant (account_id, job_id, access) SELECT account.id, job.id, 'add'"
     " FROM account, job WHERE account.name = 'berta'", "grant.added"),
    ("UPDATE account SET enabled = false WHERE name = 'anna'", "account.changed"),
    ("UPDATE account SET all_jobs = true WHERE name = 'anna'", "account.changed"),
    ("UPDATE account SET removed_at = '2026-06-02 12:00:00.000000' WHERE name = 'anna'",
     "account.changed"),
    ("INSERT INTO account (name, created_at) VALUES ('carla', '2026-06-01 12:00:00.000000')",
     "account.added"),
    ("INSERT INTO account_key (account_id, key, fingerprint, comment, added_at) SELECT id,"
     " 'ssh-ed25519 BBBB', 'SHA256:def', '', '2026-06-01 12:00:00.000000'"
     " FROM account WHERE name = 'anna'", "key.added"),
    ("DELETE FROM account_key", "key.removed"),
]  # fmt: skip


@pytest.fixture
def position(catalog: Catalog) -> Position:
    """The feed's end when a job, two accounts, a grant and a key are there."""
    with catalog.writing() as connection:
        anna = account(connection)
        account(connection, "berta")
        grants.grant(connection, anna, job(connection, "Wedding"), Right.EDIT)
        accounts.add_key(connection, anna, KEY, now=NOON)
    with catalog.reading() as connection:
        return feed.end(connection)


@pytest.mark.parametrize(("statement", "kind"), STATEMENTS)
def test_plain_sql_counts(catalog: Catalog, position: Position, statement: str, kind: str) -> None:
    plain_sql(catalog, statement)

    (event,) = events(catalog, position)

    assert event.kind == kind
    assert event.at > NOON
    assert event.at.tzinfo is not None


@pytest.mark.parametrize(("statement", "kind"), STATEMENTS)
def test_plain_sql_that_is_rolled_back_is_no_event(
    catalog: Catalog, position: Position, statement: str, kind: str
) -> None:
    plain_sql(catalog, f"BEGIN; {statement}; ROLLBACK")

    assert events(catalog, position) == [], kind


def test_plain_sql_tells_the_old_status_and_the_new(catalog: Catalog, position: Position) -> None:
    plain_sql(catalog, "UPDATE job SET status = 'archived'")

    (event,) = events(catalog, position)

    assert event.data == {"old": JobStatus.PLANNED, "new": JobStatus.ARCHIVED}
    assert event.job_id is not None


def test_plain_sql_tells_the_old_name_and_the_new(catalog: Catalog, position: Position) -> None:
    plain_sql(catalog, "UPDATE job SET name = 'O''Neill \"26\" - Süd'")

    (event,) = events(catalog, position)

    assert event.data == {"old": "Wedding", "new": 'O\'Neill "26" - Süd'}


def test_plain_sql_that_changes_nothing_is_no_event(catalog: Catalog, position: Position) -> None:
    plain_sql(catalog, "UPDATE job SET status = 'planned', name = 'Wedding'")

    assert events(catalog, position) == []


def test_plain_sql_for_many_jobs_is_an_event_for_each(catalog: Catalog, position: Position) -> None:
    with catalog.writing() as connection:
        job(connection, "Prom")

    plain_sql(catalog, "UPDATE job SET status = 'selling'")

    kinds = [event.kind for event in events(catalog, position)]
    assert kinds == ["job.added", "job.status", "job.status"]


def test_the_psql_client_of_the_server_counts(
    on_postgresql: Catalog, postgresql: PostgreSQL
) -> None:
    with on_postgresql.writing() as connection:
        job(connection, "Wedding")
    assert on_postgresql.url.database is not None

    postgresql.psql(on_postgresql.url.database, "UPDATE job SET status = 'prepay'")

    assert [event.kind for event in events(on_postgresql)][-1] == "job.status"


def test_an_event_holds_its_data_as_json_text(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        feed.append(connection, EventKind.ENTRY_CREATED, data={"name": "ü"})
        stored = connection.execute(text("SELECT data FROM event")).scalar_one()

    assert json.loads(stored) == {"name": "ü"}


@contextmanager
def taken_back(connection: Connection) -> Iterator[None]:
    """Undo the transaction at the end of the block, as a refusal does."""
    yield
    connection.rollback()


def append(catalog: Catalog, number: int) -> None:
    with catalog.writing() as connection:
        feed.append(connection, EventKind.JOB_ADDED, job_id=number)


def events(catalog: Catalog, position: Position = START, *, limit: int = 1000) -> list[Event]:
    with catalog.reading() as connection:
        return feed.after(connection, position, limit=limit)
