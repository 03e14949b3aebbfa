"""What the store and the folders of backups say no to, and when they cannot be trusted."""

import errno

from jobfs.errors import JobfsError


class LostBytesError(JobfsError):
    """The store has a file not, or not as it was received.

    EIO, since it should never be.
    """

    reaches_clients = True
    advice = (
        "`jobfs fsck` lists all that is lost. Look at the disk, and bring the files back from the backup"
        " (backup.md), or ask for them to be sent again."
    )


class StoreFailedError(JobfsError):
    """The store cannot take more bytes: its disk is full, or broken.

    EIO for the latter, as for any disk.
    """

    advice = "Look at `jobfs doctor`, its line on space, and at `dmesg`; then repeat the command."

    def __init__(self, store: object, reason: str | None) -> None:
        super().__init__(f"the store in {store} fails: {reason}")


class BadLedgerError(JobfsError):
    """The list of what was erased for good cannot be read.

    EIO, since going on would bring back what was erased.
    """

    advice = "Bring `erasures.jsonl` back from where you keep it, and repeat; keeping.md says why it is kept."


class NotABackupError(JobfsError):
    """The folder is no backup, or not a whole one.

    EINVAL, since another must be named.
    """

    errno = errno.EINVAL
    advice = (
        "Name the folder that `jobfs backup` was given. If it is that one: take an older backup."
    )


class ForeignFolderError(JobfsError):
    """The folder holds something that a backup would spoil.

    EEXIST, as it is in the way.
    """

    errno = errno.EEXIST
    advice = "Name an empty folder outside the studio's data, or an earlier backup of this studio."


class BusyArchiveError(JobfsError):
    """Another backup or restore is at work in the same folder.

    EBUSY.
    """

    errno = errno.EBUSY
    advice = "Wait for it to end."


class NoRoomError(JobfsError):
    """The disk is too full for what is to be copied.

    ENOSPC.
    """

    errno = errno.ENOSPC
    advice = "Make room there, or name a folder on another disk."


class DamagedFileError(JobfsError):
    """A file is not what it was when it was backed up.

    EIO.
    """

    advice = (
        "Look at the disk. Restore from another backup, or make a new one into an empty folder."
    )


class CopyFailedError(JobfsError):
    """The system refused to read or write; its own reason ends the sentence.

    EIO.
    """

    advice = "Do what the reason asks for, and repeat the command: it goes on where it stopped."


class UnfinishedRestoreError(JobfsError):
    """A restore into this studio has begun and not ended.

    EIO, since nothing can be served from half.
    """

    advice = "Repeat `jobfs restore` with the same folder, until it says that it is done."
