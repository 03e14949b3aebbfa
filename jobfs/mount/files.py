"""Opening, reading and writing files: what stands behind the kernel's requests for them."""

import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import trio

from jobfs import metrics
from jobfs.at_once import AtOnce
from jobfs.blobs.store import BlobStore, Space, new_key
from jobfs.catalog import uploads
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.domain.uploads import UploadState
from jobfs.errors import JobfsError
from jobfs.mount.closing import Closing
from jobfs.mount.handles import Handle, Opener
from jobfs.mount.looking import Looking
from jobfs.mount.quotas import Quotas
from jobfs.mount.reading import read_at
from jobfs.mount.refusals import BadHandleError
from jobfs.mount.second_looks import SecondLooks
from jobfs.mount.table import HandleTable
from jobfs.mount.versions import OpenVersion, write_fully
from jobfs.tree import beginnings, changes, versions
from jobfs.tree.beginnings import Beginning
from jobfs.tree.changes import Moment, Place
from jobfs.tree.refusals import StillReceivingError
from jobfs.tree.views import Node

log = logging.getLogger(__name__)

_WRITTEN, _READ = metrics.HANDLE_BYTES.of("written"), metrics.HANDLE_BYTES.of("read")


#: Bytes that are written to the disk in one go before a close waits for all of them.
_AT_ONCE = 1024**2
#: Bytes of a version that are copied without a thread, which takes longer to begin than they take.
_COPIED_AT_ONCE = 256 * 1024


class OpenFiles:
    """Opens, reads and writes the files of one mount.

    table    what is open
    quotas   what may be written
    looks    whose names were looked up again
    closing  what settles it
    """

    def __init__(
        self,
        database: Database,
        tree: Looking,
        store: BlobStore,
        role_id: int,
        *,
        refuse_incomplete: bool,
    ) -> None:
        self._database = database
        self._tree = tree
        self._store = store
        self._role_id = role_id
        self.table = HandleTable()
        self._disk = AtOnce()
        self.quotas = Quotas(database, self.table)
        self.looks = SecondLooks(tree)
        self.closing = Closing(
            database,
            store,
            self.table,
            self.quotas,
            self._disk,
            refuse_incomplete=refuse_incomplete,
        )

    # -- opening ---------------------------------------------------------------------------------

    async def create(
        self, parent: int, name: bytes, flags: int, opener: Opener
    ) -> tuple[Handle, Node]:
        """Make a file and open it; raises NameTakenError."""
        await self.quotas.look(inodes.unpack(parent).account)
        key = new_key()
        now = changes.moment(time.time_ns())
        descriptor = await self._disk.run(partial(self._store.create, key))
        with self.table.birth():
            async with self._given_back_if_refused(key, descriptor):
                node, upload = await self._begin_file(Place(parent, name), key, now)
            version = self.table.attach(OpenVersion(upload, descriptor, opener.process, size=0))
            handle = self.table.add(node.inode, flags, upload, opener, version)
        return handle, node

    async def _begin_file(self, place: Place, key: str, now: Moment) -> tuple[Node, Upload]:
        """Begin a file, whose rows are written when the client has its answer, if that can be."""
        if self._database.may_promise:
            begun = self._database.promise(
                partial(beginnings.foresee, place=place, blob_key=key, now=now),
                partial(beginnings.make, role_id=self._role_id),
                self._lose,
            )
            if begun is not None:
                return begun.node, begun.upload
        return await self._database.write_lazily(
            changes.create, *place, role_id=self._role_id, blob_key=key, now=now
        )

    def _lose(self, begun: Beginning, why: Exception) -> None:
        """Let a file go whose rows could not be made; its handle is open, and hears of it."""
        log.error("%r could not be made: %s", begun.upload.name, why)
        self.table.detach(begun.upload.id, "the database did not take it")
        with suppress(OSError):  # then fsck finds it
            self._store.drop_original(begun.upload.blob_key)

    async def open(
        self, inode: int, flags: int, opener: Opener, *, looked_up: bool = False
    ) -> Handle:
        """Open a file that is there; raises StaleInodeError if its name has to be looked up first."""
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        if writing:
            await self.quotas.look(inodes.unpack(inode).account)
        async with self.table.lock(inode):
            node, shown = await self._tree.open_file(inode, writing=writing)
            if writing and not looked_up:
                self.looks.require(node, opener.thread)
            if shown.state is UploadState.RECEIVING:
                await self.table.born(shown.id)
            handle = self.table.add(inode, flags, shown, opener)
            try:
                if writing and flags & os.O_TRUNC:
                    await self._start_over(handle)
                elif flags & os.O_ACCMODE != os.O_WRONLY:
                    handle.reading = await self._disk.run(partial(self._store.open, shown.blob_key))
            except BaseException:
                self.table.forget(handle)
                raise
        return handle

    async def _start_over(self, handle: Handle) -> None:
        """Give a handle an empty version; whoever writes the present one has lost the file."""
        version = await self._begin(handle, handle.shown, versions.start_over)
        self.table.detach(handle.shown.id, "a newer upload has taken its place")
        version.wrote_ns = time.time_ns()  # truncation is a change of its own
        self.table.use(handle, self.table.attach(version))

    # -- reading and writing ---------------------------------------------------------------------

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes; what a handle has written it also reads."""
        handle = self.table.get(number)
        handle.require_permitted()
        if not handle.is_readable:
            raise BadHandleError("the file is not open for reading")
        if handle.version is not None:
            with handle.version.moving_bytes() as descriptor:
                data = await read_at(descriptor, size, offset)
        else:
            assert handle.reading is not None, "a handle reads its version, or the one it was shown"
            data = await read_at(handle.reading, size, offset)
        handle.moved += len(data)
        _READ.add(len(data))
        return data

    async def write(self, number: int, offset: int, data: bytes) -> int:
        """Store *data* and return its length, or raise; never less."""
        handle = self.table.writable(number)
        version = handle.version
        if version is None or not self._may_write_at_once(handle, version, offset, len(data)):
            await self._write_in_turn(handle, offset, data)
        else:
            try:
                self._disk.call(partial(write_fully, version.descriptor, offset, data))
            except OSError:
                version.note_failure()
                raise
            version.note_write(offset, len(data))
        handle.moved += len(data)
        _WRITTEN.add(len(data))
        return len(data)

    def _may_write_at_once(
        self, handle: Handle, version: OpenVersion, offset: int, length: int
    ) -> bool:
        """Whether nobody has to be waited for, or asked: so it is with nearly every write."""
        return (
            version.receiving
            and version.detached is None
            and not handle.flags & os.O_APPEND
            and self.quotas.knows_room(version, length, offset=offset)
            and self._disk.is_wise
            and not self._is_due(version, offset + length)
        )

    async def _write_in_turn(self, handle: Handle, offset: int, data: bytes) -> None:
        version = await self._writable(handle)
        appending = bool(handle.flags & os.O_APPEND)
        with version.moving_bytes() as descriptor, version.noting_failure():
            await self.quotas.require_room(version, len(data), offset=None if appending else offset)
            if appending:
                # The kernel's offset is the size it remembers, which another handle may have moved.
                offset = version.reserve(len(data))
            await self._disk.run(partial(write_fully, descriptor, offset, data))
            version.note_write(offset, len(data))
            if self._is_due(version, offset + len(data)):
                start, version.on_its_way = version.on_its_way, offset + len(data)
                begin = partial(self._store.begin_sync, descriptor, start, version.on_its_way)
                await self._disk.run(begin)

    def _is_due(self, version: OpenVersion, end: int) -> bool:
        """Whether the disk is to begin with what has come up to *end*."""
        return self._store.waits_for_disk and end >= version.on_its_way + _AT_ONCE

    async def truncate(self, number: int, size: int) -> None:
        """Cut or grow the file of a handle. To the size it has: nothing happens."""
        handle = self.table.writable(number)
        if handle.version is None and await self._size(handle) == size:
            return
        version = await self._writable(handle)
        with version.moving_bytes() as descriptor:
            await self.quotas.require_room(version, size, offset=0)
            await trio.to_thread.run_sync(os.ftruncate, descriptor, size)
            version.note_truncation(size)

    async def truncate_closed(self, inode: int, size: int, opener: Opener) -> None:
        """Cut or grow a file by its path: open, truncate, judge, close."""
        handle = await self.open(inode, os.O_RDWR, opener)
        try:
            await self.truncate(handle.number, size)
            await self.closing.settle(handle, closed=True)
        finally:
            await self.closing.release(handle.number)

    async def _writable(self, handle: Handle) -> OpenVersion:
        """Return the version a handle writes, making it one at its first write.

        Until then an open for writing has changed nothing: clients reopen files to set times.
        """
        version = handle.version
        if version is None or not version.receiving:
            async with self.table.lock(handle.inode):
                version = await self._acquire(handle)
        version.require_attached()
        return version

    async def _acquire(self, handle: Handle) -> OpenVersion:
        version = handle.version or self.table.live(handle.shown.id)
        if version is None:
            return await self._resume(handle, handle.shown)
        version.require_attached()
        if not version.receiving:
            return await self._resume(handle, version.upload)
        if not version.belongs_to(handle.opener.process):
            return await self._take_over(handle, version)
        self.table.use(handle, version)
        return version

    async def _resume(self, handle: Handle, upload: Upload) -> OpenVersion:
        """Go on with what was closed before: in place, or in a copy if its bytes are sealed."""
        shown = await self._database.read_briefly(versions.latest, upload)
        if shown.is_sealed:
            return await self._rewrite(handle, shown)
        version = self.table.live(shown.id)
        if version is None and shown.state is UploadState.RECEIVING:
            raise StillReceivingError(f"{shown.name!r} is still being sent, or was until just now")
        if version is None or not version.belongs_to(handle.opener.process):
            version = await self._reopen(handle, shown)
        self.table.use(handle, self.table.attach(version))
        resumed = await self._database.write_lazily(versions.resume, shown, role_id=self._role_id)
        if resumed.is_sealed:
            return await self._rewrite(handle, resumed)
        version.receiving = version.changed = True
        return version

    async def _reopen(self, handle: Handle, shown: Upload) -> OpenVersion:
        """Return a closed version for this connection to go on with, and for no other one."""
        descriptor = await self._disk.run(partial(self._store.open, shown.blob_key, writing=True))
        self.table.detach(shown.id, "another connection goes on with it")
        size = os.fstat(descriptor).st_size
        version = OpenVersion(
            shown, descriptor, handle.opener.process, size=size, changed=False, receiving=False
        )
        if shown.gap is not None:
            version.written.truncate(shown.gap)  # nobody knows what has arrived behind it
        return version

    async def _take_over(self, handle: Handle, other: OpenVersion) -> OpenVersion:
        """Begin a version with what another connection has sent so far, which has lost the file.

        It may be the same photographer, whose first connection only seems to live; or two who send
        one name at the same time. Their bytes must not be mixed.
        """
        other.receiving = False  # whoever writes there from now on waits for the lock
        try:
            await other.calm()
            await self.quotas.require_room_for_copy(handle.account_id, other.upload)
            rule = partial(versions.take_over, size=other.size)
            version = await self._begin(handle, other.upload, rule, copied=other.size)
        except BaseException:
            other.receiving = True
            raise
        self.table.detach(other.upload.id, "another connection sends it now")
        version.written = other.written.copy()
        self.table.use(handle, self.table.attach(version))
        return version

    async def _rewrite(self, handle: Handle, shown: Upload) -> OpenVersion:
        await self.quotas.require_room_for_copy(handle.account_id, shown)
        version = await self._begin(handle, shown, versions.rewrite, copied=shown.size)
        self.table.attach(version)
        for other in self.table:  # what this connection wrote to the sealed version goes here now
            writes_it = other.version is not None and other.version.upload.id == shown.id
            if writes_it and version.belongs_to(other.opener.process):
                self.table.use(other, version)
        self.table.use(handle, version)
        if shown.account_id != handle.account_id:
            await self.quotas.refresh(handle.account_id)
        return version

    async def fsync(self, number: int) -> None:
        """Return when the bytes of a handle survive a power cut; raises DetachedError."""
        handle = self.table.get(number)
        handle.require_permitted()
        self._database.keep_promise()
        if handle.version is not None:
            handle.version.require_attached()
            with handle.version.moving_bytes() as descriptor:
                key = handle.version.upload.blob_key
                await trio.to_thread.run_sync(self._store.sync, key, descriptor)

    async def space(self) -> Space:
        """Return the room on the store's disk."""
        return await self._disk.run(self._store.space)

    # -- small parts -----------------------------------------------------------------------------

    async def _begin(
        self,
        handle: Handle,
        shown: Upload,
        rule: Callable[..., Upload],
        *,
        copied: int | None = None,
    ) -> OpenVersion:
        """Begin a version in place of *shown* by a *rule* of `tree.versions`.

        *copied*: the bytes of *shown* that it begins with; None: it begins empty.
        """
        key = new_key()
        if copied is None:
            descriptor = await self._disk.run(partial(self._store.create, key))
        else:
            descriptor = await self._copy(key, of=shown.blob_key, size=copied)
        async with self._given_back_if_refused(key, descriptor):
            upload = await self._database.write_lazily(
                rule, shown, account_id=handle.account_id, role_id=self._role_id, blob_key=key,
                now=datetime.now(UTC),
            )  # fmt: skip
        return OpenVersion(upload, descriptor, handle.opener.process, size=upload.size)

    async def _size(self, handle: Handle) -> int:
        live = self.table.live(handle.shown.id)
        if live is not None:
            return live.size
        return (await self._database.read_briefly(versions.latest, handle.shown)).size

    @asynccontextmanager
    async def _given_back_if_refused(self, key: str, descriptor: int) -> AsyncIterator[None]:
        """Close and delete a new blob if the block, which is to give it a row, is refused.

        A refusal may be that of a second try, whose first was committed while its answer was lost.
        """
        try:
            yield
        except BaseException as error:
            os.close(descriptor)
            known = isinstance(error, JobfsError) and not isinstance(error, CatalogUnavailableError)
            if known and not await self._database.read_briefly(uploads.names_blob, key):
                self._store.drop_original(key)
            raise

    async def _copy(self, key: str, *, of: str, size: int) -> int:
        copy = partial(self._store.copy, key, of=of)
        if size > _COPIED_AT_ONCE:
            return await trio.to_thread.run_sync(copy)
        return await self._disk.run(copy)
