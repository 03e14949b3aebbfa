"""What the tree says no to, each with the errno that a client understands best."""

import errno

from jobfs.domain.quotas import size_in_words
from jobfs.errors import JobfsError


class NoSuchEntryError(JobfsError):
    """A name leads to nothing that the account may see, or to nothing any more.

    ENOENT for what is hidden as well: a job that left `planned` is gone, not forbidden.
    """

    errno = errno.ENOENT
    reaches_clients = True
    advice = (
        "Let the program list the folder again. If a whole job is gone: _CLOSED_JOBS.txt beside the jobs"
        " tells, and so does `jobfs job show JOB`."
    )


class ForbiddenError(JobfsError):
    """The account's right does not allow it, or the place is not theirs to change.

    EACCES, which OpenSSH shows as "Permission denied".
    """

    errno = errno.EACCES
    reaches_clients = True
    advice = (
        "Go into a job first: beside the jobs nothing can be made, renamed or deleted. In a job:"
        " `jobfs job show JOB` shows the account's right; `read` changes nothing, `add` only its own files."
    )


class ReadOnlyViewError(JobfsError):
    """Something below `.jobfs/all`, which shows what is there, is to be changed.

    EROFS, as of a file system that is mounted read-only; only root, in a shell, ever hears it.
    """

    errno = errno.EROFS
    reaches_clients = True
    advice = "Change it in the folder of an account that has the job."

    def __init__(self) -> None:
        super().__init__(
            ".jobfs/all is for looking only; changes are made in the accounts' folders"
        )


class OwnershipError(JobfsError):
    """Somebody asks for another owner of a file, or for what is neither a file nor a folder.

    EPERM, as chown(2), symlink(2), link(2) and mknod(2) say.
    """

    errno = errno.EPERM
    reaches_clients = True
    advice = "Send files and folders only; switch off in the program what keeps owners and links."


class NameTakenError(JobfsError):
    """The name is there already.

    EEXIST, as mkdir(2) says.
    """

    errno = errno.EEXIST
    reaches_clients = True
    advice = "Nothing, if a folder was to be made: it is there. Otherwise choose another name."


class NoDirectoryError(JobfsError):
    """A folder was expected and a file stands there.

    ENOTDIR, as POSIX says.
    """

    errno = errno.ENOTDIR
    reaches_clients = True
    advice = "Rename or delete the file that bears the folder's name."


class DirectoryError(JobfsError):
    """A file was expected and a folder stands there.

    EISDIR, as POSIX says.
    """

    errno = errno.EISDIR
    reaches_clients = True
    advice = "Rename or delete the folder that bears the file's name."


class NotEmptyError(JobfsError):
    """A folder to be removed or replaced still holds something.

    ENOTEMPTY, as rmdir(2) says.
    """

    errno = errno.ENOTEMPTY
    reaches_clients = True
    advice = "Delete what is in it first; hidden files (names that begin with a dot) count."


class IntoItselfError(JobfsError):
    """A folder is to be moved below itself, or two are to change places, which nothing supports.

    EINVAL, as rename(2) says.
    """

    errno = errno.EINVAL
    reaches_clients = True
    advice = "Move it somewhere else."


class QuotaExceededError(JobfsError):
    """What is written would take the account over its quota.

    EDQUOT, as write(2) says; OpenSSH shows "Failure", as for nearly every errno, so the file's problem
    says it, too.
    """

    errno = errno.EDQUOT
    reaches_clients = True
    advice = (
        "Delete what is not needed, or `jobfs account quota NAME SIZE`; then send the file again. Also"
        " _PROBLEMS.csv says it, and _STATUS.txt counts the room that is left."
    )

    def __init__(self, name: str, quota: int) -> None:
        super().__init__(
            f"{name!r} does not fit into the account's quota of {size_in_words(quota)}"
        )


class IncompleteError(JobfsError):
    """What was sent under a name is not whole, so its close fails: the client shall mark it failed.

    EIO, as close(2) answers when data is lost; OpenSSH shows "Failure", as for nearly every errno.
    """

    reaches_clients = True
    advice = (
        "Send the file again; _PROBLEMS.csv says what is missing. The same bytes a second time are taken:"
        " then look at the card."
    )

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} is incomplete: {reason}")


class StillReceivingError(JobfsError):
    """The file that is to be written on is still being sent over another connection.

    ESTALE: the client sees a failure and tries again; by then the other connection has ended, or has
    been found dead.
    """

    errno = errno.ESTALE
    reaches_clients = True
    advice = "Wait a minute and send it again; `jobfs connections list` shows who is sending."


class DetachedError(JobfsError):
    """A newer upload of the same name has taken the place of the one that is being sent; or it was erased.

    ESTALE: the client sees a failure and tries again, and nothing it sends spoils the newer one.
    """

    errno = errno.ESTALE
    reaches_clients = True
    advice = (
        "Nothing, if the program sent the file twice by itself: the later one counts. If two cameras use"
        " the same names, give each a folder of its own. What came of the earlier one is in the trash."
    )


class NoAttributeError(JobfsError):
    """The file or folder has no attribute of that name.

    ENODATA, as getxattr(2) says.
    """

    errno = errno.ENODATA
    reaches_clients = True
    advice = "`getfattr -d FILE` lists those that it has."


class ForeignAttributeError(JobfsError):
    """An attribute that is not jobfs's is to be kept.

    ENOTSUP, upon which `cp -a` goes on.
    """

    errno = errno.ENOTSUP
    reaches_clients = True
    advice = "Nothing: programs go on without."

    def __init__(self) -> None:
        super().__init__("jobfs keeps no attributes but its own, user.jobfs.*")
