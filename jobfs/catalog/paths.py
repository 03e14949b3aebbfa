"""Where entries stand: a job's directories, read once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from jobfs.catalog.schema import EntryRow


class Directories:
    """The directories of some jobs, removed ones too; the path of anything in them follows."""

    def __init__(self, connection: Connection, job_ids: Iterable[int]) -> None:
        query = select(EntryRow.id, EntryRow.parent_id, EntryRow.name).where(
            EntryRow.directory, EntryRow.job_id.in_(set(job_ids))
        )
        self._rows: dict[int, Row[*tuple[Any, ...]]] = {
            row.id: row for row in connection.execute(query)
        }

    def above(self, parent_id: int | None) -> tuple[str, ...]:
        """Return the names between the job and what stands in *parent_id*, outermost first."""
        names: list[str] = []
        while parent_id is not None:
            row = self._rows[parent_id]
            names.append(row.name)
            parent_id = row.parent_id
        return tuple(reversed(names[:-1]))  # the last one is the job's own directory
