"""Where entries stand: a job's directories, read once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select

from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import EntryRow

_DIRECTORIES = select(EntryRow.id, EntryRow.parent_id, EntryRow.name).where(EntryRow.directory)
_OF_JOB = Prepared(_DIRECTORIES.where(EntryRow.job_id == bindparam("job", type_=BigInteger)))


class Directories:
    """The directories of some jobs, removed ones too; the path of anything in them follows."""

    def __init__(self, connection: Connection, job_ids: Iterable[int]) -> None:
        self._rows = {row.id: row for row in _of_jobs(connection, set(job_ids))}

    def above(self, parent_id: int | None) -> tuple[str, ...]:
        """Return the names between the job and what stands in *parent_id*, outermost first."""
        names: list[str] = []
        while parent_id is not None:
            row = self._rows[parent_id]
            names.append(row.name)
            parent_id = row.parent_id
        return tuple(reversed(names[:-1]))  # the last one is the job's own directory


def _of_jobs(connection: Connection, job_ids: set[int]) -> Iterable[Any]:
    if len(job_ids) == 1:
        (job_id,) = job_ids
        return _OF_JOB.all(connection, job=job_id)
    return connection.execute(_DIRECTORIES.where(EntryRow.job_id.in_(job_ids)))
