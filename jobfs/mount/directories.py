"""Open directories, and what they list: answers that are made once and given until something changes."""

from bisect import bisect_right
from itertools import count
from operator import attrgetter
from typing import NamedTuple

import pyfuse3
import trio
from pyfuse3 import EntryAttributes, ReaddirToken

from jobfs.catalog.engine import Mark
from jobfs.mount.looking import Looking
from jobfs.mount.replies import attributes
from jobfs.tree.views import Listed, Node

#: Cookies of "." and "..": a listing that goes on behind them starts with the first entry.
_DOT, DOT_DOT = 1, 2
#: Children fetched at once: about what the kernel asks for at once.
_PAGE = 512
#: Seconds for which children that were fetched may be listed where nobody tells what others have changed
#: meanwhile: a job may have been closed.
_FRESH = 0.05
#: Seconds where a mark tells it: what jobfs writes comes and goes with time, too.
_FRESH_BY_MARK = 10.0
#: Children that are remembered, in all and of one directory; each takes about 400 bytes.
_REMEMBERED = 131_072

_cookie = attrgetter("cookie")


class Child(NamedTuple):
    """A child as it is listed: with the answer for the kernel, or the node if that is made each time."""

    name: bytes
    known: EntryAttributes | Node
    cookie: int


class Page(NamedTuple):
    """Children in order; *is_last*: there are no more behind them."""

    children: list[Child]
    is_last: bool


class Listing:
    """Children of a directory behind a cookie, as far as they were fetched; of one state of the database.

    mark   of that state
    start  the cookie
    """

    def __init__(self, mark: Mark, start: int) -> None:
        self._mark = mark
        self._until = trio.current_time() + (_FRESH if mark.others is None else _FRESH_BY_MARK)
        self._start = start
        self._children: list[Child] = []
        self._is_complete = False

    def __len__(self) -> int:
        return len(self._children)

    def is_valid(self, mark: Mark) -> bool:
        """Whether it is new, and nothing has changed up to a mark."""
        return mark == self._mark and trio.current_time() < self._until

    def reaches(self, after: int) -> bool:
        """Whether the children behind a cookie are here, or would be fetched next."""
        return self._start <= after <= self._end or (self._is_complete and self._start <= after)

    @property
    def _end(self) -> int:
        return self._children[-1].cookie if self._children else self._start

    def behind(self, after: int) -> Page | None:
        """Return the next children; None if they are still to be fetched."""
        place = bisect_right(self._children, after, key=_cookie)
        end = place + _PAGE
        if place < len(self._children) or self._is_complete:
            is_last = self._is_complete and end >= len(self._children)
            return Page(self._children[place:end], is_last)
        return None

    def add(self, after: int, found: list[Listed]) -> None:
        """Add what was found behind a cookie, unless somebody else has added it meanwhile."""
        if after == self._end:
            self._children += [_child(*one) for one in found]
            self._is_complete = len(found) < _PAGE


def _child(node: Node, cookie: int) -> Child:
    return Child(node.name.encode(), attributes(node) if node.rests else node, cookie)


class Listings:
    """The listings of one mount that are still true."""

    def __init__(self, tree: Looking) -> None:
        self._tree = tree
        self._remembered: dict[int, Listing] = {}  # by inode number, the oldest first
        self._children = 0  # of all of them

    async def behind(self, inode: int, after: int, known: Listing | None) -> tuple[Listing, Page]:
        """Return the children of a directory behind a cookie, and where the next may be found.

        *known* is that of whoever asks. Where no mark tells of others, it is nobody else's.
        """
        mark = self._tree.mark()
        listing = self._listing(inode, mark, after, known)
        page = listing.behind(after)
        if page is None:
            found = await self._tree.children(inode, after=after, limit=_PAGE)
            self._forget(inode)
            listing.add(after, found)
            page = listing.behind(after)
            if mark.others is not None:
                self._remember(inode, listing, mark)
        return listing, page or Page([], is_last=False)

    def _listing(self, inode: int, mark: Mark, after: int, known: Listing | None) -> Listing:
        for one in (known, self._remembered.get(inode)):
            if one is not None and _serves(one, mark, after):
                return one
        return Listing(mark, after)

    def _remember(self, inode: int, listing: Listing, mark: Mark) -> None:
        """Remember a listing as the newest, and forget what is not true any more, and the oldest."""
        self._remembered[inode] = listing
        self._children += len(listing)
        while self._remembered:
            oldest = next(iter(self._remembered))
            if self._children <= _REMEMBERED and self._remembered[oldest].is_valid(mark):
                break
            self._forget(oldest)

    def _forget(self, inode: int) -> None:
        forgotten = self._remembered.pop(inode, None)
        if forgotten is not None:
            self._children -= len(forgotten)


def _serves(listing: Listing, mark: Mark, after: int) -> bool:
    return listing.is_valid(mark) and listing.reaches(after) and len(listing) + _PAGE <= _REMEMBERED


class OpenDirectory:
    """A directory that is being listed."""

    def __init__(self, listings: Listings, node: Node) -> None:
        self._listings = listings
        self._listing: Listing | None = None
        self._end = 0  # cookie of the last child, once it was listed
        self.node = node

    async def children(self, *, after: int) -> Page:
        """Return some of the children behind the cookie *after*."""
        if not after:
            self._end = 0  # it is listed anew
        elif after == self._end:
            return Page([], is_last=True)
        self._listing, found = await self._listings.behind(self.node.inode, after, self._listing)
        if found.is_last and found.children:
            self._end = found.children[-1].cookie
        return found


class OpenDirectories:
    """The table of open directories by their handles' numbers."""

    def __init__(self, tree: Looking) -> None:
        self._tree = tree
        self._listings = Listings(tree)
        self._open: dict[int, OpenDirectory] = {}
        self._numbers = count(1)

    async def open(self, inode: int) -> int:
        """Open a directory that may be listed; returns its handle's number."""
        number = next(self._numbers)
        self._open[number] = OpenDirectory(self._listings, await self._tree.directory(inode))
        return number

    def of(self, number: int) -> OpenDirectory:
        """Return the directory behind a handle."""
        return self._open[number]

    def close(self, number: int) -> None:
        """Forget a handle."""
        del self._open[number]


def list_dots(node: Node, start: int, token: ReaddirToken) -> bool:
    """List "." and "..", of which the kernel takes number and kind; false if the buffer was full."""
    own = attributes(node)
    above = attributes(node._replace(inode=node.above))
    dots = [(_DOT, b".", own), (DOT_DOT, b"..", above)]
    return all(
        pyfuse3.readdir_reply(token, name, reply, cookie)
        for cookie, name, reply in dots
        if cookie > start
    )
