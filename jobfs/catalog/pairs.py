"""A raw file and a JPEG of one press of the shutter: a row of `photo` each, and one photo to people.

The raw file's row says beside which JPEG it belongs. Of rows that belong together people see the first
whose file is there, the JPEG before raw files, by the JPEG's id: so what is deleted and restored leaves
every row as it is. Rows change when a file comes to a place, leaves it or shows another picture; whoever
calls has locked the job then, or two files that come in one moment would not see each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    or_,
    select,
    update,
)

from jobfs.catalog import namesakes
from jobfs.catalog.prepared import Prepared
from jobfs.catalog.schema import EntryRow, PhotoRow
from jobfs.catalog.shots import shot_of
from jobfs.domain import pairs
from jobfs.domain.captures import Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """A row of `photo`; *stands*: it is current, and its file is there."""

    id: int
    beside_id: int | None
    parent_id: int
    stem_key: str
    format: str
    capture: Capture
    stands: bool


def number() -> ColumnElement[int]:
    """Say in a statement by which id people know the photo that a row belongs to."""
    return func.coalesce(PhotoRow.beside_id, PhotoRow.id)


def settle(connection: Connection, entry_id: int, *, new: bool) -> None:
    """Let the photo at an entry be one with the others of its picture that stand beside it, and no more.

    *new*: people did not see it until now, so that it takes the id by which they know the others. Else
    a JPEG keeps its own.
    """
    for half in _at(connection, entry_id):
        group = _group(connection, half)
        _part(connection, group, [one for one in group[1:] if not _belongs(group[0], one)])
        for parted in _at(connection, entry_id):  # its id may be another by now
            _join(connection, parted, new=new)


def part(connection: Connection, photo_id: int) -> None:
    """Let a row be a photo of its own; those that people see keep the id."""
    for half in _halves(connection, PhotoRow.id == photo_id):
        group = _group(connection, half)
        _part(connection, group, group[1:] if half == group[0] else [half])


def bequeath(connection: Connection, photo_ids: Sequence[int]) -> None:
    """Let the raw files beside JPEGs that will be struck be photos without them; the first has the id."""
    query = select(PhotoRow.beside_id).where(PhotoRow.beside_id.in_(photo_ids))
    leading = set(connection.execute(query).scalars())
    for leader_id in photo_ids:
        if leader_id in leading:
            leader, *raws = _halves(connection, _is_in_group(leader_id))
            _part(connection, [leader, *raws], raws, seen=_seen(raws))


def id_at(connection: Connection, entry_id: int) -> int | None:
    """Return the id by which people know the photo that stands at an entry."""
    found = _ID_AT.all(connection, entry=entry_id)
    return found[0].number if found else None


def _join(connection: Connection, half: _Half, *, new: bool) -> None:
    partners = _partners(connection, half)
    if half.format == pairs.FIRST:
        _lead(connection, half, partners, new=new)
    elif partners and not _leader_stands(connection, half):
        _lead(connection, partners[0], [half], new=False)


def _lead(connection: Connection, jpeg: _Half, raws: Sequence[_Half], *, new: bool) -> None:
    """Put raw files beside a JPEG, unless they are beside another that stands."""
    free = [raw for raw in raws if not _leader_stands(connection, raw)]
    if not free:
        return
    leader_id, ids = jpeg.id, [raw.id for raw in free]
    if new:
        leader_id = free[0].beside_id or free[0].id
        _exchange_ids(connection, jpeg.id, leader_id)
        ids = [jpeg.id if raw_id == leader_id else raw_id for raw_id in ids]
    beside = update(PhotoRow).where(PhotoRow.id.in_(ids))
    connection.execute(beside.values(beside_id=leader_id))


def _part(
    connection: Connection,
    group: Sequence[_Half],
    leaving: Sequence[_Half],
    *,
    seen: _Half | None = None,
) -> None:
    """Let raw files leave a JPEG, *group*'s first; the one that is *seen* takes the id along."""
    if not leaving:
        return
    seen = seen or _seen(group)
    alone = update(PhotoRow).where(PhotoRow.id.in_([raw.id for raw in leaving]))
    connection.execute(alone.values(beside_id=None))
    if seen in leaving:
        _exchange_ids(connection, seen.id, group[0].id)


def _seen(group: Sequence[_Half]) -> _Half:
    """Return the one that people see: the first whose file is there, or just the first."""
    return next((half for half in group if half.stands), group[0])


def _exchange_ids(connection: Connection, one: int, other: int) -> None:
    """Let two rows exchange their ids, and with them what refers to each; an id is never below 1."""
    for old, new in ((one, -one), (other, one), (-one, other)):
        connection.execute(update(PhotoRow).where(PhotoRow.id == old).values(id=new))


def _leader_stands(connection: Connection, raw: _Half) -> bool:
    if raw.beside_id is None:
        return False
    return any(half.stands for half in _halves(connection, PhotoRow.id == raw.beside_id))


def _belongs(jpeg: _Half, raw: _Half) -> bool:
    """Whether a raw file that is beside a JPEG may stay there."""
    is_there = (raw.parent_id, raw.stem_key) == (jpeg.parent_id, jpeg.stem_key)
    is_partner = raw.format in pairs.partners_of(jpeg.format)
    return is_there and is_partner and pairs.may_stay(jpeg.capture, raw.capture)


def _partners(connection: Connection, half: _Half) -> list[_Half]:
    """Return the others of its picture that stand beside a photo, and might be one with it."""
    formats = pairs.partners_of(half.format)
    if not half.stands or not formats:
        return []
    beside = _beside(frozenset(formats))
    others = _read(beside.all(connection, parent=half.parent_id, stem=half.stem_key))
    return [other for other in others if pairs.may_join(half.capture, other.capture)]


def _group(connection: Connection, half: _Half) -> list[_Half]:
    """Return all that are one photo with a row: the JPEG, then raw files, the oldest first."""
    return _read(_GROUP.all(connection, leader=half.beside_id or half.id))


def _is_in_group(leader_id: int | BindParameter[int]) -> ColumnElement[bool]:
    return or_(PhotoRow.id == leader_id, PhotoRow.beside_id == leader_id)


def _at(connection: Connection, entry_id: int) -> list[_Half]:
    """Return the current row of an entry; most that are renamed have none."""
    return _read(_AT_ENTRY.all(connection, entry=entry_id))


def _halves(connection: Connection, *which: ColumnElement[bool]) -> list[_Half]:
    """Return rows, locked."""
    return _read(connection.execute(_HALVES.where(*which)))


def _read(rows: Iterable[Any]) -> list[_Half]:
    return [
        _Half(
            id=row.id, beside_id=row.beside_id, parent_id=row.parent_id, stem_key=row.stem_key,
            format=row.format, capture=shot_of(row).capture, stands=row.current and row.shown,
        )
        for row in rows
    ]  # fmt: skip


_IS_CURRENT = PhotoRow.current.is_(True)
_HALVES: Select[*tuple[Any, ...]] = (
    select(
        PhotoRow.id, PhotoRow.beside_id, PhotoRow.format, PhotoRow.shot, PhotoRow.current,
        EntryRow.parent_id, EntryRow.stem_key, namesakes.is_shown().label("shown"),
    )
    .join(EntryRow, EntryRow.id == PhotoRow.entry_id)
    .order_by(PhotoRow.beside_id.is_not(None), PhotoRow.entry_id)
    .with_for_update(of=PhotoRow)  # a purge may be striking some
)  # fmt: skip


@cache
def _beside(formats: frozenset[str]) -> Prepared:
    """Return the statement that finds what stands in a place, and has one of these formats."""
    return Prepared(
        _HALVES.where(
            EntryRow.parent_id == bindparam("parent"), EntryRow.stem_key == bindparam("stem"),
            EntryRow.removed_at.is_(None), EntryRow.directory.is_(False), _IS_CURRENT,
            or_(*(PhotoRow.format == one for one in sorted(formats))),
        )
    )  # fmt: skip


# Built once, see `jobfs.catalog.entries`: every photo, and every rename of a file, asks them.
_THERE = PhotoRow.entry_id == bindparam("entry", type_=BigInteger)
_AT_ENTRY = Prepared(_HALVES.where(_THERE, _IS_CURRENT))
_ID_AT = Prepared(select(number().label("number")).where(_THERE, _IS_CURRENT))
_GROUP = Prepared(_HALVES.where(_is_in_group(bindparam("leader", type_=BigInteger))))
