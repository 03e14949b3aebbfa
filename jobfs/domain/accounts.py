"""What an account is to the operating system: a uid and a private group of the same number."""

#: The first account's uid is one above this. Debian hands out 1000 to 59999 to people and 100 to 999 to
#: services; libnss-extrausers ignores ids below 500; 20000 lies where a studio's machine has nobody.
FIRST_UID = 20_000


def uid_of(account_id: int) -> int:
    """Return the uid, and gid, of an account."""
    return FIRST_UID + account_id
