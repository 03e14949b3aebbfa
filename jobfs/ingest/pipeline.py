"""One upload, from its claim to a photo or a sentence about why it is none."""

import hashlib
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from logging import getLogger
from time import perf_counter

import trio

from jobfs import metrics
from jobfs.blobs.refusals import LostBytesError
from jobfs.blobs.store import BlobStore, new_key
from jobfs.catalog import photos, sidecars, tasks, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.photos import Ingested, Rendition
from jobfs.catalog.tasks import Task
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain import endings
from jobfs.domain.metadata.sidecars import FORMAT as XMP
from jobfs.domain.uploads import Change, UploadState
from jobfs.ingest import failing
from jobfs.ingest.decoder import Decoders
from jobfs.ingest.outcomes import Broken, Decoded, Described, Outcome, Refused
from jobfs.tree import versions

log = getLogger(__name__)

#: How often a file is tried that decoders die of; and one that takes them too long, which is its own doing
#: unless the machine was busy.
TRIES, SLOW_TRIES = 3, 2
#: How often a task is begun that no worker comes back from.
CLAIMS = 20
#: How long the first failure is waited out, and by how much longer each further one; then at most.
PAUSE, GROWTH, LONGEST_PAUSE = timedelta(seconds=10), 6, timedelta(minutes=10)

#: Bytes that are hashed at once: they fit into a processor's own memory.
_PIECE = 256 * 1024

_READ, _DECODE, _RENDER, _RECORD = (
    metrics.INGEST_STAGES.of(stage) for stage in ("read", "decode", "render", "record")
)
_RETRIES = metrics.INGEST_RETRIES.of()
metrics.INGESTED.of()  # `jobfs.catalog.outcomes` counts it; it is shown from 0 on

_CHANGES = {
    UploadState.DAMAGED: Change.NOT_DECODED,
    UploadState.UNSUPPORTED: Change.FOUND_FOREIGN,
}


async def ingest(
    database: Database,
    store: BlobStore,
    decoders: Decoders,
    task: Task,
    *,
    decoded: Callable[[], None] | None = None,
) -> None:
    """Make a photo of a claimed task's upload, or note why there is none, or when to try again.

    *decoded*, if given, is called when its decoder can have another.
    Raises CatalogUnavailableError if the database does not take the answer; the task is then claimed
    still, and what was stored for it may or may not be named by a row.
    """
    upload, wanted = await database.read_briefly(_look, task.upload_id)
    if upload is not None and upload.state is UploadState.WAITING:  # its client is quiet now
        upload, wanted = await database.write(_look_again, store, task.upload_id)
    if upload is None or not wanted:
        await database.write(photos.leave, task, now=datetime.now(UTC))
    elif task.attempts > CLAIMS:
        cause = "every worker that has tried has ended while it did"
        await _give_up(database, task, failing.unsafe(cause))
    else:
        try:
            sha256, outcome = await _examine(store, decoders, upload)
            if decoded is not None:
                decoded()
            await _conclude(database, store, task, sha256, outcome)
            _note_what_it_is(upload, outcome)
        except LostBytesError as loss:
            await fail(database, task, failing.lost(str(loss)))
        except OSError as trouble:  # of the store's disk; another try helps when it is over
            await _postpone(database, task, f"the store failed: {trouble}")


def _look(connection: Connection, upload_id: int) -> tuple[Upload | None, bool]:
    """Return a task's upload, and whether it is to be a photo; None if it was purged or erased.

    So it may be where the claim was lost.
    """
    upload = uploads.find(connection, upload_id)
    return upload, upload is not None and photos.is_wanted(connection, upload)


def _look_again(
    connection: Connection, store: BlobStore, upload_id: int
) -> tuple[Upload | None, bool]:
    upload = versions.judge_quiet(connection, store, upload_id, now=datetime.now(UTC))
    return upload, upload is not None and photos.is_wanted(connection, upload)


async def fail(database: Database, task: Task, broken: Broken) -> None:
    """Note a failure that another try may cure, until there have been enough of them."""
    if task.attempts < (SLOW_TRIES if broken.is_slow else TRIES):
        await _postpone(database, task, broken.cause)
    else:
        await _give_up(database, task, broken)


async def _examine(store: BlobStore, decoders: Decoders, upload: Upload) -> tuple[str, Outcome]:
    """Read an upload back and decode it, at once; returns its SHA-256 and what decoding came to.

    Hashed here and not in the decoder, which may have been taken over by what it reads.
    """
    descriptor = await trio.to_thread.run_sync(_open, store, upload)
    look = decoders.describe if upload.format == XMP else decoders.decode
    read = _ReadBack()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read.run, descriptor)
            outcome = await _timed(look, descriptor)
        if read.trouble is not None:
            raise read.trouble
        if isinstance(
            outcome, Refused
        ):  # for what it could not read, perhaps, and by now all is read
            outcome = await _timed(look, descriptor)
        return read.sha256, outcome
    finally:
        os.close(descriptor)


async def _timed(look: Callable[[int], Awaitable[Outcome]], descriptor: int) -> Outcome:
    began = perf_counter()
    outcome = await look(descriptor)
    _note_decoding(outcome, perf_counter() - began)
    return outcome


def _open(store: BlobStore, upload: Upload) -> int:
    """Open an upload's bytes; raises LostBytesError unless they are all there."""
    descriptor = store.open(upload.blob_key)
    size = os.fstat(descriptor).st_size
    if size != upload.size:
        os.close(descriptor)
        raise LostBytesError(
            f"the store holds {size:,} bytes of {upload.name!r}, and {upload.size:,} were received"
        )
    return descriptor


class _ReadBack:
    """Reads an upload back while its decoder does; *trouble* is what the disk had with that."""

    def __init__(self) -> None:
        self.sha256 = ""
        self.trouble: OSError | None = None

    async def run(self, descriptor: int) -> None:
        """Hash the file in a thread."""
        try:
            with _READ.measure():
                self.sha256 = await trio.to_thread.run_sync(_hash, descriptor)
        except OSError as trouble:
            self.trouble = trouble


def _hash(descriptor: int) -> str:
    """Return the SHA-256 of an open file; its place in the file, which others share, stays."""
    digest, piece, place = hashlib.sha256(), memoryview(bytearray(_PIECE)), 0
    while got := os.preadv(descriptor, [piece], place):
        digest.update(piece[:got])
        place += got
    return digest.hexdigest()


def _note_decoding(outcome: Outcome, seconds: float) -> None:
    """Count what the decoder has done in so many seconds."""
    rendering = 0.0
    if isinstance(outcome, Decoded):
        rendering = outcome.rendering
        _RENDER.note(rendering)
    _DECODE.note(max(0.0, seconds - rendering))


async def _conclude(
    database: Database, store: BlobStore, task: Task, sha256: str, outcome: Outcome
) -> None:
    match outcome:
        case Decoded():
            # or renditions would be left without a row
            with trio.CancelScope(shield=True), _RECORD.measure():
                await _record(database, store, task, sha256, outcome)
        case Described():
            await database.write(
                sidecars.record, task, outcome.metadata, sha256=sha256, now=datetime.now(UTC)
            )
        case Refused():
            await database.write(
                photos.refuse, task, _CHANGES[outcome.kind], sha256=sha256,
                reason=outcome.reason, advice=outcome.advice, cause=outcome.cause,
                now=datetime.now(UTC),
            )  # fmt: skip
        case Broken():
            await fail(database, task, outcome)


async def _record(
    database: Database, store: BlobStore, task: Task, sha256: str, decoded: Decoded
) -> None:
    renditions = await trio.to_thread.run_sync(_put, store, decoded)
    found = Ingested(
        sha256=sha256, format=decoded.format, width=decoded.width, height=decoded.height,
        shot=decoded.shot, metadata=decoded.metadata, codes=decoded.codes,
        renditions=renditions,
    )  # fmt: skip
    unused = await database.write(photos.record, task, found, now=datetime.now(UTC))
    await trio.to_thread.run_sync(_drop, store, unused)


def _note_what_it_is(upload: Upload, outcome: Outcome) -> None:
    """Tell the log of a content that its name does not promise."""
    if isinstance(outcome, Decoded) and endings.is_belied(upload.name, outcome.format):
        log.info("upload %d is %s, though called %r", upload.id, outcome.format, upload.name)


def _put(store: BlobStore, decoded: Decoded) -> tuple[Rendition, ...]:
    """Store the renditions under fresh keys: all, or none."""
    fresh = {new_key(): made for made in decoded.renditions}
    try:
        store.put_renditions({key: made.data for key, made in fresh.items()})
    except OSError:
        _drop(store, tuple(fresh))
        raise
    return tuple(
        Rendition(
            name=made.name, width=made.width, height=made.height, size=len(made.data), key=key
        )
        for key, made in fresh.items()
    )


def _drop(store: BlobStore, keys: tuple[str, ...]) -> None:
    for key in keys:
        store.drop_rendition(key)


async def _postpone(database: Database, task: Task, error: str) -> None:
    pause = min(PAUSE * GROWTH ** min(task.attempts - 1, 10), LONGEST_PAUSE)
    log.warning("upload %d is tried again in %s: %s", task.upload_id, pause, error)
    _RETRIES.add()
    await database.write(tasks.postpone, task, until=datetime.now(UTC) + pause, error=error)


async def _give_up(database: Database, task: Task, broken: Broken) -> None:
    failed = partial(
        tasks.give_up, reason=broken.reason, advice=broken.advice, now=datetime.now(UTC)
    )
    await database.write(failed, task, broken.cause)
