"""`.jobfs/all`: every job once, whatever its status, with every file once; for root, and for looking only.

An account's view of a job is there while the job is planned, and as often as there are accounts that
were granted it. Here `find` and `du` count each file once.
"""

from jobfs.catalog import entries, overview, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.domain.inodes import Inode, Kind
from jobfs.tree.refusals import DirectoryError, NoSuchEntryError


def entry(connection: Connection, inode: Inode) -> Entry:
    """Return the entry behind an inode; raises NoSuchEntryError if it is in the trash, or nowhere."""
    found = entries.existing(connection, inode.row)
    if found is None or found.removed:
        raise NoSuchEntryError(f"there is no entry {inode.row}")
    return found


def child(connection: Connection, parent: Inode, name: str) -> Entry:
    """Return what a directory, or `all` itself, holds under a name; raises NoSuchEntryError."""
    if parent.kind is Kind.OVERVIEW:
        found = entries.standing(connection, entry(connection, parent).id, name)
    else:
        found = overview.job_directory(connection, name)
    if found is None:
        raise NoSuchEntryError(f"nothing named {name!r} here")
    return found


def children(connection: Connection, parent: Inode, *, after: int, limit: int) -> list[Entry]:
    """Return up to *limit* entries of a directory, or jobs of `all` itself, by id."""
    if parent.kind is Kind.OVERVIEW:
        return overview.children(connection, parent.row, after=after, limit=limit)
    return overview.job_directories(connection, after=after, limit=limit)


def original(connection: Connection, number: int) -> Upload:
    """Return the version that a file shows; raises NoSuchEntryError, DirectoryError."""
    found = entry(connection, inodes.unpack(number))
    shown = uploads.current(connection, found.id)
    if shown is None and found.directory:
        raise DirectoryError(f"{found.name!r} is a directory")
    if shown is None:
        raise NoSuchEntryError(f"{found.name!r} was erased just then")
    return shown
