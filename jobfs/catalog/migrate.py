"""Bring a database's schema to what this version of jobfs knows."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from jobfs.catalog.engine import Catalog
from jobfs.catalog.refusals import MissingSchemaError, NewerSchemaError, OlderSchemaError

#: The number of the lock that whoever migrates holds; any number that nobody else uses in the database.
_UPGRADING = 0x6A6F626673


def upgrade(catalog: Catalog, *, to: str = "head") -> None:
    """Create or migrate the schema, in one transaction; raises NewerSchemaError."""
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
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the newest revision this jobfs knows."""
    newest = ScriptDirectory.from_config(_settings()).get_current_head()
    assert newest is not None
    return newest


def _refuse_newer(connection: Connection, catalog: Catalog) -> None:
    found = revision(connection)
    known = {
        script.revision for script in ScriptDirectory.from_config(_settings()).walk_revisions()
    }
    if found is not None and found not in known:
        raise NewerSchemaError(
            f"the schema of {catalog.name} is at revision {found}, which this jobfs does not know:"
            " it was used by a newer version; install that version again"
        )


def _settings() -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.set_main_option("path_separator", "os")
    return settings
