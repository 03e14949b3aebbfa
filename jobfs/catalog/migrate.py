"""Bring a database's schema to what this version of jobfs knows.

Alembic, which does it, is loaded only then: every role asks at its start what there is, and Alembic would
take eight megabytes of it and a tenth of a second.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import MissingSchemaError, NewerSchemaError, OlderSchemaError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
#: The number of the lock that whoever migrates holds; any number that nobody else uses in the database.
_UPGRADING = 0x6A6F626673


def upgrade(catalog: Catalog, *, to: str = "head") -> None:
    """Create or migrate the schema, in one transaction; raises NewerSchemaError."""
    from alembic import command  # noqa: PLC0415

    with catalog.writing() as connection:
        if not catalog.is_sqlite:  # two machines that are upgraded at once take turns
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADING})
        _refuse_newer(connection, catalog)
        settings = _settings()
        settings.attributes["connection"] = connection
        command.upgrade(settings, to)


def check(catalog: Catalog) -> None:
    """Raise NewerSchemaError or MissingSchemaError unless the schema is this version's."""
    with catalog.reading() as connection:
        _refuse_newer(connection, catalog)
        found = revision(connection)
    if found != head():
        sentence = (
            f"the schema of {catalog.name} is at revision {found or 'none'}, this jobfs needs {head()}:"
            " run `jobfs init`"
        )
        raise MissingSchemaError(sentence) if found is None else OlderSchemaError(sentence)


def is_older(connection: Connection, catalog: Catalog) -> bool:
    """Whether there is a schema to be migrated; raises NewerSchemaError."""
    _refuse_newer(connection, catalog)
    return revision(connection) not in {None, head()}


def revision(connection: Connection) -> str | None:
    """Return the revision the database is at; None: no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def head() -> str:
    """Return the newest revision this jobfs knows."""
    return max(_known())


def _refuse_newer(connection: Connection, catalog: Catalog) -> None:
    found = revision(connection)
    if found is not None and found not in _known():
        raise NewerSchemaError(
            f"the schema of {catalog.name} is at revision {found}, which this jobfs does not know:"
            " it was used by a newer version; install that version again"
        )


def _known() -> set[str]:
    """Return the revisions of this jobfs: the numbers with which the names of their files begin."""
    scripts = (_MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return {script.name.partition("_")[0] for script in scripts}


def _settings() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS))
    settings.set_main_option("path_separator", "os")
    return settings
