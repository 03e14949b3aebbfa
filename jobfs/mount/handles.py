"""What stands behind the kernel's file handles: who opened them, and what they read and write."""

import os
from dataclasses import dataclass

from jobfs import processes
from jobfs.catalog.uploads import Upload
from jobfs.domain import inodes
from jobfs.mount.versions import OpenVersion
from jobfs.processes import Process
from jobfs.tree.refusals import DetachedError


@dataclass(frozen=True, slots=True)
class Opener:
    """A process that opens a file, by its pid and uid at that moment; *thread* is which one of it asks."""

    process: Process | None
    uid: int
    thread: int = 0

    @classmethod
    def of(cls, pid: int, uid: int) -> "Opener":
        """Remember who opens: later, at flush, the kernel does not say who asks."""
        return cls(processes.process(pid), uid, thread=pid)

    def is_closing(self) -> bool:
        """Whether a flush at this moment is a close, and not the end of a process that died.

        A process that cannot be seen counts as dead. Connections run under their accounts' uids; a
        program of root's that ends well without closing its files has sent all it had, too.
        """
        if self.process is None:
            return False
        return self.process.is_running() or (self.uid == 0 and self.process.is_ending_well())


@dataclass(slots=True, eq=False)
class Handle:
    """One open of a file.

    shown    the version the file showed when it was opened
    reading  descriptor of the bytes it reads; None if opened for writing only
    version  what it writes; None until it has changed something
    opener   who opened it
    refused  why it may do nothing any more; None while it may
    moved    bytes read and written
    """

    number: int
    inode: int
    flags: int
    shown: Upload
    opener: Opener
    reading: int | None = None
    version: OpenVersion | None = None
    refused: str | None = None
    moved: int = 0

    @property
    def account_id(self) -> int:
        """The account in whose view it was opened."""
        return inodes.unpack(self.inode).account

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        return self.flags & os.O_ACCMODE != os.O_RDONLY

    @property
    def is_readable(self) -> bool:
        """Whether it was opened for reading."""
        return self.flags & os.O_ACCMODE != os.O_WRONLY

    def require_permitted(self) -> None:
        """Raise DetachedError if its account has lost the grant since."""
        if self.refused is not None:
            raise DetachedError(f"{self.shown.name!r}: {self.refused}")

    def stop_reading(self) -> None:
        """Close the descriptor of the bytes it reads."""
        if self.reading is not None:
            os.close(self.reading)
            self.reading = None
