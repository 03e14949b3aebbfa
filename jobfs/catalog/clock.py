"""What time it is for the database, and how late it has been."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from jobfs.catalog.schema import EventRow, Instant


def now(connection: Connection) -> datetime | None:
    """Return the server's time; None of SQLite, which has none."""
    if connection.dialect.name == "sqlite":
        return None
    query = select(func.clock_timestamp(type_=Instant))
    return connection.execute(query).scalar_one()


def latest(connection: Connection) -> datetime | None:
    """Return the time of the newest event; None if there is none."""
    newest = select(EventRow.at).order_by(EventRow.id.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()
