"""The texts of the files of `.jobfs`, made when somebody looks."""

from datetime import datetime

import trio

from jobfs.blobs.store import BlobStore
from jobfs.catalog import overview
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.database import Database
from jobfs.domain import inodes
from jobfs.mount import connections
from jobfs.mount.connections import Connection
from jobfs.mount.table import HandleTable
from jobfs.tree import admin, tellings
from jobfs.tree.tellings import Facts

#: What one query tells.
_QUERIES = {
    admin.QUEUE.row: tellings.queue,
    admin.PROBLEMS.row: tellings.problem_list,
    admin.JOBS.row: tellings.job_list,
}


class Tellings:
    """Asks the database, the store and /proc what is to be told."""

    def __init__(self, database: Database, store: BlobStore, table: HandleTable) -> None:
        self._database = database
        self._store = store
        self._table = table

    async def text(self, number: int, now: datetime) -> bytes:
        """Return what the file with an inode number tells at this moment."""
        row = inodes.unpack(number).row
        if row == admin.HEALTH.row:
            return tellings.lines(await self._health(now))
        if row == admin.CONNECTIONS.row:
            return tellings.lines(await self._connections())
        return tellings.lines(await self._database.read(_QUERIES[row]))

    async def _health(self, now: datetime) -> list[Facts]:
        space = await trio.to_thread.run_sync(self._store.space)
        try:
            return await self._database.read(tellings.health, space=space, now=now)
        except CatalogUnavailableError as refusal:
            return tellings.health_without_database(str(refusal), space=space)

    async def _connections(self) -> list[Facts]:
        uses = self._table.uses()
        found = await trio.to_thread.run_sync(connections.listing, uses)
        names = await self._database.read(overview.account_names)
        return [_facts(one, names) for one in found if one.account_id in names]


def _facts(one: Connection, names: dict[int, str]) -> Facts:
    return {
        "account": names[one.account_id], "address": one.address, "since": one.since,
        "pid": one.pid, "open_files": one.use.open_files, "bytes": one.use.moved,
    }  # fmt: skip
