"""What a file system of files and directories refuses."""

import pyfuse3
from pyfuse3 import EntryAttributes, FileNameT, InodeT, ModeT, RequestContext

from jobfs.mount.replies import replies_errno
from jobfs.tree.refusals import OwnershipError


class PlainOperations(pyfuse3.Operations):
    """Operations of a file system that has nothing else."""

    @replies_errno
    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Refuse: there are files and directories only."""
        raise OwnershipError("jobfs has no devices, pipes or sockets")

    @replies_errno
    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Refuse: a link could lead out of the account's view."""
        raise OwnershipError("jobfs has no symbolic links")

    @replies_errno
    async def link(
        self, inode: InodeT, new_parent_inode: InodeT, new_name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Refuse with EPERM: upon it, and ENOSYS, OpenSSH's RENAME falls back to rename(2)."""
        raise OwnershipError("jobfs has no hard links")
