"""What an account may change in the tree: names come, go and move; times are set.

Each function is one transaction. It locks the jobs concerned first and looks second, so that a
status change, a removal and a creation happen in one order.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from jobfs.blobs.store import BlobStore
from jobfs.catalog import entries, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes, names
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.uploads import UploadState
from jobfs.tree import latecomers, versions
from jobfs.tree.refusals import (
    DirectoryError,
    ForbiddenError,
    IntoItselfError,
    NameTakenError,
    NoDirectoryError,
    NoSuchEntryError,
    NotEmptyError,
    ReadOnlyViewError,
)
from jobfs.tree.views import Node, entry_node, require_directory, require_file, visible_entry


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, as an instant for the rows and in the kernel's nanoseconds for the entries."""

    at: datetime
    ns: int


class Place(NamedTuple):
    """A name in a directory, as the kernel gives both."""

    parent: int
    name: bytes


def moment(ns: int) -> Moment:
    """Return the moment *ns* nanoseconds after 1970 began."""
    return Moment(datetime.fromtimestamp(ns / 10**9, UTC), ns)


def create(
    connection: Connection,
    parent: int,
    raw_name: bytes,
    *,
    role_id: int,
    blob_key: str,
    now: Moment,
) -> tuple[Node, uploads.Upload]:
    """Make a file and start its first upload; raises NameTakenError if the name is there."""
    account_id, directory, name = free_place(connection, parent, raw_name)
    entry_id = entries.add(
        connection, job_id=directory.job_id, parent_id=directory.id, name=name,
        directory=False, account_id=account_id, now_ns=now.ns,
    )  # fmt: skip
    upload_id = uploads.begin(
        connection, entry_id=entry_id, job_id=directory.job_id, account_id=account_id,
        role_id=role_id, blob_key=blob_key, now=now.at,
    )  # fmt: skip
    made = visible_entry(connection, Inode(Kind.ENTRY, account_id, entry_id))
    return entry_node(made, account_id), uploads.get(connection, upload_id)


def mkdir(connection: Connection, parent: int, raw_name: bytes, *, now: Moment) -> Node:
    """Make a directory: an album, a section, or whatever the client likes."""
    account_id, directory, name = free_place(connection, parent, raw_name)
    entry_id = entries.add(
        connection, job_id=directory.job_id, parent_id=directory.id, name=name,
        directory=True, account_id=account_id, now_ns=now.ns,
    )  # fmt: skip
    made = visible_entry(connection, Inode(Kind.ENTRY, account_id, entry_id))
    return entry_node(made, account_id)


def unlink(connection: Connection, parent: int, raw_name: bytes, *, now: Moment) -> None:
    """Take a file out of its directory. Its bytes stay in the trash."""
    account_id, entry = _changeable(connection, parent, raw_name)
    require_file(entry)
    entries.remove(connection, entry, account_id=account_id, now=now.at, now_ns=now.ns)


def rmdir(connection: Connection, parent: int, raw_name: bytes, *, now: Moment) -> None:
    """Take an empty directory out of its directory."""
    account_id, entry = _changeable(connection, parent, raw_name)
    require_directory(entry)
    _require_empty(connection, entry)
    entries.remove(connection, entry, account_id=account_id, now=now.at, now_ns=now.ns)


def rename(
    connection: Connection,
    store: BlobStore,
    old: Place,
    new: Place,
    *,
    replace: bool,
    now: Moment,
) -> bool:
    """Move an entry; what stands at the new name goes to the trash if *replace* allows it.

    Returns whether it is that entry which stands there then.

    A file that was sent under a temporary name is judged under its new one. The rename succeeds
    whatever is found: the client has often removed its target by then.
    """
    _lock(connection, inodes.unpack(old.parent), inodes.unpack(new.parent))
    try:
        account_id, entry = _changeable(connection, *old)
    except NoSuchEntryError:
        _rename_latecomer(connection, store, old, new, now=now)
        return True
    _, directory, name = _place_for(connection, *new)
    there = entries.child(connection, account_id, directory.id, name)
    if there is not None and not replace:
        raise NameTakenError(f"{there.name!r} is there already")
    if entry.directory and entries.stands_in(connection, directory.id, ancestor_id=entry.id):
        raise IntoItselfError(f"{entry.name!r} cannot be moved into itself")
    shown = uploads.current(connection, entry.id, lock=True)  # before the entries, as a close does
    if there is not None and there.id != entry.id:
        _replace(connection, entry, there, account_id, now=now)
    if shown is not None and _is_photo_set_aside(entry, shown, directory, name):
        _set_aside(connection, entry, shown, name, account_id, now=now)
        return False
    entries.move(
        connection, entry, parent=directory, name=name, account_id=account_id, now_ns=now.ns
    )
    versions.judge_again(connection, store, entry.id, now=now.at)
    return True


def _is_photo_set_aside(entry: Entry, shown: Upload, directory: Entry, name: str) -> bool:
    """Whether this is ExifTool's way to keep a backup: F becomes F_original, and a new F will come."""
    named = names.is_original_backup(name) and name == f"{entry.name}_original"
    is_photo = shown.state in {UploadState.RECEIVED, UploadState.INGESTED}
    return named and is_photo and directory.id == entry.parent_id


def _set_aside(
    connection: Connection,
    entry: Entry,
    shown: Upload,
    name: str,
    account_id: int,
    *,
    now: Moment,
) -> None:
    """Give the bytes of a photo a second entry, and leave the photo with its name.

    To its directory the name is gone, as if it were deleted; the next file of that name is the photo's
    next version.
    """
    assert entry.parent_id is not None, "a job's directory is no photo"
    backup_id = entries.add(
        connection, job_id=entry.job_id, parent_id=entry.parent_id, name=name, directory=False,
        account_id=account_id, now_ns=now.ns,
    )  # fmt: skip
    entries.set_times(
        connection, backup_id, mtime_ns=entry.mtime_ns, atime_ns=entry.atime_ns,
        account_id=account_id, now_ns=now.ns,
    )  # fmt: skip
    uploads.set_aside(connection, shown, entry_id=backup_id, now=now.at)
    entries.remove(
        connection, entry, account_id=account_id, replaced=True, now=now.at, now_ns=now.ns
    )


def _rename_latecomer(
    connection: Connection, store: BlobStore, old: Place, new: Place, *, now: Moment
) -> None:
    """Let a client name what it was sending when its job was closed; raises NoSuchEntryError.

    Its last step is often this rename, over a target that it has removed.
    """
    place, target, name = inodes.unpack(old.parent), inodes.unpack(new.parent), names.entry_name
    entry = latecomers.child(connection, place, name(old.name))
    directory = latecomers.entry(connection, target)
    if entry.directory or directory.job_id != entry.job_id:
        raise NoSuchEntryError(f"{old.name!r} cannot be moved: its job is closed")
    _refuse_reserved(directory, name(new.name))
    uploads.current(connection, entry.id, lock=True)  # before the entries, in the order of a close
    there = entries.standing(connection, directory.id, name(new.name))
    if there is not None and there.id != entry.id:
        there = replace(there, access=directory.access)
        _replace(connection, entry, there, place.account, now=now)
    entries.move(
        connection, entry, parent=directory, name=name(new.name), account_id=place.account,
        now_ns=now.ns,
    )  # fmt: skip
    versions.judge_again(connection, store, entry.id, now=now.at)


def set_times(
    connection: Connection,
    store: BlobStore,
    number: int,
    *,
    mtime_ns: int | None,
    atime_ns: int | None,
    now: Moment,
    held: bool,
) -> None:
    """Set the times of an entry; None leaves one as it is.

    Clients set a file's *mtime_ns* when they have sent it: what waits for such a sign is judged.

    *held*: the caller has the file open, so neither its name nor its job need be there any more.
    """
    inode = inodes.unpack(number)
    if inode.kind is Kind.OVERVIEW:
        raise ReadOnlyViewError
    if inode.kind is not Kind.ENTRY:
        raise ForbiddenError("the times of this directory are not the account's to set")
    if not held:
        _require_right_to_change(_settable(connection, inode), inode.account)
    if mtime_ns is not None:
        versions.judge_again(connection, store, inode.row, now=now.at)
    entries.set_times(
        connection, inode.row, mtime_ns=mtime_ns, atime_ns=atime_ns, account_id=inode.account,
        now_ns=now.ns,
    )  # fmt: skip


def _settable(connection: Connection, inode: Inode) -> Entry:
    """Return the entry whose times are to be set: clients do it last, when the job may be closed."""
    try:
        return visible_entry(connection, inode)
    except NoSuchEntryError:
        return latecomers.file(connection, inode)


def _lock(connection: Connection, *places: Inode) -> set[int] | None:
    """Lock the jobs of directories, all at once, and return them; other places need no lock.

    None: nothing need be locked.
    """
    if entries.writers_are_alone(connection):
        return None
    jobs = {
        entry.job_id
        for place in places
        if place.kind is Kind.ENTRY
        and (entry := entries.existing(connection, place.row)) is not None
    }
    entries.lock_jobs(connection, *jobs)
    return jobs


def free_place(connection: Connection, parent: int, raw_name: bytes) -> tuple[int, Entry, str]:
    """Return (account, directory, name) for something new; raises NameTakenError and ForbiddenError."""
    account_id, directory, name = _place_for(connection, parent, raw_name)
    if entries.is_taken(connection, directory.id, name):
        raise NameTakenError(f"{name!r} is there already")
    return account_id, directory, name


def _place_for(connection: Connection, parent: int, raw_name: bytes) -> tuple[int, Entry, str]:
    """Return (account, directory, name) for something new; raises ForbiddenError."""
    place, name = inodes.unpack(parent), names.entry_name(raw_name)
    directory = _directory(connection, place)
    if not directory.access.may_create():
        raise ForbiddenError(f"the job {directory.job_name!r} may only be read")
    _refuse_reserved(directory, name)
    return place.account, directory, name


def _refuse_reserved(directory: Entry, name: str) -> None:
    if directory.parent_id is None and names.is_reserved(name):
        raise ForbiddenError(f"{name!r} is a name that jobfs keeps for itself")


def _changeable(connection: Connection, parent: int, raw_name: bytes) -> tuple[int, Entry]:
    """Return (account, entry) for something to be moved or removed; raises ForbiddenError."""
    place, name = inodes.unpack(parent), names.entry_name(raw_name)
    directory = _directory(connection, place)
    entry = entries.child(connection, place.account, directory.id, name)
    if entry is None:
        raise NoSuchEntryError(f"nothing named {name!r} here")
    _require_right_to_change(entry, place.account)
    return place.account, entry


def _directory(connection: Connection, place: Inode) -> Entry:
    if place.kind is Kind.OVERVIEW:
        raise ReadOnlyViewError
    if place.kind is not Kind.ENTRY:
        raise ForbiddenError("jobs are made and named by the studio, not in the folder tree")
    locked = _lock(connection, place)
    directory = require_directory(visible_entry(connection, place))
    if locked is not None and directory.job_id not in locked:  # it has moved while we waited
        return _directory(connection, place)
    return directory


def _require_empty(connection: Connection, directory: Entry) -> None:
    if not entries.is_empty(connection, directory.id):
        raise NotEmptyError(f"{directory.name!r} is not empty")


def _require_right_to_change(entry: Entry, account_id: int) -> None:
    if not entry.access.may_change(own=entry.created_by == account_id):
        raise ForbiddenError(f"{entry.name!r} may not be changed by this account")


def _replace(
    connection: Connection, entry: Entry, there: Entry, account_id: int, *, now: Moment
) -> None:
    _require_right_to_change(there, account_id)
    if there.directory and not entry.directory:
        raise DirectoryError(f"{there.name!r} is a directory")
    if entry.directory and not there.directory:
        raise NoDirectoryError(f"{there.name!r} is a file")
    if there.directory:
        _require_empty(connection, there)
    entries.remove(
        connection, there, account_id=account_id, replaced=True, now=now.at, now_ns=now.ns
    )
