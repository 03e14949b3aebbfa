"""The catalog for one command at a shell: opened, checked, and a sentence if that fails."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from jobfs.catalog import migrate
from jobfs.catalog.engine import Catalog, was_undone
from jobfs.catalog.refusals import (
    BadDatabaseUrlError,
    CatalogUnavailableError,
    ChangeUndoneError,
    MissingSchemaError,
)
from jobfs.settings import redacted


def opened(url: str | URL, *, durable: bool, patience: int | None = None) -> Catalog:
    """Open a database that `jobfs init` has made; a server must take the call in *patience* seconds.

    Raises MissingSchemaError, NewerSchemaError, BadDatabaseUrlError or CatalogUnavailableError.
    """
    with answering(url), ExitStack() as on_refusal:
        catalog = Catalog(_impatient(url, patience), durable=durable, connections=2)
        on_refusal.callback(catalog.dispose)
        _refuse_missing(catalog)
        migrate.check(catalog)
        on_refusal.pop_all()
    return catalog


@contextmanager
def answering(url: str | URL) -> Iterator[None]:
    """Turn a database that cannot be reached in the block into an error with a sentence.

    Raises BadDatabaseUrlError, CatalogUnavailableError, or its kind ChangeUndoneError.
    """
    _refuse_malformed(url)
    try:
        yield
    except DBAPIError as error:
        if was_undone(error):
            raise ChangeUndoneError(
                f"another change was in the way, and this one was not made: {_reason(error)}"
            ) from error
        is_connecting = error.statement is None  # also wrong options in the URL are found here
        if is_connecting or isinstance(error, OperationalError | InterfaceError):
            raise _unavailable(url, error) from error
        raise


@contextmanager
def reading(catalog: Catalog) -> Iterator[Connection]:
    """Give a connection to read with; raises CatalogUnavailableError."""
    with answering(catalog.name), catalog.reading() as connection:
        yield connection


@contextmanager
def writing(catalog: Catalog) -> Iterator[Connection]:
    """Give a connection whose changes are committed together, then tell every role to look.

    The bell is rung behind the commit, for the reason that `jobfs.database` gives.
    Raises CatalogUnavailableError, or its kind ChangeUndoneError.
    """
    with answering(catalog.name):
        with catalog.writing() as connection:
            yield connection
        if not catalog.is_sqlite:
            with catalog.writing(durable=False) as connection:
                connection.exec_driver_sql("NOTIFY jobfs")


def _refuse_malformed(url: str | URL) -> None:
    try:
        make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise BadDatabaseUrlError("[jobfs] database is not the URL of a database") from error


def _impatient(url: str | URL, patience: int | None) -> URL:
    """Limit, in libpq's words, how long a server may take to answer a call; a file takes no time."""
    made = make_url(url)
    if patience is None or made.get_backend_name() == "sqlite":
        return made
    return made.update_query_dict({"connect_timeout": str(patience)})


def _refuse_missing(catalog: Catalog) -> None:
    """Refuse before SQLite makes an empty file where there is none."""
    if catalog.file is None:
        return
    try:
        catalog.file.stat()
    except FileNotFoundError as error:
        raise MissingSchemaError(
            f"there is no database {catalog.file}: run `jobfs init`"
        ) from error
    except OSError as error:
        raise CatalogUnavailableError(
            f"the database {catalog.file} cannot be opened: {error.strerror}"
        ) from error


def _unavailable(url: str | URL, error: DBAPIError) -> CatalogUnavailableError:
    return CatalogUnavailableError(
        f"the database {redacted(str(url))} cannot be used: {_reason(error)}"
    )


def _reason(error: DBAPIError) -> str:
    """Return what the database says, on one line: libpq's messages have several."""
    return " ".join(str(error.orig).split())
