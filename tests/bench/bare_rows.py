"""`bare.py` that records its files: what jobfs would take if only the binding and a database took time.

    python -m tests.bench.bare_rows FOLDER MOUNTPOINT

A file is a row of one table in SQLite, opened as jobfs does with durability "process": one transaction makes
the row with the file, one says that it is whole when it is closed, one deletes it. That is the least by
which a record survives the death of the process once close has answered. No index, no rights, no feed.
"""

import sqlite3
import sys
from pathlib import Path

from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    RequestContext,
)

from tests.bench.bare import Bare, serve

_TABLE = "CREATE TABLE file (id INTEGER PRIMARY KEY, parent INT, name TEXT, size INT, whole INT)"


class BareWithRows(Bare):
    """Names and attributes in memory and in rows, and bytes in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        database = folder.with_name("rows.sqlite3")
        self._rows = sqlite3.connect(database, isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _TABLE):
            self._rows.execute(statement)

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Make a file and its row."""
        made, node = await super().create(parent_inode, name, mode, flags, ctx)
        row = (node.st_ino, parent_inode, name.decode(), 0, 0)
        self._rows.execute("INSERT INTO file VALUES (?, ?, ?, ?, ?)", row)
        return made, node

    async def flush(self, fh: FileHandleT) -> None:
        """Say that a file is whole."""
        node = self._open[fh]
        self._rows.execute(
            "UPDATE file SET size = ?, whole = 1 WHERE id = ?", (node.st_size, node.st_ino)
        )

    def _forget(self, number: int) -> None:
        super()._forget(number)
        self._rows.execute("DELETE FROM file WHERE id = ?", (number,))


if __name__ == "__main__":
    serve(BareWithRows(Path(sys.argv[1])), sys.argv[2])
