"""What a command, and a worker, is told when the database lets another's change go first."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog import erasing, jobs
from jobfs.catalog.engine import Catalog
from jobfs.catalog.opening import opened, reading, writing
from jobfs.catalog.refusals import ChangeUndoneError
from jobfs.config import RetentionConfig
from jobfs.database import Database
from jobfs.domain.jobs import JobStatus
from jobfs.ingest import expiry
from tests.stored.studio import job, plain_sql
from tests.stored.wedding import RED, Wedding

_PATIENCE = 60

#: Lets no row of a table go, as if each deletion ended a deadlock.
_ALWAYS_UNDONE = """
    CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$;
    CREATE TRIGGER undo BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION undo();
"""


class Warned(logging.Handler):
    """Notes the first warning of a log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self.heard = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log."""
        self.text = self.text or record.getMessage()
        self.heard.set()


@pytest.fixture
def on_postgresql(migrated_postgresql: str) -> Iterator[Catalog]:
    """A database whose transactions run beside each other."""
    catalog = Catalog(migrated_postgresql)
    yield catalog
    catalog.dispose()


def _close_both(url: str, order: tuple[int, int], each_has_one: threading.Barrier) -> None:
    """Be a command that changes two jobs, and meets another that begins with the other one."""
    catalog = opened(url, durable=True)
    try:
        with writing(catalog) as connection:
            jobs.set_status(connection, order[0], JobStatus.SELLING)
            each_has_one.wait(_PATIENCE)
            jobs.set_status(connection, order[1], JobStatus.SELLING)
    finally:
        catalog.dispose()


def test_a_command_that_was_in_another_s_way_is_told_that_nothing_was_changed(
    on_postgresql: Catalog, migrated_postgresql: str
) -> None:
    with on_postgresql.writing() as connection:
        first, second = job(connection, "One"), job(connection, "Two")
    each_has_one = threading.Barrier(2)

    with ThreadPoolExecutor(2) as commands:
        running = [
            commands.submit(_close_both, migrated_postgresql, order, each_has_one)
            for order in ((first, second), (second, first))
        ]
        refusals = [error for command in running if (error := command.exception()) is not None]

    (refusal,) = refusals
    assert isinstance(refusal, ChangeUndoneError)
    assert "this one was not made: deadlock detected" in str(refusal)
    with reading(on_postgresql) as connection:
        for name in ("One", "Two"):
            assert jobs.by_name(connection, name).status is JobStatus.SELLING


async def test_a_worker_that_was_in_another_s_way_goes_on(
    on_postgresql: Catalog, store: BlobStore
) -> None:
    wedding = Wedding.add(on_postgresql, store)
    wedding.send("Wedding/a.jpg", RED)
    wedding.do(erasing.begin_job, wedding.job_id, now=datetime.now(UTC))
    plain_sql(on_postgresql, _ALWAYS_UNDONE)
    warned = Warned()
    expiry.log.addHandler(warned)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expiry.every_hour, Database(on_postgresql), store, RetentionConfig())
        await warned.heard.wait()
        nursery.cancel_scope.cancel()

    expiry.log.removeHandler(warned)
    assert warned.text.startswith("cannot finish erasing, trying again in an hour: another change")
