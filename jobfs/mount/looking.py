"""What the tree says of names and numbers, through the door; of `.jobfs` itself, without it."""

from jobfs.catalog.engine import Mark
from jobfs.database import Database
from jobfs.tree import views
from jobfs.tree.refusals import NoSuchEntryError
from jobfs.tree.views import Listed, Node


class Looking:
    """Asks the tree: as `jobfs.tree.views`, whose functions these are, but for the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> Mark:
        """Return what is another when anything may have changed, at least through this mount."""
        return self._database.mark()

    async def node(self, number: int) -> Node:
        """Return what an inode number names."""
        fixed = views.fixed_node(number)
        return await self._database.read_briefly(views.node, number) if fixed is None else fixed

    async def shows(self, number: int) -> bool:
        """Whether a number names something, be it a file that its client may name and not open."""
        try:
            await self.node(number)
        except NoSuchEntryError:
            return False
        return True

    async def directory(self, number: int) -> Node:
        """Return a directory that may be listed."""
        fixed = views.fixed_node(number)
        return (
            await self._database.read_briefly(views.directory, number) if fixed is None else fixed
        )

    async def child(self, parent: int, name: bytes) -> Node:
        """Return what a directory holds under a name."""
        fixed = views.fixed_child(parent, name)
        return (
            await self._database.read_briefly(views.child, parent, name) if fixed is None else fixed
        )

    async def children(self, directory: int, *, after: int, limit: int) -> list[Listed]:
        """Return up to *limit* children of a directory, those behind the cookie *after*."""
        fixed = views.fixed_children(directory, after=after)
        if fixed is not None:
            return fixed
        return await self._database.read_briefly(
            views.children, directory, after=after, limit=limit
        )

    async def parent(self, directory: int) -> Node:
        """Return the directory above one."""
        fixed = views.fixed_parent(directory)
        return (
            await self._database.read_briefly(views.parent, directory) if fixed is None else fixed
        )
