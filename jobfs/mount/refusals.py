"""What the mount says no to by itself; what the tree refuses is in `tree/refusals.py`."""

import errno

from jobfs.errors import JobfsError


class BadHandleError(JobfsError):
    """A file is not open for what is asked.

    EBADF, as read(2) and write(2) say.
    """

    errno = errno.EBADF
    reaches_clients = True
    advice = (
        "Send the file again. If one program does it always, report it, with its name and the log."
    )


class BadMountpointError(JobfsError):
    """The mountpoint cannot be used.

    EIO, since nothing is served.
    """

    advice = "Do what the sentence says; troubleshooting.md, It does not start, tells more."


class UnmountedError(JobfsError):
    """The role has lost its mount, so it cannot serve.

    EIO, and whoever supervises it mounts again.
    """

    advice = (
        "Nothing: it is mounted again. Let nobody call `umount` on the mountpoint while jobfs runs."
    )
