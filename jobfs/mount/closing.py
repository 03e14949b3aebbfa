"""Closing: what was written is made durable and judged, whoever ends it, and however."""

import logging
import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import trio

from jobfs.at_once import AtOnce
from jobfs.blobs.refusals import LostBytesError
from jobfs.blobs.store import BlobStore
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.judgement import Evidence
from jobfs.domain.uploads import UploadState
from jobfs.errors import JobfsError
from jobfs.mount.handles import Handle
from jobfs.mount.quotas import Quotas
from jobfs.mount.table import HandleTable
from jobfs.mount.versions import OpenVersion, examine, glance
from jobfs.tree import versions
from jobfs.tree.refusals import DetachedError, IncompleteError

log = logging.getLogger(__name__)

#: Seconds between two tries to settle what a failing disk or database has left unsettled.
_PAUSE = 1.0

#: Seconds within which handles are released together: the transactions of a connection's next files are
#: faster without them between. As long as one follows another, more of them.
_TOGETHER, _IN_A_BURST = 0.01, 0.1


class Closing:
    """Settles what handles have written.

    *refuse_incomplete*: the close of a file that is not whole fails, for its client to hear.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        table: HandleTable,
        quotas: Quotas,
        disk: AtOnce,
        *,
        refuse_incomplete: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._table = table
        self._quotas = quotas
        self._disk = disk
        self._refuse_incomplete = refuse_incomplete
        # Handles that the kernel has released and whose version could not be settled.
        self._released, self._each_released = trio.open_memory_channel[int](math.inf)
        self._left_over, self._each_left_over = trio.open_memory_channel[Handle](math.inf)

    async def flush(self, number: int) -> None:
        """Make durable and judge what a handle wrote. close(2) waits for this, and for no more."""
        handle = self._table.get(number)
        if handle.is_writable:
            handle.require_permitted()
        if handle.version is not None:
            refusal = await self.settle(handle, closed=handle.opener.is_closing())
            if refusal is not None and self._refuse_incomplete:
                raise refusal

    async def settle(
        self, handle: Handle, *, closed: bool, alone: bool = False
    ) -> IncompleteError | None:
        """Judge what a handle wrote; of a dead client only if it is *alone*, else the others go on.

        Returns what its client may be told; raises DetachedError if a newer version has its place.
        """
        if handle.version is None or not handle.version.changed:
            return None
        self._database.keep_promise()  # if it cannot be kept, there is nothing to judge
        async with self._table.lock(handle.inode):
            version = handle.version
            if version is None or not version.changed:
                return None
            if closed:
                version.require_attached()
            if version.detached is not None or not (closed or alone or version.writers == 1):
                return None
            try:
                refusal = await self._judge(version, closed=closed)
            except DetachedError as error:  # a newer version, which another mount has begun
                self._table.detach(version.upload.id, str(error))
                raise
        return refusal

    async def _judge(self, version: OpenVersion, *, closed: bool) -> IncompleteError | None:
        # Who wants to write from now on waits for the lock, and asks for the row's state then. That
        # holds, too, if this fails half-way.
        version.receiving = False
        await version.calm()
        evidence = await self._examined(version, closed=closed)
        async with self._quotas.settling(version):
            settled = await self._database.write_briefly(
                versions.settle, version.upload.id, evidence,
                mtime_ns=version.wrote_ns, now=datetime.now(UTC),
            )  # fmt: skip
            version.note_judgement(settled.upload, evidence.size)
        return settled.refusal

    async def _examined(self, version: OpenVersion, *, closed: bool) -> Evidence:
        if closed and not version.failed and not self._store.waits_for_disk:
            evidence = await self._disk.run(partial(glance, version))
            if evidence is not None:
                return evidence
        return await trio.to_thread.run_sync(partial(examine, version, self._store, closed=closed))

    async def release(self, number: int) -> None:
        """Forget a handle; after the last one of a version ingest may begin."""
        handle = self._table.get(number)
        handle.stop_reading()
        if await self._is_settled(handle):
            await self._forget(handle)
        else:
            self._left_over.send_nowait(handle)

    async def _forget(self, handle: Handle) -> None:
        self._table.forget(handle)
        version = handle.version
        if version is None or version.writers > 0:
            return
        with suppress(CatalogUnavailableError):  # then a task waits for its time, a size is unknown
            if version.detached is not None:
                await self._database.write_lazily(
                    versions.left_behind, version.upload.id, version.size
                )
            elif version.upload.state is UploadState.RECEIVED:
                self._released.send_nowait(version.upload.id)

    async def hand_over(self) -> None:
        """Let ingest begin, for ever, with what was released; with all of a moment in one transaction."""
        burst_ends = -math.inf
        async for first in self._each_released:
            await trio.sleep(_TOGETHER)
            released = [first, *self._released_meanwhile()]
            if len(released) > 1 or trio.current_time() < burst_ends:
                await trio.sleep(_IN_A_BURST)
                released += self._released_meanwhile()
            with suppress(CatalogUnavailableError):  # then their tasks wait for their time
                await self._database.write_lazily(
                    versions.released, released, now=datetime.now(UTC)
                )
            burst_ends = trio.current_time() + _IN_A_BURST

    def _released_meanwhile(self) -> Iterator[int]:
        with suppress(trio.WouldBlock):
            while True:
                yield self._each_released.receive_nowait()

    async def settle_left_over(self) -> None:
        """Settle, for ever, what could not be settled when the kernel released its last handle."""
        async for handle in self._each_left_over:
            if await self._is_settled(handle):
                await self._forget(handle)
            else:
                self._left_over.send_nowait(handle)
                await trio.sleep(_PAUSE)

    async def _is_settled(self, handle: Handle, *, alone: bool = False) -> bool:
        """Cut off what a flush has not settled, because it failed or the client died; if it can be."""
        try:
            await self.settle(handle, closed=False, alone=alone)
        except DetachedError:
            return True  # by a newer version, which another mount has begun
        except (JobfsError, OSError) as error:
            log.warning("upload of %r is not settled yet: %s", handle.shown.name, error)
            return False
        return True

    async def cut_off_all(self) -> None:
        """Settle everything that is still open as interrupted: the mount ends."""
        for handle in self._table:
            await self._is_settled(handle, alone=True)

    async def receive_late(self, job_id: int | None = None) -> None:
        """Receive what is whole under a temporary name in a job that was closed, or in all."""
        for entry_id in await self._database.read(versions.unnamed_latecomers, job_id):
            try:
                await self._database.write(
                    versions.receive_latecomer, self._store, entry_id, now=datetime.now(UTC)
                )
            except (LostBytesError, OSError) as error:
                log.warning("entry %d cannot be received: %s", entry_id, error)

    async def revoke_ungranted(self) -> None:
        """Fail the handles of accounts that have lost their grant, and cut off what they wrote."""
        permitted = [handle for handle in self._table if handle.refused is None]
        lost = [handle for handle in permitted if not await self._is_granted(handle)]
        for handle in lost:
            handle.refused = "the account may no longer work in this job"
        for handle in lost:
            log.info("account %d, %r: %s", handle.account_id, handle.shown.name, handle.refused)
            await self._is_settled(handle)

    async def _is_granted(self, handle: Handle) -> bool:
        entry_id = inodes.unpack(handle.inode).row
        return await self._database.read_briefly(
            versions.still_granted, handle.account_id, entry_id, writing=handle.is_writable
        )
