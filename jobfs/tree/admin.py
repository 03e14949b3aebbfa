"""The directory `.jobfs` at the mount's root: where the mount itself is asked, by root alone.

It stands beside the accounts' roots; no account can be named like it, and none sees it.
"""

import stat
from dataclasses import dataclass

from jobfs.tree.refusals import NoSuchEntryError

#: What stands behind a label in `closing`: how the process ended its use of the file.
CLOSED, CUT_OFF = "closed", "cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The directory or a file in it; *row* is its number in an inode."""

    row: int
    name: str
    mode: int


DIRECTORY = Place(row=1, name=".jobfs", mode=stat.S_IFDIR | 0o700)
#: Whoever writes a label into it, and closes it or dies, reads behind that label what the mount took
#: it for. See `jobfs.selftest`.
CLOSING = Place(row=2, name="closing", mode=stat.S_IFREG | 0o600)

FILES = (CLOSING,)


def place(row: int) -> Place:
    """Return the place with a number; raises NoSuchEntryError."""
    for one in (DIRECTORY, *FILES):
        if one.row == row:
            return one
    raise NoSuchEntryError(f"nothing has the number {row} in {DIRECTORY.name}")


def file(name: str) -> Place:
    """Return the file of a name; raises NoSuchEntryError."""
    for one in FILES:
        if one.name == name:
            return one
    raise NoSuchEntryError(f"nothing named {name!r} in {DIRECTORY.name}")
