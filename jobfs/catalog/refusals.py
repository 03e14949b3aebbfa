"""What the catalog says no to: names that are taken or unknown, and databases that do not serve."""

import errno

from jobfs.errors import JobfsError

# --- the database ---


class CatalogUnavailableError(JobfsError):
    """The database does not answer, or refuses.

    EIO, since trying again later is all a client can do.
    """

    reaches_clients = True
    advice = (
        "Start the database, or make room on its disk. Running roles try again by themselves; look at"
        " troubleshooting.md, The database is away."
    )


class ChangeUndoneError(CatalogUnavailableError):
    """A command and somebody else changed the same things in different orders, and the database chose.

    Roles try again by themselves, as they do while the database does not answer.
    """

    reaches_clients = False
    advice = "Run the command again: what it has done already stays done."


class BadDatabaseUrlError(JobfsError):
    """What should name a database does not.

    EINVAL. The message leaves the address out: it holds a password.
    """

    errno = errno.EINVAL
    advice = (
        "Correct the address; deploy/jobfs.toml and `jobfs db copy --help` show how it is written."
    )


class PasswordInArgumentError(JobfsError):
    """A password stands where every account of the machine can read it.

    EINVAL.
    """

    errno = errno.EINVAL
    advice = "Put it into a file, as the sentence says, and change it: others may have read it."


class NewerSchemaError(JobfsError):
    """The database was last used by a newer jobfs.

    EIO, since nothing can be served from it.
    """

    advice = "Install the newer version again; upgrade.md has the way back."


class MissingSchemaError(JobfsError):
    """The database was not initialised, or not migrated yet.

    EIO, since nothing can be served.
    """

    advice = "Run `jobfs init`; first see that the settings name the database you mean."


class OlderSchemaError(MissingSchemaError):
    """The database was not migrated to this version yet; perhaps somebody is just doing it.

    EIO, as above.
    """

    advice = "Make a backup and run `jobfs init`, see upgrade.md."


class NotEmptyError(JobfsError):
    """The database to copy into holds a studio already.

    EEXIST, as it is in the way.
    """

    errno = errno.EEXIST
    advice = "Name an empty database."


class CopyDiffersError(JobfsError):
    """A row was not read back as it was written; nothing of the copy is kept.

    EIO.
    """

    advice = "The studio is as it was. Report it, with the sentence: it is a fault of jobfs."


class StudioRunsError(JobfsError):
    """What is to be done would not bear a studio at work.

    EBUSY, since ending it helps.
    """

    errno = errno.EBUSY
    advice = "End every role of the studio, on every machine, and repeat the command."


class StruckError(JobfsError):
    """The role was silent for so long that others have taken it for dead.

    EIO: it must begin again.
    """

    advice = (
        "Nothing: whoever supervises the role starts it again. If it comes back, look why the database"
        " was away, or why the machine stood still."
    )

    def __init__(self) -> None:
        super().__init__(
            "this role was taken for dead, since it had not reached the database for long"
        )


# --- accounts and their keys ---


class NoSuchAccountError(JobfsError):
    """No account has this name, or it was removed.

    ENOENT, as for any name that is not there.
    """

    errno = errno.ENOENT
    advice = "Look at `jobfs account list`."

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no account {name!r}")


class AccountExistsError(JobfsError):
    """The name is taken by another account.

    EEXIST, as for any name that is there already.
    """

    errno = errno.EEXIST
    advice = "Choose another name, or change that account: `jobfs account show NAME`."

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an account {name!r} already")


class KeyExistsError(JobfsError):
    """The account has this key already.

    EEXIST, as for any name that is there already.
    """

    errno = errno.EEXIST
    advice = "Nothing: the key logs the account in."

    def __init__(self, fingerprint: str) -> None:
        super().__init__(f"the account has the key {fingerprint} already")


class NoSuchKeyError(JobfsError):
    """The account has no such key.

    ENOENT, as for any name that is not there.
    """

    errno = errno.ENOENT
    advice = "`jobfs account show NAME` lists its keys with their fingerprints."

    def __init__(self, fingerprint: str) -> None:
        super().__init__(f"the account has no key {fingerprint}")


# --- jobs, photos, the trash, the queue ---


class JobExistsError(JobfsError):
    """Another job has the name, or one that differs from it only in how it is written.

    EEXIST, as mkdir answers.
    """

    errno = errno.EEXIST
    advice = "Choose another name; `jobfs job list` shows those that are taken."


class NoSuchJobError(JobfsError):
    """No job has the name.

    ENOENT, as for any name that is not there.
    """

    errno = errno.ENOENT
    advice = "Look at `jobfs job list`: it may have been renamed."


class JobNotEmptyError(JobfsError):
    """The job to be removed holds files, be it in its trash.

    ENOTEMPTY, as for any directory.
    """

    errno = errno.ENOTEMPTY
    advice = "Keep it under another status, or erase it with all its files: `jobfs job remove NAME --erase`."


class NoSuchPhotoError(JobfsError):
    """There is no photo of that number, or it was erased.

    ENOENT, as for any name.
    """

    errno = errno.ENOENT
    advice = "`jobfs photo list JOB --all` shows the numbers."

    def __init__(self, photo_id: int) -> None:
        super().__init__(f"there is no photo {photo_id}: see `jobfs photo list JOB`")


class NoSuchItemError(JobfsError):
    """The trash has nothing of that number, or has it no more.

    ENOENT, as for any name.
    """

    errno = errno.ENOENT
    advice = "Look at `jobfs trash list JOB`. What is older than `[retention] trash_days` is gone."

    def __init__(self, item_id: str) -> None:
        super().__init__(f"there is no {item_id!r} in the trash: see `jobfs trash list JOB`")


class BeingSentError(JobfsError):
    """Somebody sends a file whose earlier version is to be brought back.

    EBUSY, it will pass.
    """

    errno = errno.EBUSY
    advice = "Repeat the command in a while; `jobfs connections list` shows who is sending."

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is being sent at this moment: try again when it has arrived")


class InUseError(JobfsError):
    """Somebody sends what is to be erased, or a worker has it in its hands.

    EBUSY, it will pass.
    """

    errno = errno.EBUSY
    advice = "Repeat the command in a while. To be quicker: `jobfs connections end`, `jobfs queue pause`."


class NoSuchTaskError(JobfsError):
    """There is no task of that number.

    ENOENT would be a file's, so the plain EIO.
    """

    advice = "`jobfs queue list` shows what waits, and what has failed."

    def __init__(self, task_id: int) -> None:
        super().__init__(f"there is no task {task_id}: it is done, or never was")
