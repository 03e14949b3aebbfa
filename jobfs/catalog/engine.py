"""How the two databases are opened, so that the rest of `catalog/` need not know which one it is.

SQLite runs in WAL mode: any number of readers beside one writer. Writers say BEGIN IMMEDIATE, so that
two never find out at commit that they read the same row; in this process they queue for the one
writing connection, between processes for SQLite's lock.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from jobfs.catalog import outcomes
from jobfs.catalog.outcomes import Outcome
from jobfs.catalog.refusals import CatalogUnavailableError
from jobfs.catalog.touches import Touches

# Connection is handed on to the rooms that import no SQLAlchemy.
__all__ = ["Catalog", "CatalogUnavailableError", "Connection"]

#: How long a writer waits for another process's transaction, in seconds.
BUSY_TIMEOUT = 30
#: Bytes of SQLite's log above which writers wait until it begins anew, else it grows while they go on.
_LONG_LOG = 64 * 1024**2
#: What PostgreSQL says of a transaction that it undid for another's sake. Source: its manual, appendix A:
#: serialization_failure, deadlock_detected.
_UNDONE = {"40001", "40P01"}


T = TypeVar("T")


class Mark(NamedTuple):
    """A state of the database, told from others: nothing else is in it.

    *others* is None where nobody tells at once what others commit.
    """

    others: int | None
    ours: int


class Catalog:
    """One database, opened for reading and writing by several threads.

    *durable* false gives up the survival of a power cut for every transaction (the setting
    `durability = "process"`). *connections* is how many may be in use at once.
    """

    def __init__(self, url: str | URL, *, durable: bool = True, connections: int = 8) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.connections = connections
        self._durable = durable
        if self.is_sqlite:
            self._reader = _sqlite_engine(url, begin="BEGIN", connections=connections)
            self._writer = _sqlite_engine(url, begin="BEGIN IMMEDIATE", connections=1)
        else:
            self._reader = self._writer = _postgresql_engine(url, connections=connections)
        self._here: Connection | None = None
        self._touches: Touches | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database and changes nothing."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a connection whose changes are committed together at the end, or not at all.

        What has become of uploads is then told in the log.

        *durable*: when the block has ended, the changes survive a power cut. Otherwise they survive
        the death of every process, and reach the disk with the next durable transaction.
        """
        with self._writer.connect() as connection:
            to_disk = durable and self._durable
            if self.is_sqlite:
                _synchronous(connection, "FULL" if to_disk else "NORMAL")
            noted = outcomes.begin(connection)
            with connection.begin():
                if not self.is_sqlite and not to_disk:
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                yield connection
        for outcome in noted:
            outcome.tell()

    def at_once(
        self,
        call: Callable[[Connection], T],
        *,
        writing: bool,
        tell: Callable[[Outcome], None] = Outcome.tell,
    ) -> T:
        """Return *call*(connection) from a short transaction that waits for nothing; for one thread alone.

        Not for another writer: where one is at work, sqlite3.OperationalError is raised. And not for the
        disk: what is committed survives the death of every process, and `checkpoint` brings it from the log
        into the database. Reading and writing on one connection keeps what was read in its memory; others
        drop theirs at each commit.

        *tell* is told what has become of uploads.
        """
        connection = self._begun_here(writing=writing)
        noted = outcomes.begin(connection) if writing else ()
        try:
            result = call(connection)
            _here_transaction(connection).commit()
        except BaseException:
            _here_transaction(connection).rollback()
            raise
        for outcome in noted:
            tell(outcome)
        return result

    def ahead(self, look: Callable[[Connection], T]) -> T:
        """Return *look*(connection) from a transaction like `at_once`'s that waits for its changes: `finish`.

        Until then nobody else changes anything. If *look* fails, there is nothing to finish.
        """
        connection = self._begun_here(writing=True)
        try:
            return look(connection)
        except BaseException:
            _here_transaction(connection).rollback()
            raise

    def finish(self, change: Callable[[Connection], None]) -> None:
        """Make the changes of the transaction that `ahead` has begun."""
        connection = self._here
        assert connection is not None
        try:
            change(connection)
            _here_transaction(connection).commit()
        except BaseException:
            _here_transaction(connection).rollback()
            raise

    def _begun_here(self, *, writing: bool) -> Connection:
        self._driver_here().execute("BEGIN IMMEDIATE" if writing else "BEGIN")
        assert self._here is not None
        return self._here

    def _driver_here(self) -> Any:
        """Return SQLite's own connection for the thread of `at_once`, opened if it is not yet."""
        if self._here is None:
            self._here = _opened_here(self.url)
            if self._touches is not None:
                self._touches.attend(_driver_of(self._here))
        return _driver_of(self._here)

    def touches(self) -> Touches:
        """Return what tells from now on what the transactions of `at_once` change; for one who asks."""
        assert self._touches is None, "what one has taken, another would never hear of"
        self._touches = Touches()
        if self._here is not None:
            self._touches.attend(_driver_of(self._here))
        return self._touches

    def mark(self) -> Mark:
        """Return what is another after each commit, whoever made it; for the thread of `at_once` alone.

        SQLite's count tells of the commits of others, the changed rows of those made here. It is read
        from memory that the processes share.
        """
        driver = self._driver_here()
        found: tuple[int] = driver.execute("PRAGMA data_version").fetchone()
        return Mark(found[0], driver.total_changes)

    def may_write_at_once(self, *, durable: bool) -> bool:
        """Whether `at_once` keeps what is promised of a write."""
        return self.is_sqlite and not (durable and self._durable)

    def checkpoint(self) -> None:
        """Bring SQLite's log into the database; whoever reads or writes meanwhile waits for nothing."""
        assert self.file is not None
        log = self.file.with_name(self.file.name + "-wal")
        with closing(sqlite3.connect(self.file, timeout=BUSY_TIMEOUT)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            with suppress(FileNotFoundError):
                if log.stat().st_size > _LONG_LOG:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def marking_commits(self) -> Iterator[Callable[[], Mark]]:
        """Give a function whose result is another after each commit to the SQLite database.

        It has a connection of its own, to which all who commit are others.
        """
        assert self.file is not None
        with closing(
            sqlite3.connect(
                self.file, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
        ) as connection:

            def mark() -> Mark:
                found: tuple[int] = connection.execute("PRAGMA data_version").fetchone()
                return Mark(found[0], ours=0)

            yield mark

    def dispose(self) -> None:
        """Close every idle connection."""
        if self._here is not None:
            self._here.close()
            self._here.engine.dispose()
            self._here = None
        self._reader.dispose()
        self._writer.dispose()

    @property
    def file(self) -> Path | None:
        """The SQLite database's file; None for PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @property
    def name(self) -> str:
        """The database for a message; without its password."""
        return self.url.render_as_string(hide_password=True)


def was_undone(error: DBAPIError) -> bool:
    """Whether a transaction failed only because another was in its way; SQLite lets it wait instead."""
    return getattr(error.orig, "sqlstate", None) in _UNDONE


def _here_transaction(connection: Connection) -> Any:
    """Return what ends a transaction: SQLAlchemy knows of it if a statement went through it."""
    return connection if connection.in_transaction() else _driver_of(connection)


def _driver_of(connection: Connection) -> Any:
    """Return SQLite's own connection."""
    return connection.connection.driver_connection


def _postgresql_engine(url: str | URL, *, connections: int) -> Engine:
    # A database in SQL_ASCII would hand out names as bytes.
    settings = {"application_name": "jobfs", "client_encoding": "utf8"}
    return create_engine(url, pool_size=connections, max_overflow=0, connect_args=settings)


def _opened_here(url: URL) -> Connection:
    """Return a connection that never waits; `Catalog.at_once` says BEGIN for it."""
    connection = _sqlite_engine(url, begin=None, connections=1, patience=0).connect()
    driver = _driver_of(connection)
    for setting in ("synchronous = NORMAL", "wal_autocheckpoint = 0", "cache_size = -16384"):
        driver.execute(f"PRAGMA {setting}").close()
    return connection


def _sqlite_engine(
    url: str | URL, *, begin: str | None, connections: int, patience: float = BUSY_TIMEOUT
) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": patience, "check_same_thread": False},
    )

    @event.listens_for(engine, "do_connect")
    def _make(_dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
        """Make a new file root's alone, whatever the umask: it will hold hashes of passwords.

        SQLite gives the files beside it, the WAL, the same mode; and it says itself what is wrong with a
        folder. A file that is there is not even opened: its closing would drop this process's locks.
        """
        with suppress(OSError):
            os.close(
                os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            )

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    if begin is not None:
        statement = begin

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

    return engine


def _synchronous(connection: Connection, wanted: str) -> None:
    """Set how much a commit waits for the disk; SQLite takes the word only between transactions."""
    if connection.info.get("synchronous", "FULL") != wanted:
        driver = connection.connection.cursor()
        driver.execute(f"PRAGMA synchronous = {wanted}")
        driver.close()
        connection.info["synchronous"] = wanted
