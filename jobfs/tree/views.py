"""Jobs as directories: what an account finds under a name or a number.

    /                     the mount's root; names are accounts, and only root may list it
    /.jobfs               for root alone, see `jobfs.tree.admin`
    /.jobfs/all/JOB/...   every job, see `jobfs.tree.overview`
    /ACCOUNT              the account's chroot; names are its planned, granted jobs
    /ACCOUNT/JOB/...      entries, as sent

Every function checks status and grant anew: a working directory, an open directory or a number the
kernel remembers reaches them without a lookup. What a client may still finish in a job that was
closed is `latecomers`' to say.
"""

import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jobfs.catalog import children as children_of
from jobfs.catalog import entries
from jobfs.catalog.children import Child
from jobfs.catalog.engine import Connection
from jobfs.domain import inodes
from jobfs.domain.accounts import uid_of
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.names import entry_name
from jobfs.domain.uploads import UploadState
from jobfs.tree import admin, latecomers, overview, reports
from jobfs.tree.refusals import DirectoryError, NoDirectoryError, NoSuchEntryError

#: The root's own names are walked through, never listed by accounts.
_ROOT_MODE = stat.S_IFDIR | 0o711
#: sshd takes a chroot that is root's and that nobody else may write to; others keep out.
_ACCOUNT_MODE = stat.S_IFDIR | 0o750
_DIRECTORY_MODE = stat.S_IFDIR | 0o755
FILE_MODE = stat.S_IFREG | 0o644
_REPORT_MODE = stat.S_IFREG | 0o444
#: Seconds for which an answer holds. A job that left `planned` is gone within 0.1 s: so what leads to files
#: holds for a part of that only. See `jobfs/decisions/0015-brief-kernel-caches.md`.
_BRIEFLY = 0.03
#: Of a file whose content is settled; and of one that was listed, since clients ask for the names that they
#: were given, a hundred with each round of a line that may be slow.
_LONGER, LISTED = 0.1, 1.0
_SETTLED = {
    UploadState.RECEIVED, UploadState.INGESTED, UploadState.UNSUPPORTED, UploadState.DAMAGED
}  # fmt: skip
_OVERVIEW_MODES = {True: stat.S_IFDIR | 0o555, False: stat.S_IFREG | 0o444}


class Node(NamedTuple):
    """A directory or file with its attributes, named as struct stat names them; times in ns.

    holds  for how many seconds whoever has asked need not ask again
    rests  it is as it is told here until somebody commits: no version is being written, nothing is made
           when somebody looks
    above  number of the directory above a directory: what its `..` is
    """

    inode: int
    name: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    size: int = 0
    links: int = 1
    upload_id: int | None = None
    holds: float = 0.0
    rests: bool = False
    above: int = inodes.ROOT_INODE

    @property
    def is_directory(self) -> bool:
        """Whether it has children instead of content."""
        return stat.S_ISDIR(self.mode)


class Listed(NamedTuple):
    """A child as it is listed; *cookie* is where a listing goes on behind it."""

    node: Node
    cookie: int


def node(connection: Connection, number: int) -> Node:
    """Return what an inode number names."""
    fixed = fixed_node(number)
    if fixed is not None:
        return fixed
    inode = inodes.unpack(number)
    if inode.kind is Kind.ACCOUNT:
        return _account_node(_account(connection, inode.account))
    if inode.kind is Kind.OVERVIEW:
        return overview_node(overview.entry(connection, inode))
    if inode.kind is Kind.REPORT:
        reports.require(connection, inode)
        return report_node(number)
    try:
        entry = visible_entry(connection, inode)
    except NoSuchEntryError:
        entry = latecomers.entry(connection, inode)
    return entry_node(entry, inode.account)


def directory(connection: Connection, number: int) -> Node:
    """Return a directory that may be listed; nothing may in a job that was closed."""
    inode = inodes.unpack(number)
    if inode.kind is Kind.ENTRY:
        return entry_node(require_directory(visible_entry(connection, inode)), inode.account)
    if inode.kind is Kind.OVERVIEW:
        return overview_node(require_directory(overview.entry(connection, inode)))
    return node(connection, number)


def open_node(connection: Connection, number: int) -> Node:
    """Return the attributes of a file that somebody has open, whatever has become of its name."""
    inode = inodes.unpack(number)
    entry = entries.existing(connection, inode.row)
    if entry is None:
        raise NoSuchEntryError(f"no entry {inode.row}")
    if inode.kind is Kind.OVERVIEW:
        return overview_node(entry)
    return entry_node(entry, inode.account)


def was_file(connection: Connection, number: int) -> bool:
    """Whether a number is that of an account's file, whatever has become of it."""
    inode = inodes.unpack(number)
    entry = entries.existing(connection, inode.row) if inode.kind is Kind.ENTRY else None
    return entry is not None and not entry.directory


def child(connection: Connection, parent: int, raw_name: bytes) -> Node:
    """Return what the directory with number *parent* holds under a name."""
    fixed = fixed_child(parent, raw_name)
    if fixed is not None:
        return fixed
    inode, name = inodes.unpack(parent), entry_name(raw_name)
    if _is_in_overview(inode):
        return overview_node(overview.child(connection, inode, name))
    if inode.kind is Kind.ROOT:
        account = entries.account_named(connection, name)
        if account is None:
            raise NoSuchEntryError(f"no account {name!r}")
        return _account_node(account)
    if inode.kind is Kind.ACCOUNT:
        entry = entries.job_directory(connection, inode.account, name)
    else:
        entry = entries.child(connection, inode.account, inode.row, name)
    if entry is None and (report := _report(connection, inode, name)) is not None:
        return report_node(report)
    if entry is None:
        entry = latecomers.child(connection, inode, name)
    return entry_node(entry, inode.account)


def children(connection: Connection, directory: int, *, after: int, limit: int) -> list[Listed]:
    """Return children of a directory, those behind the cookie *after*; less than *limit* are the last ones.

    What jobfs writes comes last, and may be more.
    """
    inode = inodes.unpack(directory)
    if _is_in_overview(inode):
        found = overview.children(connection, inode, after=after, limit=limit)
        return [Listed(overview_node(entry), entry.id) for entry in found]
    if inode.kind is Kind.ADMIN:
        return fixed_children(directory, after=after) or []
    if inode.kind is Kind.ROOT:
        accounts = entries.accounts(connection, after=after, limit=limit)
        listed = [Listed(_account_node(account), account.id) for account in accounts]
        return listed if len(listed) == limit else [*listed, *_admin_listed(after)]
    if inode.kind is Kind.ACCOUNT:
        found = entries.job_directories(connection, inode.account, after=after, limit=limit)
        listed = [Listed(entry_node(entry, inode.account), entry.id) for entry in found]
    else:
        require_directory(visible_entry(connection, inode))
        below = _below(children_of.after(connection, inode.row, after, limit=limit), inode)
        listed = list(below)
    return listed if len(listed) == limit else [*listed, *_reports_listed(connection, inode, after)]


def visible_entry(connection: Connection, inode: Inode) -> entries.Entry:
    """Return the entry behind an inode; raises NoSuchEntryError if the account may not see it."""
    entry = entries.visible(connection, inode.account, inode.row)
    if entry is None:
        raise NoSuchEntryError(f"entry {inode.row} is not there for account {inode.account}")
    return entry


def require_directory(entry: entries.Entry) -> entries.Entry:
    """Return *entry*, or raise NoDirectoryError."""
    if not entry.directory:
        raise NoDirectoryError(f"{entry.name!r} is a file")
    return entry


def require_file(entry: entries.Entry) -> entries.Entry:
    """Return *entry*, or raise DirectoryError."""
    if entry.directory:
        raise DirectoryError(f"{entry.name!r} is a directory")
    return entry


def entry_node(entry: entries.Entry, account_id: int) -> Node:
    """Return an entry as *account_id* sees it: as its owner, whoever sent it.

    The kernel lets only owners set times and modes, and clients take a refusal for a failed upload.
    """
    uid = uid_of(account_id)
    mode, holds, rests = _kind(entry.state, directory=entry.directory)
    return Node(
        inode=inodes.pack(Kind.ENTRY, account_id, entry.id),
        name=entry.name if entry.parent_id is not None else entry.job_name,
        mode=mode,
        uid=uid,
        gid=uid,
        size=entry.size,
        links=_links(entry),
        mtime_ns=entry.mtime_ns,
        ctime_ns=entry.ctime_ns,
        atime_ns=entry.atime_ns,
        upload_id=entry.upload_id,
        holds=holds,
        rests=rests,
        above=_above(entry, account_id),
    )


def _above(entry: entries.Entry, account_id: int) -> int:
    if entry.parent_id is None:
        return inodes.pack(Kind.ACCOUNT, account_id, account_id)
    return inodes.pack(Kind.ENTRY, account_id, entry.parent_id)


def _below(found: Sequence[Child], directory: Inode) -> Iterator[Listed]:
    """Yield what a directory holds as `entry_node` would return it."""
    uid, above = uid_of(directory.account), inodes.pack(*directory)
    first = inodes.pack(Kind.ENTRY, directory.account, 0)
    for row, name, is_folder, mtime, ctime, atime, size, upload, state, subdirectories in found:
        mode, holds, rests = _kind(state, directory=is_folder, settled=LISTED)
        links = 2 + subdirectories if is_folder else 1
        node = Node(
            first + row, name, mode, uid, uid, mtime, ctime, atime, size, links, upload, holds, rests,
            above,
        )  # fmt: skip
        yield Listed(node, row)


def _kind(
    state: str | None, *, directory: bool, settled: float = _LONGER
) -> tuple[int, float, bool]:
    """Return an entry's mode, for how long it holds (*settled*: if it is), and whether it rests."""
    if directory:
        return _DIRECTORY_MODE, _BRIEFLY, True
    return FILE_MODE, settled if state in _SETTLED else _BRIEFLY, state != UploadState.RECEIVING


def overview_node(entry: entries.Entry) -> Node:
    """Return an entry as root sees it in `.jobfs/all`: nobody's, and read-only."""
    above = inodes.pack(Kind.ADMIN, 0, admin.ALL.row)
    if entry.parent_id is not None:
        above = inodes.pack(Kind.OVERVIEW, 0, entry.parent_id)
    return entry_node(entry, 0)._replace(
        inode=inodes.pack(Kind.OVERVIEW, 0, entry.id), uid=0, gid=0,
        mode=_OVERVIEW_MODES[entry.directory], holds=0, above=above,
    )  # fmt: skip


def _is_in_overview(directory: Inode) -> bool:
    return directory.kind is Kind.OVERVIEW or directory == (Kind.ADMIN, 0, admin.ALL.row)


def fixed_node(number: int) -> Node | None:
    """Return what a number names if no database is needed to know it: the root, and `.jobfs`."""
    inode = inodes.unpack(number)
    if inode.kind is Kind.ROOT:
        return _root()
    return _admin_node(admin.place(inode.row)) if inode.kind is Kind.ADMIN else None


def fixed_child(parent: int, raw_name: bytes) -> Node | None:
    """Return what a directory holds under a name if no database is needed; raises NoSuchEntryError."""
    inode = inodes.unpack(parent)
    if inode.kind is Kind.ADMIN and inode.row == admin.DIRECTORY.row:
        return _admin_node(admin.named(entry_name(raw_name)))
    is_ours = inode.kind is Kind.ROOT and raw_name == admin.DIRECTORY.name.encode()
    return _admin_node(admin.DIRECTORY) if is_ours else None


def fixed_children(directory: int, *, after: int) -> list[Listed] | None:
    """Return the children of `.jobfs` behind the cookie *after*; None: ask the database."""
    inode = inodes.unpack(directory)
    if inode.kind is not Kind.ADMIN or inode.row == admin.ALL.row:
        return None
    return [Listed(_admin_node(one), one.row) for one in admin.PLACES if one.row > after]


def _reports_listed(connection: Connection, inode: Inode, after: int) -> list[Listed]:
    """Return the files that jobfs writes in a directory, behind its last entry, but for those listed."""
    first = inodes.MAX_ROW + 1
    numbers = _reports(connection, inode)
    listed = [Listed(report_node(number), first + place) for place, number in enumerate(numbers)]
    return [one for one in listed if one.cookie > after]


def _reports(connection: Connection, directory: Inode) -> list[int]:
    if directory.kind is Kind.ACCOUNT:
        return reports.at_root(connection, directory.account)
    above = visible_entry(connection, directory)
    if above.parent_id is not None:
        return []
    return reports.in_job(connection, directory.account, above.job_id)


def _report(connection: Connection, directory: Inode, name: str) -> int | None:
    """Return the number of the file that jobfs writes under a name in a directory, if it does."""
    if reports.named(name, at_root=directory.kind is Kind.ACCOUNT) is None:
        return None  # nearly always: every look for a new name comes here
    numbers = _reports(connection, directory)
    return next((number for number in numbers if reports.name(number) == name), None)


def report_node(number: int) -> Node:
    """Return a file that jobfs writes; whoever serves it knows its size and time."""
    uid = uid_of(inodes.unpack(number).account)
    return Node(
        inode=number, name=reports.name(number), mode=_REPORT_MODE, uid=uid, gid=uid,
        mtime_ns=0, ctime_ns=0, atime_ns=0,
    )  # fmt: skip


def _admin_listed(after: int) -> list[Listed]:
    """Return `.jobfs` behind the last account, unless it was listed."""
    cookie = inodes.MAX_ACCOUNT + 1
    return [Listed(_admin_node(admin.DIRECTORY), cookie)] if after < cookie else []


def _admin_node(place: admin.Place) -> Node:
    is_top = place.row == admin.DIRECTORY.row
    above = inodes.ROOT_INODE if is_top else inodes.pack(Kind.ADMIN, 0, admin.DIRECTORY.row)
    return Node(
        inode=inodes.pack(Kind.ADMIN, 0, place.row), name=place.name, mode=place.mode, uid=0, gid=0,
        links=2 if stat.S_ISDIR(place.mode) else 1, mtime_ns=0, ctime_ns=0, atime_ns=0, above=above,
    )  # fmt: skip


def _links(entry: entries.Entry) -> int:
    if entry.removed:
        return 0
    # A directory is named by its parent, by its own "." and by each subdirectory's "..".
    return 2 + entry.subdirectories if entry.directory else 1


def _account(connection: Connection, account_id: int) -> entries.Account:
    account = entries.account(connection, account_id)
    if account is None:
        raise NoSuchEntryError(f"no account {account_id}")
    return account


def _account_node(account: entries.Account) -> Node:
    made_ns = int(account.created_at.timestamp()) * 10**9
    return Node(
        inode=inodes.pack(Kind.ACCOUNT, account.id, account.id),
        name=account.name,
        mode=_ACCOUNT_MODE,
        uid=0,
        gid=uid_of(account.id),
        links=2,
        mtime_ns=made_ns,
        ctime_ns=made_ns,
        atime_ns=made_ns,
        holds=_BRIEFLY,
    )


def _root() -> Node:
    return Node(
        inode=inodes.ROOT_INODE, name="/", mode=_ROOT_MODE, uid=0, gid=0, links=2,
        mtime_ns=0, ctime_ns=0, atime_ns=0, holds=_BRIEFLY,
    )  # fmt: skip
