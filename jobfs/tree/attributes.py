"""Extended attributes: what jobfs knows of an entry, as `user.jobfs.NAME`, read-only."""

from jobfs.catalog import entries, overview, particulars, problems
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.placement import place
from jobfs.domain.uploads import UploadState
from jobfs.tree import overview as every_job
from jobfs.tree.refusals import ForeignAttributeError
from jobfs.tree.views import visible_entry

PREFIX = "user.jobfs."


def all_of(connection: Connection, number: int) -> dict[str, str]:
    """Return an entry's attributes by their names, sorted; of what is no entry, none."""
    inode = inodes.unpack(number)
    if inode.kind is Kind.ENTRY:
        entry = visible_entry(connection, inode)
    elif inode.kind is Kind.OVERVIEW:
        entry = every_job.entry(connection, inode)
    else:
        return {}
    known = _known(connection, entry)
    return {PREFIX + name: str(known[name]) for name in sorted(known) if known[name] is not None}


def require_own(name: str) -> None:
    """Raise ForeignAttributeError if somebody else's attribute is to be set or removed.

    Setting or removing jobfs's own succeeds and changes nothing, as with modes: `rsync -X` sends what it
    has read here, and removes what its source lacks, and takes a refusal for a failed copy.
    """
    if not name.startswith(PREFIX):
        raise ForeignAttributeError


def _known(connection: Connection, entry: Entry) -> dict[str, str | int | None]:
    if entry.parent_id is None:
        return {"status": overview.status(connection, entry.job_id)}
    above = entries.directories_above(connection, entry)
    if entry.directory:
        return _of_directory(connection, entry, [*above, entry.name])
    return _of_file(connection, entry, above)


def _of_directory(
    connection: Connection, entry: Entry, path: list[str]
) -> dict[str, str | int | None]:
    """Return what becomes of photos in it, and who made it."""
    placement = place(path, entry.job_name)
    maker = (
        None if entry.created_by is None else overview.account_name(connection, entry.created_by)
    )
    return {
        "album": placement.album, "section": placement.section.value, "uploader": maker,
        "problem": placement.note,
    }  # fmt: skip


def _of_file(connection: Connection, entry: Entry, above: list[str]) -> dict[str, str | int | None]:
    placement = place(above, entry.job_name)
    details = particulars.of_shown(connection, entry.id)
    state = UploadState(details.state)
    return {
        "album": placement.album,
        "section": placement.section.value,
        "state": details.state,
        "sha256": None if state is UploadState.RECEIVING else details.sha256,
        "problem": problems.of_file((*above, entry.name), state, details.reason),
        "uploader": details.account,
        "version": details.number,
        "photo": entries.photo_of(connection, entry.id),
    }
