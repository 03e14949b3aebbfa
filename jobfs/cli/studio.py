"""The studio that a command works on: its settings, its database, its store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from jobfs.blobs.store import BlobStore
    from jobfs.catalog.engine import Catalog, Connection
    from jobfs.config import Config


class Studio:
    """One installation; each part of it is opened when a command first asks for it.

    The imports stand in the methods, because every command makes a Studio and help needs no part.
    """

    def __init__(self, config_file: Path | None) -> None:
        self.config_file = config_file

    @cached_property
    def config(self) -> Config:
        """The settings; raises ConfigError."""
        from jobfs.config import from_environment  # noqa: PLC0415

        return from_environment(self.config_file)

    @cached_property
    def timezone(self) -> ZoneInfo:
        """The zone in which people see times."""
        return ZoneInfo(self.config.studio.timezone)

    @cached_property
    def catalog(self) -> Catalog:
        """The database, checked; raises what `jobfs.catalog.opening.opened` does."""
        from jobfs.catalog import opening  # noqa: PLC0415

        durable = self.config.jobfs.durability == "power"
        return opening.opened(self.config.database_url, durable=durable)

    @cached_property
    def store(self) -> BlobStore:
        """The bytes of photos and renditions."""
        from jobfs.blobs.store import BlobStore  # noqa: PLC0415

        return BlobStore(self.config.jobfs.data)

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to the database for a block that reads."""
        from jobfs.catalog import opening  # noqa: PLC0415

        return opening.reading(self.catalog)

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection for a block whose changes are committed at its end."""
        from jobfs.catalog import opening  # noqa: PLC0415

        return opening.writing(self.catalog)

    def check(self) -> None:
        """Refuse, in a sentence, a studio that a role could not work with."""
        from jobfs.blobs import archive  # noqa: PLC0415

        archive.refuse_unfinished(self.config.jobfs.data)
        self.catalog.dispose()

    def close(self) -> None:
        """Close what was opened."""
        if "catalog" in self.__dict__:
            self.catalog.dispose()
