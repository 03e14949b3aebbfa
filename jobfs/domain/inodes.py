"""Inode numbers as addresses.

A number says what it names and who looks, so that nothing has to be remembered between a lookup
and the next request, and numbers survive a restart. All numbers have this layout, the most
significant bit first:

     63  62      60  59               40  39                                       0
    +---+----------+--------------------+------------------------------------------+
    | 0 | kind (3) |    account (20)    |                 row (40)                 |
    +---+----------+--------------------+------------------------------------------+

kind     what the row is (Kind)
account  id of the account whose view this is; every view has inodes of its own, because the
         kernel allows a directory one place only and shows one owner per inode
row      id of the account or entry; ids are never reused; in `.jobfs`, a number of its own, but below
         `.jobfs/all` an entry's id, whose number differs by its kind from those in views; of a file that
         jobfs writes, as `jobfs.domain.reports.files` says

The top bit is 0, because some programs read inode numbers as signed. The mount's root is 1, as
FUSE wants it, which is kind ROOT, account 0, row 1.
"""

import enum
from functools import lru_cache
from typing import NamedTuple

from jobfs.domain.refusals import AddressRangeError, StaleInodeError

_ROW_BITS = 40
_ACCOUNT_BITS = 20
_KIND_SHIFT = _ROW_BITS + _ACCOUNT_BITS

MAX_ROW = (1 << _ROW_BITS) - 1
MAX_ACCOUNT = (1 << _ACCOUNT_BITS) - 1
ROOT_INODE = 1


class Kind(enum.IntEnum):
    """What an inode number names."""

    ROOT = 0  # the mount's root; only the number 1
    ACCOUNT = 1  # an account's root, which is its chroot
    ENTRY = 2  # a job's directory, or a file or directory in it
    ADMIN = 3  # the directory `.jobfs` or something in it; account 0, rows as `tree.admin` says
    REPORT = 4  # a file that jobfs writes; rows as `domain.reports.files` says
    SWALLOWED = (
        5  # what a client sends under a name of jobfs's own; rows are one mount's, while it runs
    )
    OVERVIEW = 6  # a job's directory or an entry in it as `.jobfs/all` shows it; account 0


class Inode(NamedTuple):
    """An inode number, taken apart."""

    kind: Kind
    account: int
    row: int


def pack(kind: Kind, account: int, row: int) -> int:
    """Return the inode number of *row*, seen by *account*.

    Raises AddressRangeError for ids that do not fit, and for a root other than ROOT_INODE.
    """
    number = (kind << _KIND_SHIFT) | (account << _ROW_BITS) | row
    fits = 0 <= account <= MAX_ACCOUNT and 0 <= row <= MAX_ROW
    if not fits or (kind is Kind.ROOT and number != ROOT_INODE):
        raise AddressRangeError(kind.name.lower(), account, row)
    return number


@lru_cache(maxsize=4096)
def unpack(number: int) -> Inode:
    """Take an inode number apart. Raises StaleInodeError for a number that is no address."""
    kind = number >> _KIND_SHIFT
    is_root_kind = kind == Kind.ROOT
    if not Kind.ROOT <= kind <= Kind.OVERVIEW or (is_root_kind and number != ROOT_INODE):
        raise StaleInodeError(number)
    return Inode(Kind(kind), (number >> _ROW_BITS) & MAX_ACCOUNT, number & MAX_ROW)
