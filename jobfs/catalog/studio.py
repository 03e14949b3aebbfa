"""The studio's own row."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from jobfs.catalog.schema import StudioRow


def ensure(connection: Connection, *, now: datetime) -> None:
    """Make the row if the database is new."""
    if connection.execute(select(StudioRow.id)).first() is None:
        connection.execute(insert(StudioRow).values(id=1, created_at=now))
