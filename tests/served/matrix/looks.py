"""What has become of what a client sent, as a studio and its photographers see it."""

import stat
from dataclasses import dataclass
from pathlib import Path

import paramiko
from sqlalchemy import select

from jobfs.catalog import jobs, photo_listing
from jobfs.catalog import problems as catalog_problems
from jobfs.catalog import trash as catalog_trash
from jobfs.catalog.engine import Connection
from jobfs.catalog.schema import BlobRow, EntryRow, JobRow, UploadRow
from jobfs.domain.uploads import UploadState
from tests.mounted.syscalls import STATUS_FILES
from tests.served.studio import Studio, until


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as SFTP lists it: *mtime* in seconds since 1970."""

    size: int
    mtime: int


def listed(studio: Studio, job: str) -> dict[str, Listed]:
    """Return every file that was sent to a job by its path, as anna sees it."""
    found: dict[str, Listed] = {}
    with studio.connected("anna") as sftp:
        _walk(sftp, job, "", found)
    return found


def content(studio: Studio, path: str) -> bytes:
    """Return what a file is when anna fetches it."""
    with studio.connected("anna") as sftp, sftp.open(path) as file:
        file.prefetch()
        return file.read()


def states(studio: Studio, job: str) -> dict[str, UploadState]:
    """Return the state of every upload that is shown, by its name, once none is under way."""
    studio.wait_until(lambda known: UploadState.RECEIVING not in _states(known, job).values())
    with studio.catalog.reading() as connection:
        return _states(connection, job)


def wait_for_bytes(studio: Studio, job: str, number: int) -> None:
    """Return when so many bytes of a file of a job have arrived, whatever its name is."""
    top = studio.mountpoint / "anna" / job

    def have_arrived() -> bool:
        return any(_size(place) >= number for place in top.iterdir())

    until(have_arrived)


def _size(place: Path) -> int:
    """Return a file's size; a client may have removed it since it was listed."""
    try:
        return place.stat().st_size
    except FileNotFoundError:
        return 0


def photos(studio: Studio, job: str) -> list[tuple[str, str | None, bool]]:
    """Return path, SHA-256 and currentness of all photos of a job, by path."""
    with studio.catalog.reading() as connection:
        found = photo_listing.listing(connection, _id(connection, job), everything=True)
    return sorted((photo.path, photo.sha256, photo.current) for photo in found)


def placed(studio: Studio, job: str) -> list[tuple[str, str, str, str | None]]:
    """Return path, album, section and SHA-256 of the current photos of a job, by path."""
    with studio.catalog.reading() as connection:
        found = photo_listing.listing(connection, _id(connection, job))
    return sorted((photo.path, photo.album, photo.section, photo.sha256) for photo in found)


def reported(studio: Studio, job: str) -> list[tuple[str, str]]:
    """Return path and kind of the problems of a job, once no upload is under way."""
    states(studio, job)
    with studio.catalog.reading() as connection:
        found = catalog_problems.listing(connection, _id(connection, job))
    return [(problem.path, problem.kind) for problem in found]


def trash(studio: Studio, job: str) -> list[tuple[str, int]]:
    """Return path and size of what is in the trash of a job."""
    with studio.catalog.reading() as connection:
        found = catalog_trash.listing(connection, _id(connection, job))
    return [(item.path, item.size) for item in found]


def wait_for_photo(studio: Studio, job: str, sha256: str) -> None:
    """Return when a file that a job shows was ingested with these bytes."""

    def is_there(connection: Connection) -> bool:
        query = select(UploadRow.state).join(BlobRow).where(BlobRow.sha256 == sha256)
        query = query.join(EntryRow, EntryRow.id == UploadRow.entry_id)
        query = query.join(JobRow, JobRow.id == EntryRow.job_id)
        query = query.where(JobRow.name == job, UploadRow.current, EntryRow.removed_at.is_(None))
        return UploadState.INGESTED in connection.scalars(query)

    studio.wait_until(is_there)


def _id(connection: Connection, job: str) -> int:
    return jobs.by_name(connection, job).id


def _states(connection: Connection, job: str) -> dict[str, UploadState]:
    query = select(EntryRow.name, UploadRow.state).join(JobRow, JobRow.id == EntryRow.job_id)
    query = query.join(UploadRow, UploadRow.entry_id == EntryRow.id)
    query = query.where(JobRow.name == job, UploadRow.current, EntryRow.removed_at.is_(None))
    return {name: UploadState(state) for name, state in connection.execute(query)}


def _walk(sftp: paramiko.SFTPClient, top: str, inside: str, found: dict[str, Listed]) -> None:
    for entry in sftp.listdir_attr(f"{top}/{inside}"):
        assert entry.st_mode is not None
        if stat.S_ISDIR(entry.st_mode):
            _walk(sftp, top, f"{inside}{entry.filename}/", found)
        elif entry.filename not in STATUS_FILES:
            assert entry.st_size is not None
            assert entry.st_mtime is not None
            found[inside + entry.filename] = Listed(entry.st_size, entry.st_mtime)
