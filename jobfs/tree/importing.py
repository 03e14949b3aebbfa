"""What an administrator brings into a job from a folder: directories, and files that are whole.

Each function is one transaction. The bytes are in the store before their row is made, so no row says
`receiving`: an import that is killed leaves nothing that somebody would have to settle. The judgement
is that of an upload which its client has finished; a job's status is no matter.
"""

from typing import NamedTuple

from jobfs.blobs.store import BlobStore
from jobfs.catalog import entries, tasks, uploads, usage
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.catalog.uploads import Upload
from jobfs.domain import names
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import SEALED, UploadState
from jobfs.tree import versions
from jobfs.tree.changes import Moment
from jobfs.tree.refusals import (
    ForbiddenError,
    NoSuchEntryError,
    QuotaExceededError,
    StillReceivingError,
)
from jobfs.tree.views import require_directory, require_file


class Place(NamedTuple):
    """A name in a directory, which is known by its entry's id."""

    directory_id: int
    name: bytes


class Bytes(NamedTuple):
    """A blob that no row names yet, and the times of the file it was copied from."""

    key: str
    size: int
    mtime_ns: int
    atime_ns: int


def directory_of(connection: Connection, job_id: int) -> int:
    """Return the entry of a job's own directory."""
    return entries.root(connection, job_id).id


def standing(connection: Connection, place: Place) -> Entry | None:
    """Return what stands at a place; raises ForbiddenError for a name that is jobfs's own."""
    name = names.entry_name(place.name)
    _directory(connection, place, name)
    return entries.standing(connection, place.directory_id, name)


def is_unchanged(entry: Entry, size: int, mtime_ns: int) -> bool:
    """Whether a file with this size and time need not be looked at: it is what an entry shows.

    What broke off, or lacks bytes, may have the size and the time of the whole, and holes.
    """
    sure = entry.state in SEALED or entry.state == UploadState.WAITING
    return sure and entry.size == size and entry.mtime_ns == mtime_ns


def has_time(connection: Connection, entry_id: int, mtime_ns: int) -> bool:
    """Whether an entry, that may be gone by now, has this time."""
    entry = entries.existing(connection, entry_id)
    return entry is None or entry.mtime_ns == mtime_ns


def comparable(connection: Connection, entry: Entry, size: int) -> Upload | None:
    """Return the version an entry shows if its bytes may be those of a file of *size* bytes."""
    shown = uploads.current(connection, entry.id)
    broken = shown is None or shown.gap is not None or shown.state is UploadState.INTERRUPTED
    return None if broken or entry.size != size else shown


def require_admission(
    connection: Connection, place: Place, there: Entry | None, size: int, *, account_id: int | None
) -> None:
    """Raise what `receive` would, before anything is copied for it."""
    shown = None if there is None else uploads.current(connection, require_file(there).id)
    _require_settled(shown)
    _require_room(connection, names.entry_name(place.name), shown, size, account_id=account_id)


def make_directory(
    connection: Connection, place: Place, *, account_id: int | None, now: Moment
) -> int:
    """Return the directory at a place, made if it is not there; raises NoDirectoryError."""
    directory, name = _locked(connection, place)
    there = entries.standing(connection, directory.id, name)
    if there is not None:
        return require_directory(there).id
    return entries.add(
        connection, job_id=directory.job_id, parent_id=directory.id, name=name, directory=True,
        account_id=account_id, now_ns=now.ns,
    )  # fmt: skip


def receive(
    connection: Connection,
    store: BlobStore,
    place: Place,
    arrived: Bytes,
    *,
    account_id: int | None,
    now: Moment,
) -> Upload:
    """Make bytes the file at a place, or its newest version; returns the upload as it was judged.

    Raises DirectoryError, StillReceivingError, QuotaExceededError, ForbiddenError.
    """
    directory, name = _locked(connection, place)
    there = entries.standing(connection, directory.id, name)
    if there is None:
        _require_room(connection, name, None, arrived.size, account_id=account_id)
        entry_id = entries.add(
            connection, job_id=directory.job_id, parent_id=directory.id, name=name, directory=False,
            account_id=account_id, now_ns=now.ns,
        )  # fmt: skip
    else:
        entry_id = require_file(there).id
        _supersede(connection, entry_id, arrived.size, account_id=account_id, now=now)
    upload_id = uploads.put(
        connection, entry_id=entry_id, job_id=directory.job_id, account_id=account_id,
        blob_key=arrived.key, size=arrived.size, now=now.at,
    )  # fmt: skip
    versions.judge_again(connection, store, entry_id, now=now.at, priority=Priority.IMPORT)
    entries.set_times(
        connection, entry_id, mtime_ns=arrived.mtime_ns, atime_ns=arrived.atime_ns,
        account_id=account_id, now_ns=now.ns,
    )  # fmt: skip
    upload = uploads.get(connection, upload_id)
    usage.warn(connection, upload)
    return upload


def set_times(
    connection: Connection,
    store: BlobStore,
    entry_id: int,
    *,
    mtime_ns: int,
    atime_ns: int,
    account_id: int | None,
    now: Moment,
) -> None:
    """Give an entry the times of the file, or the folder, that it was copied from."""
    versions.judge_again(connection, store, entry_id, now=now.at)
    entries.set_times(
        connection, entry_id, mtime_ns=mtime_ns, atime_ns=atime_ns, account_id=account_id,
        now_ns=now.ns,
    )  # fmt: skip


def _locked(connection: Connection, place: Place) -> tuple[Entry, str]:
    """Return the directory of a place, its job locked, and the name."""
    name = names.entry_name(place.name)
    entries.lock_jobs(connection, _directory(connection, place, name).job_id)
    return _directory(connection, place, name), name


def _directory(connection: Connection, place: Place, name: str) -> Entry:
    directory = entries.existing(connection, place.directory_id)
    if directory is None or directory.removed:
        raise NoSuchEntryError("its folder in the job was removed just now")
    if directory.parent_id is None and names.is_reserved(name):
        raise ForbiddenError(f"{name!r} is a name that jobfs keeps for itself")
    return directory


def _supersede(
    connection: Connection, entry_id: int, size: int, *, account_id: int | None, now: Moment
) -> None:
    shown = uploads.current(connection, entry_id, lock=True)
    _require_settled(shown)
    assert shown is not None, "a file shows a version from its creation on"
    _require_room(connection, shown.name, shown, size, account_id=account_id)
    if shown.state is UploadState.WAITING:
        tasks.withdraw(connection, shown.id)
    uploads.supersede(connection, shown, account_id=account_id, now=now.at)


def _require_settled(shown: Upload | None) -> None:
    if shown is not None and shown.state is UploadState.RECEIVING:
        raise StillReceivingError("somebody is sending a file of this name at this moment")


def _require_room(
    connection: Connection, name: str, shown: Upload | None, size: int, *, account_id: int | None
) -> None:
    """Raise QuotaExceededError if an account's quota would be crossed; administrators have none."""
    if account_id is None:
        return
    own = shown.size if shown is not None and shown.account_id == account_id else 0
    found = usage.of_account(connection, account_id)
    if found.quota is not None and not found.has_room_for(size - own):
        raise QuotaExceededError(name, found.quota)
