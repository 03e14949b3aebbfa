"""What commands say no to by themselves, and how they end when something is not as it should be."""

import errno

import click

from jobfs.errors import JobfsError


class WrongSettingsError(click.ClickException):
    """Settings are as wrong as usage: a service manager must not try again what nobody has changed."""

    exit_code = 2


# --- is all well? ---


class UnfitError(JobfsError):
    """The machine, or what it was given, would not serve photographers.

    EIO, as they would read.
    """

    advice = "Do what stands below each line that begins with `unfit`."


class UnhealthyError(JobfsError):
    """Something that photographers need is not at work.

    EIO, as their own requests would fail.
    """

    advice = "Look at the log of that role, and at `jobfs doctor`; then troubleshooting.md, by what you see."


class StuckUploadsError(JobfsError):
    """Something was received and is neither a photo nor a problem after a quarter of an hour.

    EIO, since somebody must look.
    """

    advice = "See troubleshooting.md, Nothing is ingested."


class BytesLeftError(JobfsError):
    """What was erased is no longer shown, but its bytes are still on the disk.

    EIO, as unlink(2) failed.
    """

    advice = "Look at the disk, whether it is mounted for writing; then repeat the command, or wait an hour."


# --- accounts, grants, connections ---


class SystemNameError(JobfsError):
    """The machine itself has an account or a group of that name.

    EEXIST, it is taken.
    """

    errno = errno.EEXIST
    advice = "Take another name, like `anna-photo`."


class HasAllJobsError(JobfsError):
    """One job cannot be taken from an account that has them all.

    EPERM, no right says otherwise.
    """

    errno = errno.EPERM
    advice = "Add an account without --all-jobs, and grant it its jobs one by one."


class NoSuchConnectionError(JobfsError):
    """No connection has this process, or it has ended.

    ESRCH, as for any process that is not there.
    """

    errno = errno.ESRCH
    advice = "Look at `jobfs connections list`, on the machine where login runs."


class StillConnectedError(JobfsError):
    """A connection that was to be ended goes on: it waits for a mount that does not answer.

    EBUSY.
    """

    errno = errno.EBUSY
    advice = "Look at `jobfs health`; a mount that hangs has to be started again."


class NoHostKeysError(JobfsError):
    """There are no host keys to tell anybody about.

    ENOENT.
    """

    errno = errno.ENOENT
    advice = "Run `jobfs init`, on the machine where photographers log in."


# --- importing ---


class NotImportableError(JobfsError):
    """Something is neither a file nor a folder, stands too deep, or has a name that is there already.

    EINVAL, as nothing of the kind can be sent.
    """

    errno = errno.EINVAL
    advice = (
        "Copy what it stands for to a place of its own, and import again; all else was imported."
    )


class UnreadableError(JobfsError):
    """A file or folder cannot be read: it is not permitted, or the card is broken.

    EIO.
    """

    advice = "Try to open it by another program. Import again when it can be read; all else was imported."


class ChangingError(JobfsError):
    """Somebody changed a file while it was imported.

    EBUSY, since trying again later helps.
    """

    errno = errno.EBUSY
    advice = "Import again when whoever writes it has ended; what was imported is left out then."


# --- exporting, and pages ---


class NothingOfTheKindError(JobfsError):
    """No photo of the job is in that album, or has that rendition.

    ENOENT.
    """

    errno = errno.ENOENT
    advice = "Take one of those that the sentence lists."


class NotAnExportError(JobfsError):
    """The folder holds something else than an earlier export of the same.

    EEXIST: it is in the way.
    """

    errno = errno.EEXIST
    advice = "Name an empty folder, or one that does not exist yet."


class ExportRunsError(JobfsError):
    """Another export fills the folder at this moment.

    EBUSY.
    """

    errno = errno.EBUSY
    advice = "Wait for it to end."


class TargetFailedError(JobfsError):
    """The disk of the folder is full or broken, so that no file can be written.

    EIO.
    """

    advice = "Make room there, or name a folder on another disk; a repeated export goes on where it stopped."


class NotWritableError(JobfsError):
    """One file cannot be written: its name does not suit the disk, or something is in its way.

    EINVAL.
    """

    errno = errno.EINVAL
    advice = (
        "All else was exported. Export to another kind of disk, or move away what is in the way."
    )


class DamagedBytesError(JobfsError):
    """The store's bytes are not those that were received.

    EIO, as for any disk that fails.
    """

    advice = (
        "`jobfs fsck` lists all such files. Look at the disk, and restore them from the backup."
    )


class NoRenditionError(JobfsError):
    """A photo has no rendition of the name that was asked for.

    ENOENT.
    """

    errno = errno.ENOENT
    advice = "`jobfs photo rerender` makes those that the settings name now."


class UnsafeNameError(JobfsError):
    """A photo's path cannot be one in a folder, or is taken there by another photo's.

    EINVAL.
    """

    errno = errno.EINVAL
    advice = "All else was exported. Rename the file in the job, and export again."


class NotASheetError(JobfsError):
    """The folder holds something else than an earlier sheet.

    EEXIST, as it is in the way.
    """

    errno = errno.EEXIST
    advice = "Name an empty folder, or one that does not exist yet."


# --- backups ---


class FaultyStoreError(JobfsError):
    """The backup is made, but the store has not what the database says.

    EIO.
    """

    advice = "`jobfs fsck` lists every such file; an earlier backup may have it."
