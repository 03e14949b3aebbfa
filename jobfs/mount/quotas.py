"""Quotas, held at each write: how much an account may still send, without asking the database.

What an account uses is what the database counts, and what its open versions have grown beyond their
rows. The first is remembered from its last reading; the second is added up anew each time. A judgement
moves bytes from the one to the other, so a reading and a judgement of one account never overlap. Other mounts
and commands are seen at the next opening; and before anything is refused, the database is asked.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import trio

from jobfs.blobs.store import Space
from jobfs.catalog import usage
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.uploads import Upload
from jobfs.database import Database
from jobfs.domain.accounts import account_of
from jobfs.domain.quotas import Usage
from jobfs.mount.table import HandleTable
from jobfs.mount.versions import OpenVersion
from jobfs.tree.refusals import QuotaExceededError


class Quotas:
    """What the accounts that use one mount may still send."""

    def __init__(self, database: Database, table: HandleTable) -> None:
        self._database = database
        self._table = table
        self._read: dict[int, Usage] = {}  # by account, as the database had it
        self._locks: dict[int, trio.Lock] = {}  # by account

    async def look(self, account_id: int) -> None:
        """Know an account's use before it writes; whether it has a quota at all, events tell."""
        if account_id not in self._read or self._is_limited(account_id):
            await self.refresh(account_id)

    async def refresh(self, account_id: int) -> None:
        """Ask the database for an account's use and quota."""
        async with self._lock(account_id):
            self._read[account_id] = await self._database.read_briefly(usage.of_account, account_id)

    async def refresh_known(self) -> None:
        """Ask again for every account: something about one of them has changed."""
        for account_id in list(self._read):
            await self.refresh(account_id)

    def knows_room(self, version: OpenVersion, length: int, *, offset: int | None = None) -> bool:
        """Whether *length* bytes at *offset* are let in, as far as is remembered: see `require_room`."""
        account_id = version.upload.account_id
        return account_id is None or self._fits(account_id, version, length, offset)

    async def require_room(
        self, version: OpenVersion, length: int, *, offset: int | None = None
    ) -> None:
        """Keep room for *length* bytes at *offset*, or behind the others; raises QuotaExceededError.

        The version counts for the account that began it, whoever writes it now.
        """
        account_id = version.upload.account_id
        if account_id is None:
            return
        if not self._fits(account_id, version, length, offset):
            await self.refresh(account_id)
            if not self._fits(account_id, version, length, offset):
                quota = self._read[account_id].quota
                assert quota is not None, "who has none is never refused"
                version.note_over_quota(quota)
                raise QuotaExceededError(version.upload.name, quota)
        version.promise(_end(version, length, offset))

    async def require_room_for_copy(self, account_id: int, of: Upload) -> None:
        """Raise QuotaExceededError if rewriting somebody else's file would cross an account's quota."""
        if of.account_id == account_id:
            return  # its own version leaves as the copy comes
        await self.refresh(account_id)
        found = self._usage(account_id)
        if found.quota is not None and not found.has_room_for(of.size):
            raise QuotaExceededError(of.name, found.quota)

    @asynccontextmanager
    async def settling(self, version: OpenVersion) -> AsyncIterator[None]:
        """Let what a version has grown go into its row while the block runs."""
        account_id = version.upload.account_id
        if account_id is None or not self._is_limited(account_id):
            yield
            return
        async with self._lock(account_id):
            before = version.upload.size
            yield
            known = self._read[account_id]  # until it is read, what must have become of it
            more = version.upload.size - before
            self._read[account_id] = replace(known, used=known.used + more)
            with suppress(CatalogUnavailableError):
                self._read[account_id] = await self._database.read_briefly(
                    usage.of_account, account_id
                )

    async def of_uid(self, uid: int) -> Usage:
        """Return what the account with a uid uses, at this moment if it has a quota; others have none."""
        account_id = account_of(uid)
        if account_id is None:
            return Usage(0, None)
        await self.look(account_id)
        return self._usage(account_id)

    def _is_limited(self, account_id: int) -> bool:
        known = self._read.get(account_id)
        return known is not None and known.quota is not None

    def _fits(self, account_id: int, version: OpenVersion, length: int, offset: int | None) -> bool:
        known = self._read.get(account_id)
        if known is None or known.quota is None:
            return known is not None
        return self._usage(account_id).has_room_for(_end(version, length, offset) - version.extent)

    def _usage(self, account_id: int) -> Usage:
        known = self._read[account_id]
        if known.quota is None:
            return known
        return replace(known, used=known.used + self._table.growth(account_id))

    def _lock(self, account_id: int) -> trio.Lock:
        return self._locks.setdefault(account_id, trio.Lock())


def _end(version: OpenVersion, length: int, offset: int | None) -> int:
    return (version.size if offset is None else offset) + length


def within(space: Space, found: Usage) -> Space:
    """Return the room on the store's disk as an account sees it: no more than its quota leaves."""
    if found.left is None:
        return space
    free = min(space.free, found.left)
    return replace(space, free=free, total=found.used + free)
