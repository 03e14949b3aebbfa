"""The versions of a file: which one a handle writes, and what becomes of it when it is closed."""

from contextlib import suppress
from datetime import datetime, timedelta

from jobfs.blobs.store import BlobStore
from jobfs.catalog import entries, tasks, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.judgement import Evidence, Verdict, judge
from jobfs.domain.uploads import Change, UploadState
from jobfs.tree import content
from jobfs.tree.refusals import DetachedError, ForbiddenError
from jobfs.tree.views import Node, entry_node, require_file, visible_entry

#: A received upload's task may not be claimed before this has passed, unless its handle is released
#: first: another close of the same handle (a shell's redirection makes two) may still change it.
SECOND_CLOSE = timedelta(seconds=2)


def open_file(connection: Connection, number: int, *, writing: bool) -> tuple[Node, Upload]:
    """Return a file and the version it shows; raises ForbiddenError if it may not be written."""
    inode = inodes.unpack(number)
    if inode.kind is not Kind.ENTRY:
        raise ForbiddenError("a directory of jobfs cannot be opened as a file")
    entry = require_file(visible_entry(connection, inode))
    if writing and not entry.access.may_change(own=entry.created_by == inode.account):
        raise ForbiddenError(f"{entry.name!r} may not be changed by this account")
    shown = uploads.current(connection, entry.id)
    assert shown is not None, "a file shows a version from its creation on"
    return entry_node(entry, inode.account), shown


def latest(connection: Connection, upload: Upload, *, lock: bool = False) -> Upload:
    """Return an upload as it is now; raises DetachedError if the file shows a newer one.

    *lock* keeps other transactions from changing it until the end of this one.
    """
    present = uploads.get(connection, upload.id, lock=lock)
    if not present.current:
        raise DetachedError(f"a newer upload of {present.name!r} has taken its place")
    return present


def start_over(
    connection: Connection,
    shown: Upload,
    *,
    account_id: int,
    role_id: int,
    blob_key: str,
    now: datetime,
) -> Upload:
    """Begin an empty version in place of *shown*: the file was opened with truncation."""
    return _begin(
        connection, shown, account_id=account_id, role_id=role_id, blob_key=blob_key,
        base_id=None, size=0, now=now,
    )  # fmt: skip


def rewrite(
    connection: Connection,
    shown: Upload,
    *,
    account_id: int,
    role_id: int,
    blob_key: str,
    now: datetime,
) -> Upload:
    """Begin a version with the bytes of *shown*, whose own bytes never change again."""
    return _begin(
        connection, shown, account_id=account_id, role_id=role_id, blob_key=blob_key,
        base_id=shown.id, size=shown.size, now=now,
    )  # fmt: skip


def resume(connection: Connection, shown: Upload, *, role_id: int) -> Upload:
    """Let an interrupted, incomplete or waiting upload be written on."""
    latest(connection, shown, lock=True)
    uploads.reopen(connection, shown.id, role_id=role_id)
    return uploads.get(connection, shown.id)


def settle(
    connection: Connection,
    upload_id: int,
    evidence: Evidence,
    *,
    mtime_ns: int | None,
    now: datetime,
) -> Upload:
    """Judge an upload whose handle is being closed; its bytes are durable already.

    *mtime_ns* is the last write, None if the client set a time after it. Raises DetachedError if
    another mount has begun a newer version.
    """
    upload = uploads.get(connection, upload_id, lock=True)
    if upload.state is not UploadState.RECEIVING:
        return latest(connection, upload, lock=True)
    _apply(connection, upload, judge(upload.name, evidence), size=evidence.size, now=now)
    settled = uploads.get(connection, upload_id)
    if mtime_ns is not None and settled.current:
        entries.touch(connection, upload.entry_id, now_ns=mtime_ns)
    return settled


def judge_again(connection: Connection, store: BlobStore, entry_id: int, *, now: datetime) -> None:
    """Judge a waiting upload after its entry's name has changed.

    Reads some of the blob while the transaction is open: a few milliseconds at the most.
    """
    upload = uploads.current(connection, entry_id, lock=True)
    if upload is None or upload.state is not UploadState.WAITING:
        return
    with store.reading(upload.blob_key) as descriptor:
        evidence = content.evidence(descriptor)
    _apply(connection, upload, judge(upload.name, evidence), size=evidence.size, now=now)


def cut_off(connection: Connection, upload: Upload, size: int, *, now: datetime) -> None:
    """Settle what a dead mount left open; its blob was cut to *size* bytes."""
    evidence = Evidence(closed=False, finding=content.UNREAD, size=size)
    with suppress(DetachedError):  # it was cut off with the newer upload's first byte
        settle(connection, upload.id, evidence, mtime_ns=None, now=now)


def left_behind(connection: Connection, upload_id: int, size: int) -> None:
    """Note how many bytes a version has that lost its file while it was being written.

    For the handle's release: the version is in the trash already, and nothing judges it.
    """
    uploads.note_size(connection, uploads.get(connection, upload_id, lock=True), size)


def released(connection: Connection, upload_id: int, *, now: datetime) -> None:
    """Let ingest begin: no handle can change the upload any more."""
    tasks.lift(connection, upload_id, now=now)


def still_granted(connection: Connection, account_id: int, entry_id: int, *, writing: bool) -> bool:
    """Whether the account may still write, or read, in the entry's job, whatever its status."""
    right = entries.access(connection, account_id, entry_id)
    return right is not None and (right.may_create() or not writing)


def _begin(
    connection: Connection,
    shown: Upload,
    *,
    account_id: int,
    role_id: int,
    blob_key: str,
    base_id: int | None,
    size: int,
    now: datetime,
) -> Upload:
    present = latest(connection, shown, lock=True)
    uploads.supersede(connection, present, account_id=account_id, now=now)
    upload_id = uploads.begin(
        connection, entry_id=present.entry_id, job_id=present.job_id, account_id=account_id,
        role_id=role_id, blob_key=blob_key, base_id=base_id, size=size, now=now,
    )  # fmt: skip
    return uploads.get(connection, upload_id)


def _apply(
    connection: Connection, upload: Upload, verdict: Verdict, *, size: int, now: datetime
) -> None:
    if verdict.change is Change.CUT_OFF and upload.base_id is not None:
        _undo_rewrite(connection, upload, upload.base_id, verdict, size=size, now=now)
        return
    state = uploads.change(
        connection, upload, verdict.change, now=now, size=size, format=verdict.format,
        reason=verdict.reason, advice=verdict.advice, late=not uploads.is_planned(connection, upload),
    )  # fmt: skip
    if state is UploadState.RECEIVED:
        tasks.enqueue(connection, upload.id, not_before=now + SECOND_CLOSE)


def _undo_rewrite(
    connection: Connection,
    upload: Upload,
    base_id: int,
    verdict: Verdict,
    *,
    size: int,
    now: datetime,
) -> None:
    """Show the received version again: a rewrite that died half-way is worth less than it."""
    uploads.change(connection, upload, verdict.change, now=now, size=size, reason=verdict.reason)
    if upload.current:
        cut_off = uploads.get(connection, upload.id)
        uploads.supersede(connection, cut_off, account_id=upload.account_id, now=now)
        uploads.show_again(connection, base_id)
