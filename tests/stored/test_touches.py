"""What a mount remembers is what it would find, whatever it changes itself meanwhile."""

import os
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from pyfuse3 import EntryAttributes
from sqlalchemy import delete, update

from jobfs.at_once import AtOnce
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import accounts, grants, jobs, trash
from jobfs.catalog.engine import Catalog, Connection
from jobfs.catalog.measures import READS
from jobfs.catalog.schema import AccountRow, BlobRow, EntryRow, UploadRow
from jobfs.database import Database
from jobfs.domain.jobs import JobStatus, Right
from jobfs.errors import JobfsError
from jobfs.mount.directories import OpenDirectories
from jobfs.mount.looking import Looking
from jobfs.tree import beginnings, changes, content, reports, versions, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import NoSuchEntryError
from tests.stored import studio
from tests.stored.studio import NOON, NOW

#: Two spellings of one name among them, a client's temporary name, and one of jobfs's own.
_NAMES = ["a.jpg", "ä.txt", "a\u0308.txt", "x.part", "x", "dir", "dir2", "_STATUS.txt"]
#: Children that no directory here has.
_MANY = 500

Change = Callable[[Connection], object]
Answers = dict[tuple[Any, ...], object]


class Scene(NamedTuple):
    """Two jobs, the account that is granted both, and what was ever found there."""

    account: int
    role: int
    job_ids: list[int]
    directories: list[int]
    files: list[int]


def _scene(connection: Connection) -> Scene:
    account, role = studio.account(connection), studio.mount(connection)
    job_ids = [studio.job(connection, name, account) for name in ("Job", "Other")]
    found = [studio.look(connection, account, name).inode for name in ("Job", "Other")]
    return Scene(account, role, job_ids, found, [])


@pytest.fixture
def quick(sqlite: Catalog) -> Iterator[Catalog]:
    """A database whose transactions wait for no disk, so that all are made on one connection."""
    catalog = Catalog(sqlite.url, durable=False)
    yield catalog
    catalog.dispose()


def _changes(scene: Scene, store: BlobStore, chance: random.Random) -> dict[str, Change]:
    """Return one of each kind of change that a mount makes, or a command through the same door."""
    place = partial(_place, scene, chance)
    file, job_id = chance.choice([*scene.files, 1]), chance.choice(scene.job_ids)
    status = chance.choice([JobStatus.PLANNED, JobStatus.PLANNED, JobStatus.SELLING])
    return {
        "create": lambda c: _create(c, scene, store, place()),
        "foresee": lambda c: _foresee(c, scene, place()),
        "mkdir": lambda c: changes.mkdir(c, *place(), now=NOW),
        "unlink": lambda c: changes.unlink(c, *place(), now=NOW),
        "rmdir": lambda c: changes.rmdir(c, *place(), now=NOW),
        "rename": lambda c: changes.rename(c, store, place(), place(), replace=True, now=NOW),
        "times": lambda c: studio.set_mtime(c, store, file, chance.randrange(9)),
        "close": lambda c: studio.close(c, store, _shown(c, file), mtime_ns=chance.randrange(9)),
        "overwrite": lambda c: _begin(c, scene, store, file, versions.start_over),
        "rewrite": lambda c: _begin(c, scene, store, file, versions.rewrite),
        "resume": lambda c: versions.resume(c, _shown(c, file), role_id=scene.role),
        "cut off": lambda c: studio.cut_off(c, _shown(c, file), 1),
        "latecomers": lambda c: _receive_latecomers(c, store),
        "status": lambda c: jobs.set_status(c, job_id, status),
        "job's name": lambda c: jobs.rename(c, job_id, chance.choice(["Job", "Third"])),
        "grant": lambda c: grants.grant(c, scene.account, job_id, chance.choice(list(Right))),
        "revoke": lambda c: grants.revoke(c, scene.account, job_id),
        "all jobs": lambda c: c.execute(update(AccountRow).values(all_jobs=chance.random() < 0.5)),
        "reports": lambda c: accounts.set_status_files(c, scene.account, shown=chance.random() < 0.5),
        "restore": lambda c: trash.restore(c, trash.listing(c, job_id)[0].id, now=NOON),
        "size": lambda c: c.execute(update(BlobRow).values(size=chance.randrange(9))),
        "all names": lambda c: c.execute(update(EntryRow).values(ctime_ns=chance.randrange(9))),
        "lost": lambda c: c.execute(delete(UploadRow).where(UploadRow.current.is_(False))),
    }  # fmt: skip


def _place(scene: Scene, chance: random.Random) -> Place:
    return Place(chance.choice(scene.directories), chance.choice(_NAMES).encode())


def _create(connection: Connection, scene: Scene, store: BlobStore, place: Place) -> None:
    key = _blob(store)
    changes.create(connection, *place, role_id=scene.role, blob_key=key, now=NOW)


def _foresee(connection: Connection, scene: Scene, place: Place) -> None:
    begun = beginnings.foresee(connection, place, blob_key=new_key(), now=NOW)
    beginnings.make(connection, begun, role_id=scene.role)


def _receive_latecomers(connection: Connection, store: BlobStore) -> None:
    for entry_id in versions.unnamed_latecomers(connection, None):
        versions.receive_latecomer(connection, store, entry_id, now=NOON)


def _begin(
    connection: Connection, scene: Scene, store: BlobStore, file: int, rule: Callable[..., object]
) -> None:
    rule(
        connection, _shown(connection, file), account_id=scene.account, role_id=scene.role,
        blob_key=_blob(store), now=NOON,
    )  # fmt: skip


def _blob(store: BlobStore) -> str:
    key = new_key()
    with os.fdopen(store.create(key), "wb") as file:
        file.write(b"some text")
    return key


def _shown(connection: Connection, number: int) -> Any:
    return versions.open_file(connection, number, writing=True)[1]


def _opened(connection: Connection, number: int) -> Any:
    return versions.open_file(connection, number, writing=False)


def _listed(connection: Connection, number: int) -> Any:
    found = views.children(connection, number, after=0, limit=_MANY)
    return [_as_listed(node.name.encode(), node) for node, _ in found]


def _as_listed(name: bytes, known: views.Node | EntryAttributes) -> tuple[object, ...]:
    """Return what the kernel is told of a child; of what is being sent, all that is known of it."""
    if isinstance(known, EntryAttributes):
        return (
            name,
            known.st_ino,
            known.st_size,
            known.st_nlink,
            known.st_mtime_ns,
            known.st_ctime_ns,
        )
    return name, known.inode, known.size, known.links, known.mtime_ns, known.ctime_ns


async def _lists(directories: OpenDirectories, number: int) -> list[tuple[object, ...]]:
    handle = await directories.open(number)
    page = await directories.of(handle).children(after=0)
    directories.close(handle)
    return [_as_listed(name, known) for name, known, _ in page.children]


def _questions(scene: Scene) -> Iterator[tuple[Any, ...]]:
    above = studio.root_of(scene.account)
    for number in (above, *scene.directories, *scene.files):
        yield views.node, number
    for number in scene.files:
        yield views.open_node, number
        yield _opened, number
    for number in scene.directories:
        yield views.directory, number
        yield _listed, number
        for name in _NAMES:
            yield views.child, number, name.encode()
        yield reports.is_kept, number, b"_STATUS.txt"
    for name in ("Job", "Third", "_NO_JOBS.txt", "nothing"):
        yield views.child, above, name.encode()


def _found(connection: Connection, scene: Scene) -> Answers:
    return {asked: _answer(connection, *asked) for asked in _questions(scene)}


def _answer(connection: Connection, question: Callable[..., object], *about: object) -> object:
    try:
        return question(connection, *about)
    except JobfsError as refusal:
        return type(refusal)


async def _remembered(tree: Looking, directories: OpenDirectories, scene: Scene) -> Answers:
    ask: dict[object, Callable[..., Awaitable[object]]] = {
        reports.is_kept: lambda *about: tree.keeps(Place(*about)),
        views.child: tree.child,
        views.node: tree.node,
        views.directory: tree.directory,
        views.open_node: tree.open_node,
        _opened: partial(tree.open_file, writing=False),
        _listed: partial(_lists, directories),
    }
    return {asked: await _told(ask[asked[0]], *asked[1:]) for asked in _questions(scene)}


async def _told(ask: Callable[..., Awaitable[object]], *about: Any) -> object:
    try:
        return await ask(*about)
    except JobfsError as refusal:
        return type(refusal)


def _explore(scene: Scene, answers: Answers) -> None:
    """Know the numbers of what was found, for ever."""
    for node in answers.values():
        if isinstance(node, views.Node) and not studio.is_report(node):
            known = scene.directories if node.is_directory else scene.files
            if node.inode not in known and node.inode != studio.root_of(scene.account):
                known.append(node.inode)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_remembered_is_what_would_be_found_after_every_kind_of_change(
    quick: Catalog, store: BlobStore, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (nothing is kept secret)
    database = Database(quick, AtOnce())
    tree = Looking(database)
    directories = OpenDirectories(tree)
    scene = await database.write_briefly(_scene)
    made = set()

    for _ in range(150):
        kinds = _changes(scene, store, chance)
        kind = chance.choice([*kinds, *["create", "mkdir", "rename", "close"] * 3])
        before = database.mark()
        try:
            await database.write_briefly(kinds[kind])
            made.add(kind)
        except (JobfsError, IndexError):
            pass  # refused: nothing of that kind could be changed
        assert database.mark().others == before.others, "the mount has changed it itself"
        found = await database.read_briefly(_found, scene)
        assert await _remembered(tree, directories, scene) == found, kind
        assert await _remembered(tree, directories, scene) == found, f"{kind}, remembered"
        _explore(scene, found)

    assert len(made) > 15


async def test_a_name_is_there_again_in_a_folder_that_was_moved_out_of_sight_and_back(
    quick: Catalog, store: BlobStore
) -> None:
    """Whoever stands in the folder asks for names by its number, wherever it is."""
    database = Database(quick, AtOnce())
    tree = Looking(database)
    scene = await database.write_briefly(_scene)
    ben = await database.write_briefly(studio.account, "ben")
    await database.write_briefly(grants.grant, ben, scene.job_ids[0], Right.EDIT)
    seen, hidden = scene.directories
    folder = await database.write_briefly(changes.mkdir, seen, b"dir", now=NOW)
    await database.write_briefly(studio.create, folder.inode, b"x")
    folder_of_ben = studio.as_seen_by(ben, folder.inode)
    there, away = Place(seen, b"dir"), Place(hidden, b"dir")

    await database.write_briefly(changes.rename, store, there, away, replace=True, now=NOW)
    with pytest.raises(NoSuchEntryError):
        await tree.child(folder_of_ben, b"x")
    await database.write_briefly(changes.rename, store, away, there, replace=True, now=NOW)

    assert (await tree.child(folder_of_ben, b"x")).name == "x"


async def test_the_folder_of_a_closed_job_goes_when_its_last_latecomer_is_written_on(
    quick: Catalog, store: BlobStore
) -> None:
    database = Database(quick, AtOnce())
    tree = Looking(database)
    scene = await database.write_briefly(_scene)
    directory = scene.directories[0]
    await database.write_briefly(_create, scene, store, Place(directory, b"a.jpg.part"))
    file = (await tree.child(directory, b"a.jpg.part")).inode
    upload = await database.read_briefly(_shown, file)
    with store.reading(upload.blob_key) as descriptor:
        evidence = content.evidence(descriptor)
    now = datetime.now(UTC)  # a job is closed by the database's clock
    await database.write_briefly(versions.settle, upload.id, evidence, mtime_ns=None, now=now)
    await database.write_briefly(jobs.set_status, scene.job_ids[0], JobStatus.SELLING)
    assert await tree.node(directory)

    await database.write_briefly(versions.resume, upload, role_id=scene.role)

    with pytest.raises(NoSuchEntryError):
        await database.read_briefly(views.node, directory)
    with pytest.raises(NoSuchEntryError):
        await tree.node(directory)


async def test_a_change_leaves_remembered_what_it_does_not_touch(quick: Catalog) -> None:
    database = Database(quick, AtOnce())
    tree = Looking(database)
    scene = await database.write_briefly(_scene)
    job, other = scene.directories
    await database.write_briefly(studio.create, job, b"a.jpg")
    seen = await tree.child(job, b"a.jpg"), await tree.node(other)
    with pytest.raises(NoSuchEntryError):
        await tree.child(job, b"b.jpg")

    await database.write_briefly(studio.create, job, b"c.jpg")
    before = _reads()
    seen_again = await tree.child(job, b"a.jpg"), await tree.node(other)
    with pytest.raises(NoSuchEntryError):
        await tree.child(job, b"b.jpg")

    assert seen_again == seen
    assert _reads() == before


def _reads() -> int:
    """Return how many transactions have only read so far."""
    counts, _ = READS.durations.read()
    return sum(counts)
