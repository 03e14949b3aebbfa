"""What the tree says no to, each with the errno that a client understands best."""

import errno

from jobfs.domain.quotas import size_in_words
from jobfs.errors import JobfsError


class NoSuchEntryError(JobfsError):
    """A name or number that names nothing the account may see, or nothing any more.

    ENOENT for what is hidden as well: a job that left `planned` is gone, not forbidden.
    """

    errno = errno.ENOENT


class ForbiddenError(JobfsError):
    """The account's right does not allow it, or the place is not theirs to change.

    EACCES, which OpenSSH shows as "Permission denied".
    """

    errno = errno.EACCES


class ReadOnlyViewError(JobfsError):
    """Something below `.jobfs/all`, which shows what is there, is to be changed.

    EROFS, as of a file system that is mounted read-only; only root, in a shell, ever hears it.
    """

    errno = errno.EROFS

    def __init__(self) -> None:
        super().__init__(
            ".jobfs/all is for looking only; changes are made in the accounts' folders"
        )


class OwnershipError(JobfsError):
    """Somebody asks to give a file to another owner. EPERM, as chown(2) says."""

    errno = errno.EPERM


class NameTakenError(JobfsError):
    """The name is there already."""

    errno = errno.EEXIST


class NoDirectoryError(JobfsError):
    """A directory was expected and a file stands there."""

    errno = errno.ENOTDIR


class DirectoryError(JobfsError):
    """A file was expected and a directory stands there."""

    errno = errno.EISDIR


class NotEmptyError(JobfsError):
    """A directory to be removed or replaced still holds something."""

    errno = errno.ENOTEMPTY


class IntoItselfError(JobfsError):
    """A directory is to be moved below itself, or in a way that nobody supports (EXCHANGE)."""

    errno = errno.EINVAL


class QuotaExceededError(JobfsError):
    """What is written would take the account over its quota.

    EDQUOT, as write(2) says; OpenSSH shows "Failure", as for nearly every errno, so the file's problem
    says it, too.
    """

    errno = errno.EDQUOT

    def __init__(self, name: str, quota: int) -> None:
        super().__init__(
            f"{name!r} does not fit into the account's quota of {size_in_words(quota)}"
        )


class IncompleteError(JobfsError):
    """What was sent under a name is not whole, so its close fails: the client shall mark it failed.

    EIO, as close(2) answers when data is lost; OpenSSH shows "Failure", as for nearly every errno.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} is incomplete: {reason}")


class StillReceivingError(JobfsError):
    """Another mount receives the upload that is to be written on.

    ESTALE: the client sees a failure and tries again; by then the other connection has ended, or has
    been found dead.
    """

    errno = errno.ESTALE


class DetachedError(JobfsError):
    """A handle's version was replaced by a newer upload of the same name.

    ESTALE: the client sees a failure and tries again, and nothing it sends spoils the newer one.
    """

    errno = errno.ESTALE
