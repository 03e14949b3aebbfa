"""Extended attributes: what jobfs knows of an entry, as `user.jobfs.NAME`, read-only."""

import errno

from jobfs.catalog import entries, uploads
from jobfs.catalog.engine import Connection
from jobfs.catalog.entries import Entry
from jobfs.domain import inodes
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.placement import place
from jobfs.domain.uploads import UploadState
from jobfs.errors import JobfsError
from jobfs.tree.views import visible_entry

PREFIX = "user.jobfs."


class NoAttributeError(JobfsError):
    """The entry has no attribute of that name; ENODATA, as getxattr(2) says."""

    errno = errno.ENODATA


class ReadOnlyAttributesError(JobfsError):
    """Attributes are jobfs's to write; ENOTSUP, upon which programs that copy files go on."""

    errno = errno.ENOTSUP


def names(connection: Connection, number: int) -> list[str]:
    """Return the names of an entry's attributes."""
    inode = inodes.unpack(number)
    return sorted(_attributes(connection, inode)) if inode.kind is Kind.ENTRY else []


def value(connection: Connection, number: int, name: str) -> str:
    """Return an attribute's value; raises NoAttributeError."""
    inode = inodes.unpack(number)
    found = _attributes(connection, inode) if inode.kind is Kind.ENTRY else {}
    if name not in found:
        raise NoAttributeError(f"no attribute {name!r}")
    return found[name]


def _attributes(connection: Connection, inode: Inode) -> dict[str, str]:
    entry = visible_entry(connection, inode)
    known = {} if entry.directory else _of_file(connection, entry)
    return {PREFIX + name: str(value) for name, value in known.items() if value is not None}


def _of_file(connection: Connection, entry: Entry) -> dict[str, str | int | None]:
    placement = place(entries.directories_above(connection, entry), entry.job_name)
    details = uploads.details(connection, entry.id)
    return {
        "album": placement.album,
        "section": placement.section.value,
        "state": details.state,
        "sha256": None if details.state == UploadState.RECEIVING else details.sha256,
        "problem": details.reason,
        "uploader": details.account,
        "version": details.number,
        "photo": entries.photo_of(connection, entry.id),
    }
