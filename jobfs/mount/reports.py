"""The files that jobfs writes, while they are open, and what clients do to them: which does nothing."""

import os
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog.engine import Mark
from jobfs.database import Database
from jobfs.domain import inodes, names
from jobfs.domain.accounts import uid_of
from jobfs.domain.inodes import Kind
from jobfs.domain.refusals import BadNameError, NameTooLongError
from jobfs.domain.reports import files
from jobfs.domain.reports.files import Report
from jobfs.domain.reports.status import RefusedName, is_little, why_refused
from jobfs.domain.reports.words import Studio, lengthened
from jobfs.mount.handles import Opener
from jobfs.mount.looking import Looking
from jobfs.mount.refusals import BadHandleError
from jobfs.mount.refused import RefusedNames
from jobfs.mount.snapshots import Made, Snapshots, Told, sized
from jobfs.mount.swallowed import Swallowed, SwallowedFiles
from jobfs.tree import changes, reports, views
from jobfs.tree.changes import Moment, Place
from jobfs.tree.refusals import ForbiddenError, NameTakenError, NoSuchEntryError
from jobfs.tree.views import Node

#: Handles of files begin at 1, those of `.jobfs` at the double of this: neither gets here.
_FIRST_NUMBER, _LAST_NUMBER = 1 << 61, (1 << 62) - 1
_KINDS = {Kind.REPORT, Kind.SWALLOWED}


@dataclass(slots=True, eq=False)
class ReportHandle:
    """One open of a file: *content* is read from it; *sent* notes what is written, which goes nowhere."""

    number: int
    inode: int
    content: bytes
    at_ns: int
    opener: Opener
    writable: bool
    sent: Swallowed | None


class ReportFiles:
    """Answers for the files that jobfs writes, in the place of OpenFiles and with its methods."""

    def __init__(self, database: Database, tree: Looking, store: BlobStore, studio: Studio) -> None:
        self._database = database
        self._tree = tree
        self._store = store
        self._studio = studio
        self._numbers = count(_FIRST_NUMBER)
        self._handles: dict[int, ReportHandle] = {}
        self._swallowed = SwallowedFiles()
        self.refused = RefusedNames()
        self._snapshots = Snapshots(self._text, self._state, _lengthened)

    def __contains__(self, number: int) -> bool:
        """Whether a handle belongs to one of these files."""
        return _FIRST_NUMBER <= number <= _LAST_NUMBER

    def holds(self, inode: int) -> bool:
        """Whether an inode is one of these files."""
        return inodes.unpack(inode).kind in _KINDS

    async def _text(self, number: int, now: datetime) -> Made:
        """Return what is in a file at this moment; raises NoSuchEntryError if it is not there."""
        mark = self._tree.mark()  # before the text: what changes meanwhile makes it another
        refused, free = beside = await self._beside(number)
        content, lasts = await self._database.read(
            reports.text, number, studio=self._studio, refused=refused, now=now, free=free
        )
        return Made(content, _known_state(mark, beside), lasts)

    async def _state(self, number: int) -> object | None:
        """Return what is another when anything has changed that a file tells of; None: nobody knows."""
        return _known_state(self._tree.mark(), await self._beside(number))

    async def _beside(self, number: int) -> tuple[list[RefusedName], int | None]:
        """Return what a file tells beside rows: refused names, and what is left of a disk that is full."""
        job_id = _job_of_status(number)
        if job_id is None:
            return [], None
        free = (await trio.to_thread.run_sync(self._store.space)).free
        refused = self.refused.of(inodes.unpack(number).account, job_id)
        return refused, free if is_little(free) else None

    # -- names -----------------------------------------------------------------------------------

    async def keeps(self, place: Place) -> bool:
        """Whether a name is jobfs's own; raises NoSuchEntryError if its directory may not be seen."""
        return await self._tree.keeps(place)

    async def find(self, place: Place) -> Node:
        """Return what stands under a name of jobfs's own; raises NoSuchEntryError."""
        sent = self._swallowed.named(place)
        if sent is not None and await self._number(place) is None:
            return _swallowed_node(sent, place.name.decode())
        if self._swallowed.is_hidden(place):
            raise NoSuchEntryError("it was deleted just now, to be replaced")
        return await self._tree.child(*place)

    def unlink(self, place: Place) -> None:
        """Answer a deletion; what jobfs writes stays."""
        if not self._swallowed.remove(place):
            self._swallowed.hide(place)

    async def rename(self, old: Place, new: Place, *, replace: bool, now: Moment) -> None:
        """Move what was sent under one of these names, or let a file vanish under one."""
        if not await self.keeps(new):
            raise ForbiddenError("what jobfs writes stays where it is")
        target = await self._number(new)
        if target is not None and not replace and not self._swallowed.is_hidden(new):
            raise NameTakenError(f"{new.name!r} is there already")
        if self._swallowed.named(old) is not None:
            self._swallowed.move(old, new, target)
        elif not await self.keeps(old):  # a file of the client's own: it is in the trash then
            await self._database.write_briefly(changes.unlink, *old, now=now)
            self._swallowed.show(new)

    def note_created(self, place: Place) -> None:
        """Note a file of a client's own: some, like gvfs, rename one over what they then delete."""
        name = os.fsdecode(place.name)
        if names.is_temporary(name) and names.final_name(name) is None:
            self._swallowed.expect_rename(place.parent)

    async def _number(self, place: Place) -> int | None:
        try:
            return (await self._tree.child(*place)).inode
        except NoSuchEntryError:
            return None

    # -- attributes ------------------------------------------------------------------------------

    async def node(self, inode: int, asker: int) -> Node:
        """Return a file by its number, to the process that asks; an open one outlives its job."""
        if inodes.unpack(inode).kind is Kind.SWALLOWED:
            return _swallowed_node(self._swallowed.get(inode), "")
        try:
            return await self.dressed(await self._tree.node(inode), asker)
        except NoSuchEntryError:
            for handle in self._handles.values():
                if handle.inode == inode:
                    told = Told(len(handle.content), handle.at_ns)
                    return sized(views.report_node(inode), told)
            raise

    async def dressed(self, node: Node, asker: int) -> Node:
        """Return a node with its size and time, if it is one of these files, to the process that asks."""
        if inodes.unpack(node.inode).kind is not Kind.REPORT:
            return node
        sent = self._swallowed.seen_over(node.inode, asker)
        if sent is not None:
            return sized(node, Told(sent.size, sent.mtime_ns))
        return sized(node, await self._snapshots.told(node.inode))

    def set_attributes(self, inode: int, *, size: int | None, mtime_ns: int | None) -> None:
        """Take new attributes; None leaves one as it is. They are seen for a while at most."""
        if inodes.unpack(inode).kind is Kind.REPORT:
            if mtime_ns is not None:
                self._swallowed.set_time_over(inode, mtime_ns)
            return
        sent = self._swallowed.get(inode)
        sent.size = sent.size if size is None else size
        sent.mtime_ns = sent.mtime_ns if mtime_ns is None else mtime_ns

    # -- open files ------------------------------------------------------------------------------

    def create(self, place: Place, flags: int, opener: Opener) -> tuple[ReportHandle, Node]:
        """Make a file that is to vanish, under a name of jobfs's own that nothing bears."""
        sent = self._swallowed.make(place)
        sent.mtime_ns = time.time_ns()
        handle = self._add(sent.number, flags, opener, sent=sent)
        return handle, _swallowed_node(sent, place.name.decode())

    async def open(self, inode: int, flags: int, opener: Opener) -> ReportHandle:
        """Open a file; what is read is what was in it at this moment."""
        if inodes.unpack(inode).kind is Kind.SWALLOWED:
            return self._add(inode, flags, opener, sent=self._swallowed.get(inode))
        # Whoever opens it must be allowed to see it.
        await self._tree.node(inode)
        if flags & os.O_ACCMODE != os.O_WRONLY:
            snapshot = await self._snapshots.of(inode)
            handle = self._add(inode, flags, opener)
            handle.content, handle.at_ns = snapshot.content, snapshot.at_ns
            self._swallowed.forget_over(inode)
        else:
            handle = self._add(inode, flags, opener)
        if handle.writable and flags & os.O_TRUNC:
            handle.sent = self._swallowed.over(inode)
        return handle

    def _add(
        self, inode: int, flags: int, opener: Opener, *, sent: Swallowed | None = None
    ) -> ReportHandle:
        writable = flags & os.O_ACCMODE != os.O_RDONLY
        handle = ReportHandle(next(self._numbers), inode, b"", 0, opener, writable, sent)
        self._handles[handle.number] = handle
        return handle

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return up to *size* bytes."""
        return self._handle(number).content[offset : offset + size]

    async def write(self, number: int, offset: int, data: bytes) -> int:
        """Take *data*, and drop it."""
        handle = self._handle(number)
        if not handle.writable:
            raise BadHandleError("the file is not open for writing")
        if handle.sent is None:
            handle.sent = self._swallowed.over(handle.inode)
        handle.sent.note_write(offset + len(data))
        return len(data)

    async def fsync(self, number: int) -> None:
        """Nothing of it is ever on a disk."""

    async def flush(self, number: int) -> None:
        """Nothing is judged. A connection may look at what it has sent; root sees what is there."""
        handle = self._handle(number)
        sender = None if handle.opener.uid == 0 else handle.opener.process
        is_over = inodes.unpack(handle.inode).kind is Kind.REPORT
        if is_over and sender is not None and handle.sent is not None:
            self._swallowed.show_to_sender(handle.sent, sender.pid)

    async def release(self, number: int) -> None:
        """Forget a handle."""
        del self._handles[number]

    def _handle(self, number: int) -> ReportHandle:
        try:
            return self._handles[number]
        except KeyError:
            raise BadHandleError(f"no handle {number}") from None

    # -- names that nothing can have -------------------------------------------------------------

    async def note_refusal(self, place: Place, refusal: BadNameError | NameTooLongError) -> None:
        """Remember a name that was refused, for the status file of its job."""
        inode = inodes.unpack(place.parent)
        if inode.kind is Kind.ENTRY:
            job_id = (await self._database.read_briefly(views.visible_entry, inode)).job_id
            self.refused.note(inode.account, job_id, place.name, why_refused(refusal))


def _job_of_status(number: int) -> int | None:
    """Return the job whose `_STATUS.txt` has an inode number; None: that is another file's."""
    address = files.address(inodes.unpack(number).row)
    return address.job_id if address is not None and address.report is Report.STATUS else None


def _lengthened(number: int, content: bytes, size: int) -> bytes:
    """Lengthen the status alone: it gets shorter whenever a file is checked, and is read by people."""
    return content if _job_of_status(number) is None else lengthened(content, size)


def _known_state(mark: Mark, beside: object) -> object | None:
    return None if mark.others is None else (mark, beside)


def _swallowed_node(sent: Swallowed, name: str) -> Node:
    uid = uid_of(inodes.unpack(sent.number).account)
    return Node(
        inode=sent.number, name=name, mode=views.FILE_MODE, uid=uid, gid=uid, size=sent.size,
        mtime_ns=sent.mtime_ns, ctime_ns=sent.mtime_ns, atime_ns=sent.mtime_ns,
    )  # fmt: skip
