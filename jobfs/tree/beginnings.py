"""A new file that is told of before its rows are there: what it will be, and that it becomes so.

See `jobfs/decisions/0020-told-before-it-is-written.md`.
"""

from dataclasses import dataclass

from jobfs.catalog import entries, numbers, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.catalog.uploads import Upload
from jobfs.tree import changes
from jobfs.tree.changes import Moment, Place
from jobfs.tree.views import Node, entry_node


@dataclass(frozen=True, slots=True)
class Beginning:
    """A file that an account makes, with its first version."""

    account_id: int
    entry: Entry
    upload: Upload

    @property
    def node(self) -> Node:
        """The file as the account sees it."""
        return entry_node(self.entry, self.account_id)


def foresee(connection: Connection, place: Place, *, blob_key: str, now: Moment) -> Beginning:
    """Return what `make` will make, or refuse it as `changes.create` does; changes nothing."""
    account_id, directory, name = changes.free_place(connection, *place)
    ids = numbers.following(connection)
    made = entries.new(
        directory, ids.entry, name, upload_id=ids.upload, account_id=account_id, now_ns=now.ns
    )
    upload = uploads.first(made, ids, account_id=account_id, blob_key=blob_key, now=now.at)
    return Beginning(account_id, made, upload)


def make(connection: Connection, beginning: Beginning, *, role_id: int) -> None:
    """Make the rows of a file, in the transaction in which it was foreseen."""
    entry = beginning.entry
    assert entry.parent_id is not None, "nobody makes the directory of a job here"
    entries.add(
        connection, id=entry.id, job_id=entry.job_id, parent_id=entry.parent_id, name=entry.name,
        directory=False, account_id=beginning.account_id, now_ns=entry.mtime_ns,
    )  # fmt: skip
    uploads.begin_first(connection, beginning.upload, role_id=role_id)
