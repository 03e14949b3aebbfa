"""A name whose file was deleted, replaced or set aside, and what stands in its place."""

from functools import cache

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, or_
from sqlalchemy.orm import aliased

from jobfs.catalog.schema import EntryRow, PhotoRow


@cache  # making it takes SQLAlchemy longer than SQLite takes to answer
def is_shown() -> ColumnElement[bool]:
    """Say of a photo's entry in a statement that the photo is shown, if it is current.

    Its file stands in its directory; or another of the same name that is no photo yet, since the earlier
    one stays the photo until that is ingested; or the backup for which it was set aside.
    """
    return or_(
        EntryRow.removed_at.is_(None),
        _stands_there(EntryRow.name_key, with_photo=False),
        and_(
            _stands_there(EntryRow.name_key.concat("_original"), with_photo=False),
            ~_stands_there(EntryRow.name_key, with_photo=True),
        ),
    )


@cache
def is_taken() -> ColumnElement[bool]:
    """Say of an entry in a statement that another one is there whose photo has its name."""
    return _stands_there(EntryRow.name_key, with_photo=True)


def _stands_there(name_key: SQLColumnExpression[str], *, with_photo: bool) -> ColumnElement[bool]:
    """Say of an entry that its directory has a file of this name, with or without a current photo."""
    other, its_photo = aliased(EntryRow), aliased(PhotoRow)
    photo = exists().where(its_photo.entry_id == other.id, its_photo.current).correlate(other)
    return (
        exists()
        .where(
            other.parent_id == EntryRow.parent_id, other.name_key == name_key,
            other.removed_at.is_(None), other.directory.is_(False),
            photo if with_photo else ~photo,
        )
        .correlate(EntryRow)
    )  # fmt: skip
