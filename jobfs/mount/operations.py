"""The kernel's requests: each is translated, answered by the tree, and translated back.

A handler decides nothing. What a directory holds and permits is decided in `tree/`; what stands
behind a file handle, in `files.py`, for the files that jobfs writes in `reports.py`, for `.jobfs` in
`admin.py`, and for `.jobfs/all` in `originals.py`.
"""

import os
import time
from collections.abc import Sequence

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    ReaddirToken,
    RequestContext,
    SetattrFields,
    StatvfsData,
    XAttrNameT,
)

from jobfs.blobs.store import BlobStore
from jobfs.database import Database
from jobfs.domain.refusals import BadNameError, NameTooLongError
from jobfs.mount.admin import AdminFiles
from jobfs.mount.closing import Closing
from jobfs.mount.directories import DOT_DOT, OpenDirectories, list_dots
from jobfs.mount.files import OpenFiles
from jobfs.mount.handles import Opener
from jobfs.mount.looking import Looking
from jobfs.mount.originals import Originals
from jobfs.mount.plain import PlainOperations
from jobfs.mount.quotas import within
from jobfs.mount.replies import (
    absent,
    attributes,
    file_info,
    file_system,
    may_be_absent,
    named_report,
    opened_report,
    replies_errno,
    require_same_owner,
    spelled,
)
from jobfs.mount.reports import ReportFiles
from jobfs.mount.roots import Roots
from jobfs.mount.tellings import Tellings
from jobfs.mount.xattrs import Attributes
from jobfs.tree import attributes as xattrs
from jobfs.tree import changes, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import (
    IntoItselfError,
    NameTakenError,
    NoSuchEntryError,
)
from jobfs.tree.views import Node

AnyFiles = OpenFiles | AdminFiles | ReportFiles | Originals


class JobOperations(PlainOperations):
    """Jobs as directories, served to the kernel."""

    # Handles by inode number alone (open_by_handle_at, NFS) would come without a walk down the path.
    supports_dot_lookup = False
    # It would acknowledge bytes that die with this process.
    enable_writeback_cache = False

    def __init__(
        self,
        database: Database,
        tree: Looking,
        store: BlobStore,
        files: OpenFiles,
        reports: ReportFiles,
    ) -> None:
        super().__init__()
        self._database = database
        self._store = store
        self._files = files
        self._tree = tree
        self._attributes_of = Attributes(database)
        self._reports = reports
        self._admin = AdminFiles(Tellings(database, store, files.table))
        self._originals = Originals(database, store)
        self._others = (self._reports, self._admin, self._originals)
        self._directories = OpenDirectories(self._tree)
        self._roots = Roots()

    # -- names -----------------------------------------------------------------------------------

    @replies_errno
    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name in a directory."""
        place = Place(parent_inode, name)
        try:
            if await self._reports.keeps(place):
                self._roots.note_look(parent_inode, ctx.pid)
                return await self._named(await self._reports.find(place), ctx.pid)
            node = await self._tree.child(*place)
            self._files.looks.note(ctx.pid, node.inode)
            return spelled(name, node, await self._named(node, ctx.pid))
        except NoSuchEntryError:
            self._files.looks.note(ctx.pid, None)
            if not may_be_absent(place):
                raise
            return absent()
        except (BadNameError, NameTooLongError) as refusal:
            await self._reports.note_refusal(place, refusal)
            raise

    @replies_errno
    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """Return what is known of an inode."""
        try:
            return self._roots.as_asked(await self._attributes(inode, ctx.pid), ctx)
        except NoSuchEntryError as gone:
            if not await self._tree.was_file(inode):
                raise
            # The name that it remembered may be another file's now: it looks again.
            raise self._files.looks.sent_back(ctx.pid, inode) from gone

    @replies_errno
    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Make a directory. Its mode is always 0755."""
        return attributes(
            await self._database.write_briefly(changes.mkdir, parent_inode, name, now=_now())
        )

    @replies_errno
    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove an empty directory."""
        await self._database.write_briefly(changes.rmdir, parent_inode, name, now=_now())

    @replies_errno
    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a file; what jobfs writes stays, and the answer is the same."""
        place = Place(parent_inode, name)
        if await self._reports.keeps(place):
            self._reports.unlink(place)
            return
        await self._database.write_briefly(changes.unlink, parent_inode, name, now=_now())
        self._files.looks.note_change(parent_inode)

    @replies_errno
    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move an entry, over what stands there unless RENAME_NOREPLACE forbids it."""
        if flags & ~pyfuse3.RENAME_NOREPLACE:
            raise IntoItselfError("two entries cannot change places")
        old, new = Place(parent_inode_old, name_old), Place(parent_inode_new, name_new)
        replace = not flags & pyfuse3.RENAME_NOREPLACE
        if await self._reports.keeps(old) or await self._reports.keeps(new):
            await self._reports.rename(old, new, replace=replace, now=_now())
            return
        # To another job all that is in a directory goes with it, which may take long.
        is_brief = parent_inode_old == parent_inode_new
        write = self._database.write_briefly if is_brief else self._database.write
        moved = await write(changes.rename, self._store, old, new, replace=replace, now=_now())
        self._files.looks.note_change(old.parent)
        if not moved:  # the kernel believes it was, and would show one file under the other's name
            pyfuse3.invalidate_entry_async(new.parent, new.name, ignore_enoent=True)

    # -- attributes ------------------------------------------------------------------------------

    @replies_errno
    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Set size and times. Modes are taken and forgotten; owners may only stay who they are."""
        try:
            node = await self._node(inode, ctx.pid)
        except NoSuchEntryError as gone:
            if not await self._tree.was_file(inode):
                raise
            raise self._files.looks.sent_back(ctx.pid, inode) from gone
        if fields.update_uid or fields.update_gid:
            require_same_owner(node, attr, fields)
        if self._reports.holds(inode):
            self._reports.set_attributes(
                inode, size=attr.st_size if fields.update_size else None,
                mtime_ns=attr.st_mtime_ns if fields.update_mtime else None,
            )  # fmt: skip
            return await self._attributes(inode, ctx.pid)
        if fields.update_size:
            await self._truncate(inode, attr.st_size, fh, _opener(ctx))
        await self._set_times(node, attr, fields)
        return await self._attributes(inode, ctx.pid)

    @replies_errno
    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """Return an extended attribute."""
        return await self._attributes_of.value(inode, name, ctx.pid)

    @replies_errno
    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """Return the names of an inode's extended attributes."""
        return await self._attributes_of.names(inode, ctx.pid)

    @replies_errno
    async def setxattr(
        self, inode: InodeT, name: XAttrNameT, value: bytes, ctx: RequestContext
    ) -> None:
        """Change nothing; succeed for jobfs's own."""
        xattrs.require_own(os.fsdecode(name))

    @replies_errno
    async def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> None:
        """Change nothing; succeed for jobfs's own."""
        xattrs.require_own(os.fsdecode(name))

    @replies_errno
    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """Return the room on the store's disk, or what the quota of the account that asks leaves of it."""
        found = await self._files.quotas.of_uid(ctx.uid)
        space = within(await self._files.space(), found)
        return file_system(
            total=space.total, free=space.free, files=space.files, free_files=space.free_files
        )

    # -- directories -----------------------------------------------------------------------------

    @replies_errno
    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory."""
        return FileHandleT(await self._directories.open(inode))

    @replies_errno
    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List a directory from a cookie on, until the kernel's buffer is full."""
        directory = self._directories.of(fh)
        if start_id < DOT_DOT and not list_dots(directory.node, start_id, token):
            return
        after = max(start_id - DOT_DOT, 0)
        is_last = False
        while not is_last:
            page, is_last = await directory.children(after=after)
            for name, known, cookie in page:
                reply = known if isinstance(known, EntryAttributes) else self._listed(known)
                if not pyfuse3.readdir_reply(token, name, reply, cookie + DOT_DOT):
                    return
                after = cookie

    @replies_errno
    async def releasedir(self, fh: FileHandleT) -> None:
        """Close a directory."""
        self._directories.close(fh)

    @replies_errno
    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:  # noqa: FBT001 (the binding's)
        """Nothing to do: every change of a name was durable when it was answered."""

    # -- files -----------------------------------------------------------------------------------

    @replies_errno
    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Make a file and open it; somebody else may have made it since the kernel looked."""
        place = Place(parent_inode, name)
        if await self._reports.keeps(place):
            report, node = self._reports.create(place, flags, _opener(ctx))
            return file_info(report.number), attributes(node)
        try:
            handle, node = await self._files.create(parent_inode, name, flags, _opener(ctx))
        except NameTakenError:
            if flags & os.O_EXCL:
                raise
            node = await self._database.read_briefly(views.child, parent_inode, name)
            handle = await self._files.open(node.inode, flags, _opener(ctx), looked_up=True)
            node = await self._node(node.inode, ctx.pid)
        self._reports.note_created(place)
        return file_info(handle.number), spelled(name, node, self._reply(node))

    @replies_errno
    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file."""
        files: AnyFiles = next((one for one in self._others if one.holds(inode)), self._files)
        try:
            return file_info((await files.open(inode, flags, _opener(ctx))).number)
        except NoSuchEntryError as gone:
            if await self._tree.shows(inode):
                raise
            # The name that it remembered is another's now, or nobody's: it looks again, and may create.
            raise self._files.looks.sent_back(ctx.pid, inode) from gone

    @replies_errno
    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Read."""
        return await self._of(fh).read(fh, off, size)

    @replies_errno
    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Write all of it, or fail: OpenSSH takes a short write for a failure anyway."""
        return await self._of(fh).write(fh, off, buf)

    @replies_errno
    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:  # noqa: FBT001 (the binding's)
        """Make the bytes durable."""
        await self._of(fh).fsync(fh)

    @replies_errno
    async def flush(self, fh: FileHandleT) -> None:
        """Make durable and judge. The last chance to fail: close(2) waits for us."""
        await self._closing_of(fh).flush(fh)

    @replies_errno
    async def release(self, fh: FileHandleT) -> None:
        """Forget the handle; nobody hears an error."""
        await self._closing_of(fh).release(fh)

    # -- small parts -----------------------------------------------------------------------------

    def _of(self, fh: int) -> AnyFiles:
        """Return what stands behind a handle."""
        if fh in self._files.table:
            return self._files
        return next((one for one in self._others if fh in one), self._files)

    def _closing_of(self, fh: int) -> Closing | AdminFiles | ReportFiles | Originals:
        files = self._of(fh)
        return files.closing if isinstance(files, OpenFiles) else files

    async def _node(self, inode: int, asker: int) -> Node:
        """Return an inode's node; of one that somebody has open, even if it is hidden or gone."""
        if self._reports.holds(inode):
            return await self._reports.node(inode, asker)
        if self._files.table.is_open(inode) or self._originals.is_open(inode):
            return await self._tree.open_node(inode)
        return await self._tree.node(inode)

    async def _named(self, node: Node, asker: int) -> EntryAttributes:
        """Return the answer to a name."""
        if self._reports.holds(node.inode):
            return named_report(await self._reports.dressed(node, asker))
        if self._admin.holds(node.inode):
            return attributes(await self._admin.dressed(node))
        return self._reply(node)

    def _listed(self, node: Node) -> EntryAttributes:
        """Return what a listing says of what does not rest.

        Of what jobfs writes without sizes, since a stat looks the name up again: a text of a large job takes
        longer than listing it, and `find` wants none.
        """
        is_made = self._admin.holds(node.inode) or self._reports.holds(node.inode)
        return attributes(node) if is_made else self._reply(node)

    async def _attributes(self, inode: int, asker: int) -> EntryAttributes:
        """Return the answer to a number."""
        node = await self._node(inode, asker)
        return opened_report(node) if self._reports.holds(inode) else await self._named(node, asker)

    def _reply(self, node: Node) -> EntryAttributes:
        """Return attributes with the size and time of what is being written at this moment."""
        live = self._files.table.live(node.upload_id)
        if live is not None:
            node = node._replace(size=live.size, mtime_ns=live.wrote_ns or node.mtime_ns)
        return attributes(node)

    async def _truncate(self, inode: int, size: int, fh: int | None, opener: Opener) -> None:
        if fh is not None:
            await self._files.truncate(fh, size)
        else:
            await self._files.truncate_closed(inode, size, opener)

    async def _set_times(self, node: Node, attr: EntryAttributes, fields: SetattrFields) -> None:
        mtime_ns = attr.st_mtime_ns if fields.update_mtime else None
        atime_ns = attr.st_atime_ns if fields.update_atime else None
        await self._database.write_briefly(
            changes.set_times, self._store, node.inode, mtime_ns=mtime_ns, atime_ns=atime_ns,
            now=_now(), held=self._files.table.is_held(node.inode),
        )  # fmt: skip
        if mtime_ns is not None:
            self._files.table.times_were_set(node.upload_id)


def _now() -> changes.Moment:
    return changes.moment(time.time_ns())


def _opener(ctx: RequestContext) -> Opener:
    return Opener.of(ctx.pid, ctx.uid)
