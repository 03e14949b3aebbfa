"""What cameras told about photos, and what counts of it, in their rows."""

from typing import Any

import msgspec
from sqlalchemy import Row

from jobfs.domain.exif import Shot
from jobfs.domain.metadata.values import Moment


def shot_of(row: Row[*tuple[Any, ...]]) -> Shot:
    """Return what the file of a photo itself says: by it the same picture is known again."""
    return msgspec.json.decode(row.shot, type=Shot)


def kept(shot: Shot) -> str:
    """Return what a row keeps of a shot."""
    return msgspec.json.encode(shot).decode()


def captured(row: Row[*tuple[Any, ...]]) -> str | None:
    """Return when a photo was taken, in ISO 8601, by all that is known of it."""
    if row.taken is None:
        return None
    return Moment(time=row.taken, subsecond=row.taken_subsecond, offset=row.taken_offset).text
