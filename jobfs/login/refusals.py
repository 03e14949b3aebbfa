"""What login says no to: keys, passwords, addresses; and what it cannot do without."""

import errno
from collections.abc import Iterable

from jobfs.errors import JobfsError


class BadKeyError(JobfsError):
    """A text is no public key that sshd would take.

    EINVAL: only the command line and the console take keys, so no client sees the number.
    """

    errno = errno.EINVAL
    advice = "Ask the photographer for the public key again, as one line or as the file itself."


class BadPasswordError(JobfsError):
    """A password cannot be stored, or not be typed in a client.

    EINVAL: only the command line and the console set passwords, so no client sees the number.
    """

    errno = errno.EINVAL
    advice = "Choose another one, or give none: `jobfs account passwd NAME` can make one up."


class AddressTakenError(JobfsError):
    """Another program listens where photographers are to connect.

    EADDRINUSE, as bind answers.
    """

    errno = errno.EADDRINUSE
    advice = "`ss -ltnp` shows which. End it, or change `[sshd] listen`."


class BadAddressError(JobfsError):
    """This machine does not have the address on which it is to listen.

    EADDRNOTAVAIL, as bind answers.
    """

    errno = errno.EADDRNOTAVAIL
    advice = "`ip address` shows those it has; correct `[sshd] listen`."


class SshdDiedError(JobfsError):
    """sshd has ended by itself; its own last words end the sentence.

    EIO, since nobody can log in.
    """

    advice = "Nothing, if it comes once: it is started again. Otherwise its last words say what to change."

    def __init__(self, status: int | None, last_lines: Iterable[str]) -> None:
        said = "; ".join(last_lines) or "it said nothing"
        super().__init__(f"sshd ended with status {status}: {said}")


class MissingProgramError(JobfsError):
    """A program or a folder that a Debian package brings is not there.

    ENOENT, as open would say.
    """

    errno = errno.ENOENT
    advice = "Run the command that stands in the sentence; `jobfs doctor` looks for all of them."


class BadFolderError(JobfsError):
    """A path cannot be written into sshd's configuration.

    EINVAL: it comes from the settings, so no client sees the number.
    """

    errno = errno.EINVAL
    advice = "Choose a path without such characters in the settings."
