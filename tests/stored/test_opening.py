"""What a command at a shell is told when the database lets another's change go first."""

import threading
from concurrent.futures import ThreadPoolExecutor

from jobfs.catalog import jobs
from jobfs.catalog.engine import Catalog
from jobfs.catalog.opening import opened, reading, writing
from jobfs.catalog.refusals import ChangeUndoneError
from jobfs.domain.jobs import JobStatus
from tests.stored.studio import job

_PATIENCE = 60


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
    migrated_postgresql: str,
) -> None:
    catalog = Catalog(migrated_postgresql)
    with catalog.writing() as connection:
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
    with reading(catalog) as connection:
        for name in ("One", "Two"):
            assert jobs.by_name(connection, name).status is JobStatus.SELLING
    catalog.dispose()
