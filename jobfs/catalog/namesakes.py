"""A name whose file was deleted, or replaced, and is being sent again."""

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.orm import aliased

from jobfs.catalog.schema import EntryRow, PhotoRow


def is_shown() -> ColumnElement[bool]:
    """Say of a photo's entry in a statement that the photo is shown, if it is current.

    Its file stands in its directory, or another of the same name that is no photo yet: the earlier one
    stays the photo until that is ingested.
    """
    successor, its_photo = aliased(EntryRow), aliased(PhotoRow)
    its_own = exists().where(its_photo.entry_id == successor.id, its_photo.current)
    has_its_own = its_own.correlate(successor)
    is_sent_again = (
        exists()
        .where(
            successor.parent_id == EntryRow.parent_id, successor.name_key == EntryRow.name_key,
            successor.removed_at.is_(None), successor.directory.is_(False), ~has_its_own,
        )
        .correlate(EntryRow)
    )  # fmt: skip
    return or_(EntryRow.removed_at.is_(None), is_sent_again)
