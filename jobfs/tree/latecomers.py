"""What a client still finds in a job that was closed while it was sending: its own unfinished files.

Nothing is listed. By name and number it reaches those files and the directories they stand in, to
name them, to set their times and to look at them, and for nothing else. A file that was whole under
a temporary name has got its final name from jobfs; its client finds it under the temporary one until
it has given it the final name itself, as if nothing had happened.
"""

from jobfs.catalog import latecomers
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.domain import names
from jobfs.domain.inodes import Inode, Kind
from jobfs.tree.refusals import NoSuchEntryError


def entry(connection: Connection, inode: Inode) -> Entry:
    """Return a file that a client may finish, or a directory above one; raises NoSuchEntryError."""
    for found in _files(connection, inode.account):
        if found.id == inode.row:
            return found
        for above in _directories(connection, inode.account, found):
            if above.id == inode.row:
                return above
    raise NoSuchEntryError(f"entry {inode.row} is not there for account {inode.account}")


def file(connection: Connection, inode: Inode) -> Entry:
    """Return a file that a client may finish; raises NoSuchEntryError."""
    found = entry(connection, inode)
    if found.directory:
        raise NoSuchEntryError(f"entry {inode.row} is not there for account {inode.account}")
    return found


def child(connection: Connection, parent: Inode, name: str) -> Entry:
    """Return the same by its name in a directory, or in an account's root; raises NoSuchEntryError."""
    key = names.entry_key(name)
    for found in _files(connection, parent.account):
        for below in (found, *_directories(connection, parent.account, found)):
            if _stands_in(below, parent) and names.entry_key(_known_as(below)) == key:
                return below
    raise NoSuchEntryError(f"nothing named {name!r} here")


def _stands_in(below: Entry, parent: Inode) -> bool:
    if parent.kind is Kind.ACCOUNT:
        return below.parent_id is None
    return below.parent_id == parent.row


def _known_as(found: Entry) -> str:
    return found.job_name if found.parent_id is None else found.sent_as or found.name


def _files(connection: Connection, account_id: int) -> list[Entry]:
    """Return the files. What waits under its final name, junk or empty, was closed in time."""
    return [
        latecomer.entry
        for latecomer in latecomers.of_account(connection, account_id)
        if latecomer.late or names.is_temporary(latecomer.entry.name)
    ]


def _directories(connection: Connection, account_id: int, found: Entry) -> list[Entry]:
    """Return the directories above a file, the job's own last."""
    above: list[Entry] = []
    parent_id = found.parent_id
    while parent_id is not None:
        above.append(latecomers.directory(connection, account_id, parent_id))
        parent_id = above[-1].parent_id
    return above
