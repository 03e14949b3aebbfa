"""The directory `.jobfs` at the mount's root: where the mount itself is asked, by root alone.

It stands beside the accounts' roots; no account can be named like it, and none sees it. Which places
there are is known without a database, so that `.jobfs/health` can be read when that is away.
"""

import stat
from dataclasses import dataclass

from jobfs.tree.refusals import NoSuchEntryError

#: What stands behind a label in `closing`: how the process ended its use of the file.
CLOSED, CUT_OFF = "closed", "cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The directory or something in it; *row* is its number in an inode."""

    row: int
    name: str
    mode: int


_TOLD = stat.S_IFREG | 0o400

DIRECTORY = Place(row=1, name=".jobfs", mode=stat.S_IFDIR | 0o700)
#: Whoever writes a label into it, and closes it or dies, reads behind that label what the mount took
#: it for. See `jobfs.selftest`.
CLOSING = Place(row=2, name="closing", mode=stat.S_IFREG | 0o600)
#: See `tree.tellings`: what they hold is made when somebody looks.
HEALTH = Place(row=3, name="health", mode=_TOLD)
QUEUE = Place(row=4, name="queue", mode=_TOLD)
PROBLEMS = Place(row=5, name="problems", mode=_TOLD)
CONNECTIONS = Place(row=6, name="connections", mode=_TOLD)
JOBS = Place(row=7, name="jobs", mode=_TOLD)
#: See `tree.overview`.
ALL = Place(row=8, name="all", mode=stat.S_IFDIR | 0o500)

TOLD = (HEALTH, QUEUE, PROBLEMS, CONNECTIONS, JOBS)
PLACES = (CLOSING, *TOLD, ALL)


def place(row: int) -> Place:
    """Return the place with a number; raises NoSuchEntryError."""
    for one in (DIRECTORY, *PLACES):
        if one.row == row:
            return one
    raise NoSuchEntryError(f"nothing has the number {row} in {DIRECTORY.name}")


def named(name: str) -> Place:
    """Return the place of a name in the directory; raises NoSuchEntryError."""
    for one in PLACES:
        if one.name == name:
            return one
    raise NoSuchEntryError(f"nothing named {name!r} in {DIRECTORY.name}")
