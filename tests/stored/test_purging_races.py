"""Who empties the trash while others are at work on the same files, on PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import Connection, event, func, select

from jobfs.blobs.store import BlobStore
from jobfs.catalog import photos, purging, sidecars, tasks, trash, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import NoSuchItemError
from jobfs.catalog.schema import EntryRow, PhotoRow
from jobfs.catalog.uploads import Upload
from jobfs.domain.metadata.values import Metadata, Source
from jobfs.domain.uploads import Change
from tests.stored import studio
from tests.stored.sending import claimed
from tests.stored.studio import NOON, wait_until_blocked
from tests.stored.wedding import BLUE, LATER, OTHER_SHOT, RED, Wedding


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


@contextmanager
def just_before(
    connection: Connection, statement: str, step: Callable[[], object]
) -> Iterator[None]:
    """Have somebody else take a step when a connection is about to say a statement for the first time."""
    steps = [step]

    def notice(_connection: object, _cursor: object, said: str, *_rest: object) -> None:
        if said.startswith(statement) and steps:
            with ThreadPoolExecutor(1) as threads:
                threads.submit(steps.pop()).result()

    event.listen(connection, "before_cursor_execute", notice)
    yield
    event.remove(connection, "before_cursor_execute", notice)
    assert not steps, "it was never said"


def _say_title(shared: Wedding, sidecar: Upload) -> None:
    title = Source(said=Metadata(title="The bride"))
    task = claimed(shared.catalog, sidecar.id)
    assert shared.do(sidecars.record, task, title, sha256="1", now=NOON)


def _refuse(shared: Wedding, sidecar: Upload) -> None:
    task = claimed(shared.catalog, sidecar.id)
    words = {"sha256": "2", "reason": "no XMP", "advice": "send another"}
    assert shared.do(photos.refuse, task, Change.NOT_DECODED, now=NOON, **words)


def _titles(shared: Wedding) -> list[tuple[str, str | None]]:
    query = select(EntryRow.name, PhotoRow.title).join(PhotoRow, PhotoRow.entry_id == EntryRow.id)
    rows = shared.do(lambda connection: connection.execute(query.order_by(EntryRow.name)).all())
    return [(name, title) for name, title in rows]


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


def test_a_version_is_restored_while_the_trash_is_emptied(shared: Wedding) -> None:
    """Whoever restores a rewritten version has locked the rewrite first."""
    first = shared.send("Wedding/a.jpg", RED)
    shared.ingest(first)
    rewrite = shared.rewrite("Wedding/a.jpg")
    shared.ingest(shared.do(studio.close, shared.store, rewrite, mtime_ns=5))

    with (
        ThreadPoolExecutor(1) as threads,
        shared.catalog.writing() as connection,
    ):
        uploads.current(connection, first.entry_id, lock=True)
        assert threads.submit(shared.purge).result().uploads == 0
        trash.restore(connection, f"v{first.id}", now=NOON)

    assert shared.content("Wedding/a.jpg") == RED


def test_a_photo_gets_a_name_while_a_version_of_the_sidecar_there_is_purged(
    shared: Wedding,
) -> None:
    shared.ingest(shared.send("Wedding/a.jpg", RED))
    _say_title(shared, shared.send("Wedding/b.xmp", b"<x:xmpmeta/>"))
    _refuse(shared, shared.overwrite("Wedding/b.xmp", b"<x:xmpmeta/> "))

    with (
        shared.catalog.writing() as connection,
        just_before(connection, "SELECT upload_metadata.source", shared.purge),
    ):
        studio.move(connection, shared.store, shared.anna, "Wedding/a.jpg", "Wedding/b.jpg")

    assert _titles(shared) == [("b.jpg", None)]


def test_a_photo_no_longer_says_what_a_sidecar_said_that_got_its_name_while_it_was_purged(
    shared: Wedding,
) -> None:
    shared.ingest(shared.send("Wedding/a.jpg", RED))
    shared.ingest(shared.send("Wedding/b.jpg", BLUE), OTHER_SHOT)
    _say_title(shared, shared.send("Wedding/a.xmp", b"<x:xmpmeta/>"))
    _refuse(shared, shared.overwrite("Wedding/a.xmp", b"<x:xmpmeta/> "))
    rename = partial(shared.move, "Wedding/a.xmp", "Wedding/b.xmp")

    with (
        shared.catalog.writing() as connection,
        just_before(connection, "UPDATE upload SET base_id", rename),
    ):
        purging.purge(connection, removed_before=LATER, now=LATER)

    assert _titles(shared) == [("a.jpg", None), ("b.jpg", None)]


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
