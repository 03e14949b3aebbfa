"""What is left to do of erasures: the rows of jobs, bytes whose rows are struck, the file of erasures.

The command that erases, or purges, does it at once; a worker does it every hour, should that have been
killed.
"""

from datetime import UTC, datetime

from jobfs.blobs.ledger import Line
from jobfs.blobs.store import BlobStore
from jobfs.catalog import erasing, erasures
from jobfs.catalog.engine import Catalog
from jobfs.catalog.erasures import Erasure, Kind


def finish(catalog: Catalog, store: BlobStore) -> None:
    """Erase what is left of jobs, as far as nobody is at work there, and then bytes.

    Safe to repeat, and while others do the same. Raises OSError.
    """
    with catalog.reading() as connection:
        job_ids = erasing.unfinished_jobs(connection)
    for job_id in job_ids:
        while _step(catalog, job_id):
            pass
    finish_bytes(catalog, store)


def finish_bytes(catalog: Catalog, store: BlobStore) -> None:
    """Delete the bytes whose rows are struck, and write the file of erasures. Raises OSError."""
    is_written = store.ledger.file.exists()
    with catalog.reading() as connection:
        left = erasures.bytes_left(connection)
        has_lines = is_written or bool(erasures.lasting(connection))
    if not left and is_written == has_lines:
        return
    for one in left:
        if one.kind is Kind.ORIGINAL:
            store.drop_original(one.name)
        else:
            store.drop_rendition(one.name)
    if has_lines:
        store.ledger.write(lambda: lines(catalog))
    with catalog.writing() as connection:
        erasures.bytes_gone(connection, left)


def lines(catalog: Catalog) -> list[Line]:
    """Return the record of erasures as the file has it."""
    with catalog.reading() as connection:
        known = erasures.lasting(connection)
    return [(one.kind.value, one.name, one.at.astimezone(UTC).isoformat()) for one in known]


def parsed(known: list[Line]) -> list[Erasure]:
    """Return what such a file says; raises ValueError."""
    return [Erasure(Kind(kind), name, datetime.fromisoformat(at)) for kind, name, at in known]


def _step(catalog: Catalog, job_id: int) -> bool:
    with catalog.writing() as connection:
        return bool(erasing.job_step(connection, job_id, now=datetime.now(UTC)))
