"""What an account is to the operating system: a uid and a private group of the same number."""

from jobfs.domain.inodes import MAX_ACCOUNT

#: The first account's uid is one above this. Debian hands out 1000 to 59999 to people and 100 to 999 to
#: services; libnss-extrausers ignores ids below 500; 20000 lies where a studio's machine has nobody.
FIRST_UID = 20_000
#: Who logs in for `jobfs health`: an account without a password and without jobs.
HEALTH_ACCOUNT = "jobfs-health"


def uid_of(account_id: int) -> int:
    """Return the uid, and gid, of an account."""
    return FIRST_UID + account_id


def account_of(uid: int) -> int | None:
    """Return the account that a uid would be; None for the uids of the machine's own accounts."""
    return uid - FIRST_UID if FIRST_UID < uid <= FIRST_UID + MAX_ACCOUNT else None
