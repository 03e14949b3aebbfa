"""What no name, size or text may be, and numbers that lead nowhere."""

import errno

from jobfs.errors import JobfsError


class BadNameError(JobfsError):
    """No file or folder can have this name: it is not UTF-8, or empty, or has a slash or NUL in it.

    EINVAL, which OpenSSH shows as "Bad message"; it is what Linux file systems that insist on
    an encoding answer.
    """

    errno = errno.EINVAL
    reaches_clients = True
    advice = (
        "Set the character set of the client to UTF-8, and send the file again. The job's _STATUS.txt"
        " names it for a day."
    )


class NameTooLongError(JobfsError):
    """A name has more bytes than a folder can hold; an umlaut has two, other letters up to four.

    ENAMETOOLONG, as POSIX asks of open, mkdir and rename; OpenSSH shows "Bad message".
    """

    errno = errno.ENAMETOOLONG
    reaches_clients = True
    advice = "Give it a shorter name, and send it again. The job's _STATUS.txt names it for a day."

    def __init__(self, length: int, longest: int) -> None:
        super().__init__(f"the name is {length} bytes long, and a name has at most {longest}")


class BadJobNameError(JobfsError):
    """A job cannot have this name; the sentence says every rule that it breaks.

    EINVAL: only the command line and the console name jobs, so no client sees the number.
    """

    errno = errno.EINVAL
    advice = "Choose another name; spaces, umlauts and hyphens are fine inside it."


class BadAccountNameError(JobfsError):
    """An account cannot have this name, because it could not log in under it.

    EINVAL: only the command line and the console name accounts, so no client sees the number.
    """

    errno = errno.EINVAL
    advice = "Choose another name, like `anna` or `anna.berg-2`."


class BadSizeError(JobfsError):
    """A text is no size.

    EINVAL, as for any argument that makes no sense.
    """

    errno = errno.EINVAL
    advice = "Write it like 500MB, 2GiB or 1.5TB."


class UnreadableMetadataError(JobfsError):
    """A part of a picture, or a sidecar, is not the metadata that it should be, or is made to harm.

    EINVAL, the errno of a wrong argument; no file-system call answers it, since a photo whose
    metadata cannot be read is a photo still.
    """

    errno = errno.EINVAL
    advice = (
        "The photo is a photo all the same, without what that part says. Save the sidecar, or the picture,"
        " anew with the program that made it."
    )


class StaleInodeError(JobfsError):
    """A number of a file leads nowhere.

    ESTALE, which NFS answers for the same: whoever holds the number has to look the path up.
    """

    errno = errno.ESTALE
    reaches_clients = True
    advice = "Let the program list the folder again."

    def __init__(self, number: int) -> None:
        super().__init__(f"the inode number {number} names nothing")


class AddressRangeError(JobfsError):
    """Something has an id that does not fit into a file's number; the database forbids such ids.

    EOVERFLOW, which stat answers for values that do not fit.
    """

    errno = errno.EOVERFLOW
    reaches_clients = True
    advice = "Report it: it is a fault of jobfs."

    def __init__(self, kind: str, account: int, row: int) -> None:
        super().__init__(f"no inode number for {kind} {row} as seen by account {account}")


class IllegalChangeError(JobfsError):
    """An upload cannot go that way from its state.

    EIO, since only a bug of jobfs asks for it.
    """

    reaches_clients = True
    advice = "Report it, with the lines around it in the log: it is a fault of jobfs."

    def __init__(self, state: str, change: str) -> None:
        super().__init__(f"an upload that is {state} cannot be changed by {change}")
