"""Entries: the tree as sent, as one account sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from jobfs.catalog import feed, metadata, pairs, prepared
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import (
    AccountRow,
    BlobRow,
    EntryRow,
    GrantRow,
    JobRow,
    UploadRow,
)
from jobfs.domain.events import EventKind
from jobfs.domain.jobs import JobStatus, Right
from jobfs.domain.names import entry_key, stem_key
from jobfs.domain.uploads import UploadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry with the version it shows.

    *access* is what the looking account may do in its job, *subdirectories* how many directories it
    holds; *sent_as* see the schema.
    """

    id: int
    job_id: int
    job_name: str
    parent_id: int | None
    name: str
    sent_as: str | None
    directory: bool
    created_by: int | None
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    size: int
    upload_id: int | None
    state: str | None
    removed: bool
    subdirectories: int
    access: Right


def visible(connection: Connection, account_id: int, entry_id: int) -> Entry | None:
    """Return an entry if its job is planned and granted to the account."""
    return _one(connection, _VISIBLE, account=account_id, entry=entry_id)


def existing(connection: Connection, entry_id: int) -> Entry | None:
    """Return an entry whatever has become of it and its job; for handles that outlive both."""
    return _one(connection, _EXISTING, entry=entry_id)


def root(connection: Connection, job_id: int) -> Entry:
    """Return a job's own directory, whatever the job's status."""
    return entry_of(_ROOT.one(connection, job=job_id))


def standing(connection: Connection, parent_id: int, name: str) -> Entry | None:
    """Return what stands under a name in a directory, whatever has become of its job."""
    return _one(connection, _STANDING, parent=parent_id, key=entry_key(name))


def child(connection: Connection, account_id: int, parent_id: int, name: str) -> Entry | None:
    """Return what a directory holds under *name*, in any Unicode spelling of it."""
    return _one(connection, _CHILD, account=account_id, parent=parent_id, key=entry_key(name))


def job_directory(connection: Connection, account_id: int, job_name: str) -> Entry | None:
    """Return the directory of the job with this name, in any Unicode spelling of it."""
    found = _one(connection, _JOB_DIRECTORY, account=account_id, name=entry_key(job_name))
    if found is None and job_name != entry_key(job_name):  # plain SQL may have named it so
        found = _one(connection, _JOB_DIRECTORY, account=account_id, name=job_name)
    return found


def job_directories(
    connection: Connection, account_id: int, *, after: int, limit: int
) -> list[Entry]:
    """Return up to *limit* job directories with ids above *after*, by id."""
    page = {"account": account_id, "after": after, "most": limit}
    return [entry_of(row) for row in _JOB_DIRECTORIES.all(connection, **page)]


def is_empty(connection: Connection, directory_id: int) -> bool:
    """Whether a directory holds no entry."""
    any_child = exists().where(EntryRow.parent_id == directory_id, EntryRow.removed_at.is_(None))
    return not connection.execute(select(any_child)).scalar_one()


def is_taken(connection: Connection, parent_id: int, name: str) -> bool:
    """Whether a directory holds *name*, in any Unicode spelling of it."""
    return _TAKEN.first(connection, parent=parent_id, key=entry_key(name)) is not None


def writers_are_alone(connection: Connection) -> bool:
    """Whether nobody else changes anything during a transaction that writes, so that it locks no rows."""
    return connection.dialect.name == "sqlite"


def lock_jobs(connection: Connection, *job_ids: int) -> None:
    """Keep others from changing names in these jobs, and the jobs themselves, until the commit.

    PostgreSQL locks the rows in one order, so that two renames between the same jobs cannot wait for
    each other.
    """
    if not writers_are_alone(connection):
        rows = select(JobRow.id).where(JobRow.id.in_(job_ids)).order_by(JobRow.id)
        connection.execute(rows.with_for_update(key_share=True)).all()


def add(
    connection: Connection,
    *,
    job_id: int,
    parent_id: int,
    name: str,
    directory: bool,
    account_id: int | None,
    now_ns: int,
    **reserved: int,
) -> int:
    """Make an entry; returns its id, *reserved* or new. The caller has made sure that the name is free."""
    entry_id = prepared.add(
        connection, EntryRow, **reserved,
        job_id=job_id, parent_id=parent_id, name=name, name_key=entry_key(name),
        stem_key=stem_key(name), directory=directory, created_by=account_id,
        mtime_ns=now_ns, ctime_ns=now_ns, atime_ns=now_ns,
    )  # fmt: skip
    touch(connection, parent_id, now_ns=now_ns)
    feed.append(
        connection, EventKind.ENTRY_CREATED, account_id=account_id, job_id=job_id,
        entry_id=entry_id, data={"parent": parent_id, "name": name, "directory": directory},
    )  # fmt: skip
    return entry_id


def new(
    parent: Entry, entry_id: int, name: str, *, upload_id: int, account_id: int, now_ns: int
) -> Entry:
    """Return a file as the account sees it that has just made it in a directory."""
    return Entry(
        id=entry_id, job_id=parent.job_id, job_name=parent.job_name, parent_id=parent.id, name=name,
        sent_as=None, directory=False, created_by=account_id, mtime_ns=now_ns, ctime_ns=now_ns,
        atime_ns=now_ns, size=0, upload_id=upload_id, state=UploadState.RECEIVING.value,
        removed=False, subdirectories=0, access=parent.access,
    )  # fmt: skip


def remove(
    connection: Connection,
    entry: Entry,
    *,
    account_id: int | None,
    replaced: bool = False,
    now: datetime,
    now_ns: int,
) -> None:
    """Take an entry out of its directory, into the trash; *replaced* if another gets its name."""
    prepared.change(
        connection, EntryRow, entry.id,
        removed_at=now, removed_by=account_id, replaced=replaced, ctime_ns=now_ns,
    )  # fmt: skip
    assert entry.parent_id is not None
    touch(connection, entry.parent_id, now_ns=now_ns)
    metadata.name_changed(connection, entry.parent_id, entry.name)
    feed.append(
        connection, EventKind.ENTRY_REMOVED, account_id=account_id, job_id=entry.job_id,
        entry_id=entry.id, data={"parent": entry.parent_id, "name": entry.name},
    )  # fmt: skip


def move(
    connection: Connection,
    entry: Entry,
    *,
    parent: Entry,
    name: str,
    account_id: int | None,
    now_ns: int,
) -> None:
    """Put an entry, with all that is in it, under another name or into another directory."""
    place: dict[str, Any] = {"parent_id": parent.id, "name": name, "name_key": entry_key(name)}
    place |= {"stem_key": stem_key(name), "sent_as": None, "ctime_ns": now_ns}
    prepared.change(connection, EntryRow, entry.id, **place)
    if parent.job_id != entry.job_id:
        _move_to_job(connection, entry.id, parent.job_id)
    assert entry.parent_id is not None
    for directory_id in {entry.parent_id, parent.id}:
        touch(connection, directory_id, now_ns=now_ns)
    if not entry.directory:
        metadata.name_changed(connection, entry.parent_id, entry.name)
        metadata.entry_changed(connection, entry.id)
        pairs.settle(connection, entry.id, new=False)
    feed.append(
        connection, EventKind.ENTRY_RENAMED, account_id=account_id, job_id=parent.job_id,
        entry_id=entry.id, data={
            "parent": parent.id, "name": name,
            "old_job": entry.job_id, "old_parent": entry.parent_id, "old_name": entry.name,
        },
    )  # fmt: skip


def set_times(
    connection: Connection,
    entry_id: int,
    *,
    mtime_ns: int | None,
    atime_ns: int | None,
    account_id: int | None,
    now_ns: int,
) -> None:
    """Set the times a client gave; None leaves one as it is. Of an entry that was purged: nothing."""
    times = {"ctime_ns": now_ns, "mtime_ns": mtime_ns, "atime_ns": atime_ns}
    values = {name: at for name, at in times.items() if at is not None}
    of_job = _JOB_OF.first(connection, entry=entry_id)
    if of_job is None:
        return
    prepared.change(connection, EntryRow, entry_id, **values)
    feed.append(
        connection, EventKind.ENTRY_CHANGED,
        account_id=account_id, job_id=of_job.job_id, entry_id=entry_id, data=values,
    )  # fmt: skip


def touch(connection: Connection, entry_id: int, *, now_ns: int) -> None:
    """Note that a directory's names, or a file's content, have changed."""
    prepared.change(connection, EntryRow, entry_id, mtime_ns=now_ns, ctime_ns=now_ns)


def stands_in(connection: Connection, entry_id: int, *, ancestor_id: int) -> bool:
    """Whether an entry is, or lies anywhere below, *ancestor_id*."""
    up = select(EntryRow.id, EntryRow.parent_id).where(EntryRow.id == entry_id).cte(recursive=True)
    up = up.union_all(
        select(EntryRow.id, EntryRow.parent_id).join(up, EntryRow.id == up.c.parent_id)
    )
    found = select(up.c.id).where(up.c.id == ancestor_id)
    return connection.execute(found).first() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the tree must know of an account: its name is its root's."""

    id: int
    name: str
    created_at: datetime


def account(connection: Connection, account_id: int) -> Account | None:
    """Return an account that has not been removed."""
    return _account(_ACCOUNT.first(connection, account=account_id))


def account_named(connection: Connection, name: str) -> Account | None:
    """Return the account with this login name."""
    return _account(_ACCOUNT_NAMED.first(connection, name=name))


def accounts(connection: Connection, *, after: int, limit: int) -> list[Account]:
    """Return up to *limit* accounts with ids above *after*, by id."""
    query = _accounts().where(AccountRow.id > after).order_by(AccountRow.id).limit(limit)
    return [Account(**row._mapping) for row in connection.execute(query)]


def access(connection: Connection, account_id: int, entry_id: int) -> Right | None:
    """Return what an account may do at an entry, whatever its job's status; None: nothing."""
    found = connection.execute(_RIGHT, {"account": account_id, "entry": entry_id})
    right = found.scalar_one_or_none()
    return None if right is None else Right(right)


def photo_of(connection: Connection, entry_id: int) -> int | None:
    """Return the id of the photo that stands at an entry."""
    return pairs.id_at(connection, entry_id)


def directories_above(connection: Connection, entry: Entry) -> list[str]:
    """Return the names of the directories between the job and an entry, outermost first."""
    names: list[str] = []
    parent_id = entry.parent_id
    while parent_id is not None:
        query = select(EntryRow.name, EntryRow.parent_id).where(EntryRow.id == parent_id)
        row = connection.execute(query).one()
        if row.parent_id is not None:
            names.append(row.name)
        parent_id = row.parent_id
    return names[::-1]


def _move_to_job(connection: Connection, entry_id: int, job_id: int) -> None:
    down = select(EntryRow.id).where(EntryRow.id == entry_id).cte(recursive=True)
    down = down.union_all(select(EntryRow.id).join(down, EntryRow.parent_id == down.c.id))
    moved = update(EntryRow).where(EntryRow.id.in_(select(down.c.id)))
    connection.execute(moved.values(job_id=job_id))


def _accounts() -> Select[*tuple[Any, ...]]:
    return select(AccountRow.id, AccountRow.name, AccountRow.created_at).where(
        AccountRow.removed_at.is_(None)
    )


def _account(row: Any) -> Account | None:
    return None if row is None else Account(id=row.id, name=row.name, created_at=row.created_at)


def entry_of(row: Any) -> Entry:
    """Return the entry of a row of the statements below."""
    return Entry(
        id=row.id, job_id=row.job_id, job_name=row.job_name, parent_id=row.parent_id,
        name=row.name, sent_as=row.sent_as, directory=row.directory, created_by=row.created_by,
        mtime_ns=row.mtime_ns, ctime_ns=row.ctime_ns, atime_ns=row.atime_ns,
        size=row.size or 0, upload_id=row.upload_id, state=row.state,
        removed=row.removed_at is not None, subdirectories=row.subdirectories, access=Right(row.access),
    )  # fmt: skip


def _one(connection: Connection, query: Prepared, **parameters: int | str) -> Entry | None:
    row = query.first(connection, **parameters)
    return None if row is None else entry_of(row)


# The statements of the kernel's requests are built once: building one takes ten times as long as SQLite
# takes to answer it.

_ACCOUNT = Prepared(_accounts().where(AccountRow.id == bindparam("account")))
_ACCOUNT_NAMED = Prepared(_accounts().where(AccountRow.name == bindparam("name")))


_BELOW = aliased(EntryRow)
#: How many directories an entry holds.
SUBDIRECTORIES = case(
    (
        EntryRow.directory,
        select(func.count())
        .where(_BELOW.parent_id == EntryRow.id, _BELOW.removed_at.is_(None), _BELOW.directory)
        .scalar_subquery(),
    ),
    else_=0,
)


def _entries(access: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            EntryRow.id, EntryRow.job_id, JobRow.name.label("job_name"), EntryRow.parent_id,
            EntryRow.name, EntryRow.sent_as, EntryRow.directory, EntryRow.created_by,
            EntryRow.removed_at,
            EntryRow.mtime_ns, EntryRow.ctime_ns, EntryRow.atime_ns,
            BlobRow.size, UploadRow.id.label("upload_id"), UploadRow.state,
            SUBDIRECTORIES.label("subdirectories"), access.label("access"),
        )
        .select_from(EntryRow)
        .join(JobRow, JobRow.id == EntryRow.job_id)
        .outerjoin(UploadRow, (UploadRow.entry_id == EntryRow.id) & UploadRow.current)
        .outerjoin(BlobRow, BlobRow.id == UploadRow.blob_id)
    )  # fmt: skip


def _page(query: Select[*tuple[Any, ...]]) -> Prepared:
    after, most = bindparam("after", type_=BigInteger), bindparam("most", type_=BigInteger)
    return Prepared(query.where(EntryRow.id > after).order_by(EntryRow.id).limit(most))


_THIS = EntryRow.id == bindparam("entry")
_VIEWER = bindparam("account", type_=BigInteger)
_ACCESS = case((AccountRow.all_jobs, Right.EDIT.value), else_=GrantRow.access)
#: Of entries that an account was granted, whatever their jobs' status; wants the parameter `account`.
GRANTED = (
    _entries(_ACCESS)
    .join(AccountRow, AccountRow.id == _VIEWER)
    .outerjoin(GrantRow, (GrantRow.job_id == JobRow.id) & (GrantRow.account_id == _VIEWER))
    .where(
        AccountRow.removed_at.is_(None),
        or_(AccountRow.all_jobs, GrantRow.access.is_not(None)),
    )
)
_SEEN = GRANTED.where(EntryRow.removed_at.is_(None), JobRow.status == JobStatus.PLANNED.value)

#: Of entries whatever their jobs' status, removed ones too.
ANY = _entries(literal(Right.EDIT.value))
_NAMED = (EntryRow.parent_id == bindparam("parent")) & (EntryRow.name_key == bindparam("key"))
_JOB_OF = Prepared(select(EntryRow.job_id).where(_THIS))
_EXISTING = Prepared(ANY.where(_THIS))
_ROOT = Prepared(ANY.where(EntryRow.job_id == bindparam("job"), EntryRow.parent_id.is_(None)))
_STANDING = Prepared(ANY.where(_NAMED, EntryRow.removed_at.is_(None)))
_TAKEN = Prepared(select(EntryRow.id).where(_NAMED, EntryRow.removed_at.is_(None)))
_VISIBLE = Prepared(_SEEN.where(_THIS))
_RIGHT = GRANTED.with_only_columns(_ACCESS).where(_THIS, AccountRow.enabled)
_CHILD = Prepared(_SEEN.where(_NAMED))
_JOB_DIRECTORY = Prepared(
    _SEEN.where(JobRow.name == bindparam("name"), EntryRow.parent_id.is_(None))
)
_JOB_DIRECTORIES = _page(_SEEN.where(EntryRow.parent_id.is_(None)))
