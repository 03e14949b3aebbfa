"""Extended attributes, as programs ask for them: the names first, and then each value, twice."""

import os
from dataclasses import dataclass

import trio

from jobfs.database import Database
from jobfs.tree import attributes
from jobfs.tree.refusals import NoAttributeError

#: Seconds for which values may be those of the listing before: a job that is closed is gone after 0.1 s.
LIFETIME = 0.1
#: Processes of which the last listing is remembered; who lists more files than that at once asks anew.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class _Listing:
    """What one process was told of an inode, and until when its values may be taken from it."""

    inode: int
    values: dict[str, str]
    until: float


class Attributes:
    """Answers listxattr and getxattr; `getfattr -R` asks the database for each file, not each value."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listed: dict[int, _Listing] = {}  # by the process that asked

    async def names(self, inode: int, asker: int) -> list[bytes]:
        """Return the names of an inode's attributes."""
        until = trio.current_time() + LIFETIME
        values = await self._database.read_briefly(attributes.all_of, inode)
        self._listed.pop(asker, None)
        self._listed[asker] = _Listing(inode, values, until)
        if len(self._listed) > _REMEMBERED:
            del self._listed[next(iter(self._listed))]
        return [name.encode() for name in values]

    async def value(self, inode: int, name: bytes, asker: int) -> bytes:
        """Return an attribute's value; raises NoAttributeError.

        The kernel asks for security.capability before each first write: what is not ours is
        refused without a look.
        """
        text = os.fsdecode(name)
        if not text.startswith(attributes.PREFIX):
            raise NoAttributeError(f"no attribute {text!r}")
        values = self._just_listed(inode, asker)
        if values is None:
            values = await self._database.read_briefly(attributes.all_of, inode)
        if text not in values:
            raise NoAttributeError(f"no attribute {text!r}")
        return values[text].encode()

    def _just_listed(self, inode: int, asker: int) -> dict[str, str] | None:
        listed = self._listed.get(asker)
        if listed is None or listed.inode != inode or listed.until < trio.current_time():
            return None
        return listed.values
