"""A database as a person names it in a command."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from jobfs.catalog.refusals import BadDatabaseUrlError, PasswordInArgumentError

_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}


def parse(address: str) -> URL:
    """Return the database at "sqlite:FILE" or "postgresql://ACCOUNT@HOST/NAME".

    The settings' form "sqlite:////ABSOLUTE/FILE" is one, too. The messages leave the address out, since a
    password may be somewhere in it. Raises BadDatabaseUrlError, PasswordInArgumentError.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite" and rest.removeprefix("///"):
        return URL.create("sqlite", database=str(Path(rest.removeprefix("///")).absolute()))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise _unknown() from error
    if url.drivername not in _POSTGRESQL:
        raise _unknown()
    if url.password is not None or "password" in url.query:
        raise PasswordInArgumentError(
            "a password in an argument can be read by everybody on this machine: leave it out, and"
            " add ?passfile=FILE to the address, or name the file in the variable PGPASSFILE"
        )
    return url.set(drivername="postgresql+psycopg")


def _unknown() -> BadDatabaseUrlError:
    return BadDatabaseUrlError(
        "a database is named by sqlite:FILE or by postgresql://ACCOUNT@HOST/NAME"
    )
