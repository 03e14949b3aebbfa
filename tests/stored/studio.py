"""A small studio for tests of the tree: accounts, jobs, grants, and files as a mount sends them."""

import os
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from jobfs import processes
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import accounts, grants, jobs, roles, tasks
from jobfs.catalog.engine import Catalog
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.judgement import Evidence
from jobfs.tree import changes, content, versions, views
from jobfs.tree.changes import Moment, Place
from jobfs.tree.views import Node

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW: Moment = changes.moment(int(NOON.timestamp()) * 10**9)


def account(connection: Connection, name: str = "anna", *, all_jobs: bool = False) -> int:
    """Add an account and return its id."""
    return accounts.add(connection, name, all_jobs=all_jobs, now=NOON)


def job(
    connection: Connection,
    name: str,
    *account_ids: int,
    right: Right = Right.EDIT,
    status: JobStatus = JobStatus.PLANNED,
) -> int:
    """Add a job, grant it to accounts, and return its id."""
    job_id = jobs.add(connection, name, status=status, now=NOON)
    for account_id in account_ids:
        grants.grant(connection, account_id, job_id, right)
    return job_id


def mount(connection: Connection) -> int:
    """Enter this process as a mount and return the role's id."""
    known = roles.known(connection, kind="mount")
    if known:
        return known[0].id
    process = processes.process(os.getpid())
    assert process is not None
    return roles.start(connection, "mount", process, now=NOON)


def root_of(account_id: int) -> int:
    """Return the inode number of an account's root."""
    return inodes.pack(Kind.ACCOUNT, account_id, account_id)


def entry_of(inode: int) -> int:
    """Return the entry that an inode number names."""
    return inodes.unpack(inode).row


def look(connection: Connection, account_id: int, path: str) -> Node:
    """Return what stands at JOB/..., looked up name by name, as the kernel does."""
    node = views.node(connection, root_of(account_id))
    for name in path.split("/"):
        node = views.child(connection, node.inode, name.encode())
    return node


def listed(connection: Connection, directory: int) -> list[str]:
    """Return the names in a directory, read in pages of two, but for the files that jobfs writes."""
    names: list[str] = []
    after = 0
    while page := views.children(connection, directory, after=after, limit=2):
        names += [node.name for node, _ in page if not is_report(node)]
        after = page[-1].cookie
    return names


def is_report(node: Node) -> bool:
    """Whether jobfs writes a file, and no client has sent it."""
    return inodes.unpack(node.inode).kind is Kind.REPORT


def place(connection: Connection, account_id: int, path: str) -> Place:
    """Return the directory and the name of JOB/.../NAME."""
    above, _, name = path.rpartition("/")
    return Place(look(connection, account_id, above).inode, name.encode())


def mkdir(connection: Connection, account_id: int, path: str) -> Node:
    """Make a directory."""
    return changes.mkdir(connection, *place(connection, account_id, path), now=NOW)


def move(
    connection: Connection,
    store: BlobStore,
    account_id: int,
    old: str,
    new: str,
    *,
    replace: bool = True,
) -> None:
    """Rename by two paths."""
    changes.rename(
        connection, store, place(connection, account_id, old), place(connection, account_id, new),
        replace=replace, now=NOW,
    )  # fmt: skip


def open_new(
    connection: Connection, store: BlobStore, account_id: int, path: str, data: bytes
) -> Upload:
    """Make a file and write into it, without closing it."""
    key = new_key()
    _write(store, key, data)
    _, upload = changes.create(
        connection, *place(connection, account_id, path),
        role_id=mount(connection), blob_key=key, now=NOW,
    )  # fmt: skip
    return upload


def open_again(
    connection: Connection, store: BlobStore, account_id: int, path: str, data: bytes
) -> Upload:
    """Open a file with truncation and write into it, without closing it."""
    _, shown = versions.open_file(
        connection, look(connection, account_id, path).inode, writing=True
    )
    key = new_key()
    _write(store, key, data)
    return versions.start_over(
        connection, shown, account_id=account_id, role_id=mount(connection), blob_key=key, now=NOON
    )


def close(
    connection: Connection, store: BlobStore, upload: Upload, *, mtime_ns: int | None = None
) -> Upload:
    """Close what is being written, as a client does."""
    with store.reading(upload.blob_key) as descriptor:
        found = content.evidence(descriptor, hashed=True)
    return versions.settle(connection, upload.id, found, mtime_ns=mtime_ns, now=NOON).upload


def send(
    connection: Connection, store: BlobStore, account_id: int, path: str, data: bytes
) -> Upload:
    """Send a new file."""
    return close(connection, store, open_new(connection, store, account_id, path, data))


def send_again(
    connection: Connection, store: BlobStore, account_id: int, path: str, data: bytes
) -> Upload:
    """Overwrite a file."""
    return close(connection, store, open_again(connection, store, account_id, path, data))


def plain_sql(catalog: Catalog, statement: str) -> None:
    """Run a statement as a studio's own scripts would: in psql, or in a plain SQLite connection."""
    if catalog.file is not None:
        with closing(sqlite3.connect(catalog.file, isolation_level=None, timeout=30)) as plain:
            plain.executescript(statement)
        return
    url = catalog.url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement],
        check=True, capture_output=True,
    )  # fmt: skip


def wait_until_blocked(catalog: Catalog) -> None:
    """Return when a transaction waits for another's lock, on PostgreSQL."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        with catalog.reading() as connection:
            if connection.execute(waiting).scalar_one():
                return


def granted(connection: Connection, name: str, right: Right) -> int:
    """Add an account that holds a grant on the job Wedding, and return its id."""
    account_id = account(connection, name)
    grants.grant(connection, account_id, jobs.by_name(connection, "Wedding").id, right)
    return account_id


def as_seen_by(account_id: int, inode: int) -> int:
    """Return the number that an entry has in another account's view."""
    return inodes.pack(Kind.ENTRY, account_id, entry_of(inode))


def create(connection: Connection, parent: int, name: bytes) -> Upload:
    """Make a file in a directory that is known by its number alone, as the kernel does."""
    _, upload = changes.create(
        connection, parent, name, role_id=mount(connection), blob_key=new_key(), now=NOW
    )
    return upload


def set_mtime(connection: Connection, store: BlobStore, inode: int, mtime_ns: int = 7) -> None:
    """Set the time of an entry that nobody has open."""
    changes.set_times(
        connection, store, inode, mtime_ns=mtime_ns, atime_ns=None, now=NOW, held=False
    )


def rewrite(connection: Connection, store: BlobStore, account_id: int, received: Upload) -> Upload:
    """Begin to write over a received upload without truncating it."""
    key = new_key()
    os.close(store.copy(key, of=received.blob_key))
    return versions.rewrite(
        connection, received, account_id=account_id, role_id=mount(connection),
        blob_key=key, now=NOON,
    )  # fmt: skip


def cut_off(
    connection: Connection, upload: Upload, size: int, *, mtime_ns: int | None = None
) -> Upload:
    """Let the connection of an upload die when *size* bytes have arrived."""
    found = Evidence(closed=False, finding=content.UNREAD, size=size)
    return versions.settle(connection, upload.id, found, mtime_ns=mtime_ns, now=NOON).upload


def queued(connection: Connection) -> list[int]:
    """Return the uploads that wait for a worker."""
    return [task.upload_id for task in tasks.listing(connection)]


def _write(store: BlobStore, key: str, data: bytes) -> None:
    with os.fdopen(store.create(key), "wb") as file:
        file.write(data)
