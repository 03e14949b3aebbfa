"""Open directories, and what they still have to list."""

from bisect import bisect_right
from itertools import count
from operator import attrgetter

import trio

from jobfs.mount.looking import Looking
from jobfs.tree.views import Listed, Node

#: Children fetched at once: about what the kernel asks for at once.
_PAGE = 512
#: Seconds for which children that were fetched may be listed, since a job may be closed meanwhile.
_FRESH = 0.05

_cookie = attrgetter("cookie")


class OpenDirectory:
    """A directory that is being listed; keeps what was fetched and is not listed yet."""

    def __init__(self, tree: Looking, node: Node) -> None:
        self._tree = tree
        self._fetched: list[Listed] = []
        self._after = 0  # what was fetched stands behind this cookie
        self._until = 0.0  # trio's clock
        self.node = node

    async def children(self, *, after: int) -> list[Listed]:
        """Return some of the children behind the cookie *after*, in order; none at the end."""
        if trio.current_time() < self._until and self._after <= after:
            start = bisect_right(self._fetched, after, key=_cookie)
            if start < len(self._fetched):
                return self._fetched[start:]
        self._until = trio.current_time() + _FRESH
        self._fetched = await self._tree.children(self.node.inode, after=after, limit=_PAGE)
        self._after = after
        return self._fetched


class OpenDirectories:
    """The table of open directories by their handles' numbers."""

    def __init__(self, tree: Looking) -> None:
        self._tree = tree
        self._open: dict[int, OpenDirectory] = {}
        self._numbers = count(1)

    async def open(self, inode: int) -> int:
        """Open a directory that may be listed; returns its handle's number."""
        number = next(self._numbers)
        self._open[number] = OpenDirectory(self._tree, await self._tree.directory(inode))
        return number

    def of(self, number: int) -> OpenDirectory:
        """Return the directory behind a handle."""
        return self._open[number]

    def close(self, number: int) -> None:
        """Forget a handle."""
        del self._open[number]
