"""Who empties the trash while others are at work on the same files, on PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import purging, tasks
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import NoSuchItemError
from jobfs.catalog.schema import EntryRow
from tests.stored.test_tree_races import wait_until_blocked
from tests.stored.wedding import BLUE, LATER, RED, Wedding


@pytest.fixture
def shared(migrated_postgresql: str, store: BlobStore) -> Iterator[Wedding]:
    """The job Wedding on PostgreSQL, whose writers are not alone."""
    catalog = Catalog(migrated_postgresql)
    yield Wedding.add(catalog, store)
    catalog.dispose()


@contextmanager
def while_the_trash_is_emptied(
    shared: Wedding, step: Callable[[], object]
) -> Iterator[Future[object]]:
    """Give what somebody asked for while a transaction that empties the trash was under way."""
    with ThreadPoolExecutor(1) as threads:
        with shared.catalog.writing() as connection:
            purging.purge(connection, removed_before=LATER, now=LATER)
            other = threads.submit(step)
            wait_until_blocked(shared.catalog)
        yield other


def test_of_two_who_purge_versions_of_one_file_the_second_takes_the_file_along(
    shared: Wedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 1)
    shared.ingest(shared.send("Wedding/a.jpg", RED))
    shared.ingest(shared.overwrite("Wedding/a.jpg", BLUE))
    shared.unlink("Wedding/a.jpg")

    with while_the_trash_is_emptied(shared, shared.purge) as other:
        other.result()

    files = select(func.count()).where(~EntryRow.directory)
    assert shared.do(lambda connection: connection.execute(files).scalar_one()) == 0
    assert shared.trash() == []


def test_a_photo_is_renamed_while_a_sidecar_of_it_is_purged(shared: Wedding) -> None:
    shared.ingest(shared.send("Wedding/a.jpg", RED))
    sidecar = shared.send("Wedding/a.xmp", b"<x:xmpmeta/>")
    shared.do(tasks.withdraw, sidecar.id)
    shared.unlink("Wedding/a.xmp")

    with while_the_trash_is_emptied(
        shared, lambda: shared.move("Wedding/a.jpg", "Wedding/b.jpg")
    ) as other:
        other.result()

    assert [path for path, _ in shared.photos()] == ["b.jpg"]


def test_a_version_that_is_purged_just_then_cannot_be_restored(shared: Wedding) -> None:
    first = shared.send("Wedding/a.jpg", RED)
    shared.ingest(first)
    shared.ingest(shared.overwrite("Wedding/a.jpg", BLUE))

    with (
        while_the_trash_is_emptied(shared, lambda: shared.restore(f"v{first.id}")) as other,
        pytest.raises(NoSuchItemError),
    ):
        other.result()

    assert shared.content("Wedding/a.jpg") == BLUE
