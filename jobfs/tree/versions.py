"""The versions of a file: which one a handle writes, and what becomes of it when it is closed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from jobfs.blobs.store import BlobStore
from jobfs.catalog import entries, latecomers, tasks, uploads, usage
from jobfs.catalog.engine import Connection
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes, names
from jobfs.domain.inodes import Kind
from jobfs.domain.judgement import QUIET, Evidence, Verdict, judge
from jobfs.domain.metadata import sidecars
from jobfs.domain.problems import LOOK_AT_THE_CARD
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import Change, UploadState
from jobfs.tree import content
from jobfs.tree.refusals import (
    DetachedError,
    ForbiddenError,
    IncompleteError,
    NoSuchEntryError,
    ReadOnlyViewError,
    StillReceivingError,
)
from jobfs.tree.views import Node, entry_node, require_file, visible_entry

#: A received upload's task may not be claimed before this has passed, unless its handle is released
#: first: another close of the same handle (a shell's redirection makes two) may still change it.
SECOND_CLOSE = timedelta(seconds=2)


def open_file(connection: Connection, number: int, *, writing: bool) -> tuple[Node, Upload]:
    """Return a file and the version it shows; raises ForbiddenError if it may not be written."""
    inode = inodes.unpack(number)
    if inode.kind is Kind.OVERVIEW:
        raise ReadOnlyViewError
    if inode.kind is not Kind.ENTRY:
        raise ForbiddenError("a directory of jobfs cannot be opened as a file")
    entry = require_file(visible_entry(connection, inode))
    if writing and not entry.access.may_change(own=entry.created_by == inode.account):
        raise ForbiddenError(f"{entry.name!r} may not be changed by this account")
    shown = uploads.current(connection, entry.id)
    if shown is None:
        raise NoSuchEntryError(f"{entry.name!r} was erased just then")
    return entry_node(entry, inode.account), shown


def latest(connection: Connection, upload: Upload, *, lock: bool = False) -> Upload:
    """Return an upload as it is now; raises DetachedError if the file shows a newer one, or it is gone.

    *lock* keeps other transactions from changing it until the end of this one.
    """
    present = uploads.find(connection, upload.id, lock=lock)
    if present is None:
        raise DetachedError(f"{upload.name!r} was deleted for good")
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


def take_over(
    connection: Connection,
    shown: Upload,
    *,
    account_id: int,
    role_id: int,
    blob_key: str,
    size: int,
    now: datetime,
) -> Upload:
    """Begin a version with the *size* bytes that another connection has sent of *shown* so far."""
    return _begin(
        connection, shown, account_id=account_id, role_id=role_id, blob_key=blob_key,
        base_id=shown.base_id, size=size, now=now,
    )  # fmt: skip


def resume(connection: Connection, shown: Upload, *, role_id: int) -> Upload:
    """Let an interrupted, incomplete or waiting upload be written on; a sealed one is only returned.

    Raises DetachedError, and StillReceivingError while another mount receives it, or has died doing
    so: until that is settled, nobody knows which of its bytes have arrived.
    """
    present = latest(connection, shown, lock=True)
    if present.is_sealed:  # it has been found whole since the caller looked
        return present
    if uploads.receiver(connection, shown.id) not in {None, role_id}:
        raise StillReceivingError(f"{shown.name!r} is still being sent over another connection")
    tasks.withdraw(connection, shown.id)
    uploads.reopen(connection, shown.id, role_id=role_id)
    return uploads.get(connection, shown.id)


class Settled(NamedTuple):
    """An upload after its judgement, and what its client shall hear; None: that all went well."""

    upload: Upload
    refusal: IncompleteError | None


def settle(
    connection: Connection,
    upload_id: int,
    evidence: Evidence,
    *,
    mtime_ns: int | None,
    now: datetime,
) -> Settled:
    """Judge an upload whose handle is being closed; its bytes are durable already.

    *mtime_ns* is the last write, None if the client set a time after it. Raises DetachedError if
    another mount has begun a newer version, or it was deleted for good.
    """
    upload = _to_settle(connection, upload_id)
    if upload.state is not UploadState.RECEIVING:
        present = latest(connection, upload, lock=True)
        if present.state is UploadState.INTERRUPTED and evidence.closed:
            raise DetachedError(f"{upload.name!r} was cut off: this mount had been taken for dead")
        return Settled(present, None)
    verdict = judge(upload.name, evidence)
    refusal = None
    if verdict.change is Change.FOUND_SHORT:
        if _is_known_short(connection, upload, evidence):
            verdict = replace(verdict, advice=LOOK_AT_THE_CARD)
        else:
            refusal = IncompleteError(upload.name, verdict.reason or "bytes are missing")
    settled = _apply(connection, upload, evidence, verdict, now=now)
    if verdict.change is Change.POSTPONED:
        _receive_latecomer(connection, upload, evidence, now=now)
        settled = uploads.get(connection, upload_id)
    if mtime_ns is not None and settled.current:
        entries.touch(connection, upload.entry_id, now_ns=mtime_ns)
    usage.warn(connection, settled)
    return Settled(settled, refusal)


def _to_settle(connection: Connection, upload_id: int) -> Upload:
    """Return an upload, locked; and its job before it if it may get its final name because that is closed."""
    upload = uploads.find(connection, upload_id)
    if upload is not None and not entries.writers_are_alone(connection):
        if names.final_name(upload.name) is None:
            upload = uploads.find(connection, upload_id, lock=True)
        else:
            upload = uploads.find_with_job(connection, upload_id)
    if upload is None:
        raise DetachedError(f"upload {upload_id} was deleted for good")
    return upload


def _is_known_short(connection: Connection, upload: Upload, evidence: Evidence) -> bool:
    """Whether the very same bytes were incomplete before.

    Then the card itself holds no more, and the client shall not try for ever.
    """
    is_all_there_was = evidence.sha256 is not None and evidence.missing_from is None
    return is_all_there_was and uploads.was_incomplete(connection, upload, evidence.sha256)


def judge_again(
    connection: Connection,
    store: BlobStore,
    entry_id: int,
    *,
    now: datetime,
    priority: Priority = Priority.UPLOAD,
) -> None:
    """Judge a waiting upload after its client has named it or set its time: it is finished.

    What was no image under another name may be a sidecar by now.
    Reads some of the blob while the transaction is open: a few milliseconds at the most.
    """
    upload = uploads.current(connection, entry_id, lock=True)
    if upload is not None and upload.state is UploadState.WAITING:
        _judge_finished(connection, store, upload, now=now, priority=priority)
    elif upload is not None and _has_become_a_sidecar(upload):
        uploads.change(
            connection, upload, Change.RETRIED, now=now, format=sidecars.FORMAT, reason=None,
            advice=None,
        )  # fmt: skip
        tasks.enqueue(connection, upload.id, now=now, priority=priority)


def _has_become_a_sidecar(upload: Upload) -> bool:
    was_no_image = upload.state is UploadState.UNSUPPORTED and upload.format is None
    return was_no_image and sidecars.is_xmp(upload.name)


def judge_quiet(
    connection: Connection, store: BlobStore, upload_id: int, *, now: datetime
) -> Upload | None:
    """Judge an upload that waited for its client to be quiet, and now its time has come.

    Of another upload this says nothing. Returns it as it is now; None if it was purged or erased.
    """
    upload = uploads.find(connection, upload_id, lock=True)
    if upload is None:
        return None
    if upload.state is UploadState.WAITING and upload.current and not upload.removed:
        _judge_finished(connection, store, upload, now=now)
    return uploads.get(connection, upload_id)


def _judge_finished(
    connection: Connection,
    store: BlobStore,
    upload: Upload,
    *,
    now: datetime,
    priority: Priority = Priority.UPLOAD,
) -> None:
    with store.reading(upload.blob_key) as descriptor:
        evidence = content.evidence(descriptor, gap=upload.gap, finished=True)
    verdict = judge(upload.name, evidence)
    _apply(connection, upload, evidence, verdict, now=now, priority=priority)


def unnamed_latecomers(connection: Connection, job_id: int | None) -> list[int]:
    """Return the entries under temporary names in a closed job, or in all, that tell the final one."""
    return [
        entry_id
        for entry_id, name in latecomers.waiting(connection, job_id)
        if names.final_name(name) is not None
    ]


def receive_latecomer(
    connection: Connection, store: BlobStore, entry_id: int, *, now: datetime
) -> None:
    """Receive one of them if it is whole."""
    shown = uploads.current(connection, entry_id)
    upload = shown and uploads.find_with_job(connection, shown.id)
    if upload is None or not upload.current or upload.state is not UploadState.WAITING:
        return
    with store.reading(upload.blob_key) as descriptor:
        evidence = content.evidence(descriptor, gap=upload.gap)
    _receive_latecomer(connection, upload, evidence, now=now)


def _receive_latecomer(
    connection: Connection, upload: Upload, evidence: Evidence, *, now: datetime
) -> None:
    """Give a file its final name if it is whole, and its job was closed before its client could.

    To the client it keeps the temporary name until it has been renamed; see `tree.latecomers`. The caller
    has locked the job: it is not closed meanwhile, and nobody else gives the name away.
    """
    name = names.final_name(upload.name)
    if name is None or upload.removed or uploads.is_planned(connection, upload):
        return
    verdict = judge(name, evidence)
    entry = entries.existing(connection, upload.entry_id)
    if verdict.change is not Change.FOUND_WHOLE or entry is None or entry.parent_id is None:
        return
    account_id, now_ns = upload.account_id, int(now.timestamp() * 10**9)
    there = entries.standing(connection, entry.parent_id, name)
    if there is not None:
        entries.remove(
            connection, there, account_id=account_id, replaced=True, now=now, now_ns=now_ns
        )
    parent = entries.existing(connection, entry.parent_id)
    assert parent is not None, "what is there stands in a directory that is there"
    entries.move(connection, entry, parent=parent, name=name, account_id=account_id, now_ns=now_ns)
    latecomers.know_as(connection, entry.id, upload.name)
    _apply(connection, uploads.get(connection, upload.id), evidence, verdict, now=now)


def cut_off(connection: Connection, upload: Upload, size: int, *, now: datetime) -> None:
    """Settle what a dead mount left open; its blob was cut to *size* bytes."""
    evidence = Evidence(closed=False, finding=content.UNREAD, size=size)
    with suppress(DetachedError):  # it was cut off with the newer upload's first byte
        settle(connection, upload.id, evidence, mtime_ns=None, now=now)


def left_behind(connection: Connection, upload_id: int, size: int) -> None:
    """Note how many bytes a version has that lost its file while it was being written.

    For the handle's release: the version is in the trash already, and nothing judges it. It may have
    been erased from there.
    """
    upload = uploads.find(connection, upload_id, lock=True)
    if upload is not None:
        uploads.note_size(connection, upload, size)


def released(connection: Connection, upload_ids: Iterable[int], *, now: datetime) -> None:
    """Let ingest begin: no handle can change the uploads any more."""
    for upload_id in upload_ids:
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
    if present.state is UploadState.WAITING:
        tasks.withdraw(connection, present.id)
    uploads.supersede(connection, present, account_id=account_id, now=now)
    upload_id = uploads.begin(
        connection, entry_id=present.entry_id, job_id=present.job_id, account_id=account_id,
        role_id=role_id, blob_key=blob_key, base_id=base_id, size=size, now=now,
    )  # fmt: skip
    return uploads.get(connection, upload_id)


def _apply(
    connection: Connection,
    upload: Upload,
    evidence: Evidence,
    verdict: Verdict,
    *,
    now: datetime,
    priority: Priority = Priority.UPLOAD,
) -> Upload:
    size = evidence.size
    if verdict.change is Change.CUT_OFF and upload.base_id is not None:
        _undo_rewrite(connection, upload, upload.base_id, verdict, size=size, now=now)
        return uploads.get(connection, upload.id)
    # The hash of sealed bytes is a photo's, too.
    blob = {} if upload.is_sealed else {"sha256": evidence.sha256}
    judged = uploads.change(
        connection, upload, verdict.change, now=now, size=size, format=verdict.format,
        reason=verdict.reason, advice=verdict.advice, gap=evidence.missing_from,
        late=not upload.planned, blob=blob,
    )  # fmt: skip
    if judged.state is UploadState.RECEIVED:
        is_open = upload.state is UploadState.RECEIVING
        delay = SECOND_CLOSE if is_open else timedelta(0)
        tasks.enqueue(connection, upload.id, now=now, delay=delay, priority=priority)
    elif verdict.quiet:
        tasks.enqueue(connection, upload.id, now=now, delay=QUIET, priority=priority)
    else:
        tasks.withdraw(connection, upload.id)
    return judged


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
