"""One answer from many sources: what is known of a picture, where they disagree too.

The order, by the guidelines of the Metadata Working Group (2.0) and, for sidecars, which those do not
speak of, by what photographers do; decisions/0007 says why:

1. What people decide (time, title, caption, keywords, creators, copyright, rating, place): sidecars,
   that of the file's full name first (`x.jpg.xmp`, `x.xmp`, `x.cr2.xmp`); Exif; XMP; IPTC. If a program that
   knows no XMP has changed IPTC since (see `photoshop.is_changed`), IPTC comes before XMP. Its texts are
   of limited length: one at its limit with which the XMP's begins is the XMP's.
2. What the camera knows (make, model, serial, lens, orientation): Exif; XMP; IPTC; sidecars.
3. Stand-ins (`Source.hinted`), in the same order, only where no source has said the thing itself.

Each fact is taken from one source whole: keywords are not united, as one removed would come back. Of the
time, sub-second and offset are filled up from the next source that has the same time.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, Literal, TypeVar

from jobfs.domain.metadata import blocks as places
from jobfs.domain.metadata import exif, iptc, xmp
from jobfs.domain.metadata.blocks import Blocks
from jobfs.domain.metadata.values import Facts, Json, Metadata, Moment, Source
from jobfs.domain.refusals import UnreadableMetadataError

_CAMERAS = frozenset({"make", "model", "serial", "lens", "orientation"})
_NAMES = tuple(field.name for field in fields(Facts))
#: Bytes at which IPTC's texts end.
_LIMITS = {
    "title": iptc.LONGEST[iptc.TITLE],
    "caption": iptc.LONGEST[iptc.CAPTION],
    "copyright": iptc.LONGEST[iptc.COPYRIGHT],
    "keywords": iptc.LONGEST[iptc.KEYWORD],
    "creators": iptc.LONGEST[iptc.CREATOR],
}
_LONGEST_CHARACTER = 4  # bytes in UTF-8; a text may have to end so much earlier, less one
MOST_SIDECARS = 4  # of one photo that are heeded

_Block = TypeVar("_Block")
_Whole = Literal["everything", "private"]


def embedded(blocks: Blocks) -> Source:
    """Return what a file itself says.

    A block that cannot be read is passed over, and `everything` says under "unreadable" why.
    """
    unreadable: dict[str, Json] = {}
    iptc_block = places.iptc_of(blocks)
    read_exif = partial(exif.read, details_apart=blocks.details, gps_apart=blocks.gps)
    from_exif = _read(read_exif, blocks.exif, "Exif", unreadable)
    from_iptc = _read(iptc.read, iptc_block, "IPTC", unreadable)
    from_xmp = _read(xmp.read, blocks.xmp, "XMP", unreadable)
    order = [from_exif, from_xmp, from_iptc]
    if places.iptc_is_newer(blocks):
        whole = replace(from_iptc, said=_lengthened(from_iptc.said, from_xmp.said))
        order = [from_exif, whole, from_xmp]
    named = {"Exif": from_exif, "IPTC": from_iptc, "XMP": from_xmp}
    return Source(
        said=_first([source.said for source in order]),
        hinted=_first([source.hinted for source in order]),
        everything=_named(named, "everything") | ({"unreadable": unreadable} if unreadable else {}),
        private=_named(named, "private"),
    )


def merged(file: Source, sidecars: Sequence[Source] = ()) -> Metadata:
    """Return all that is known of a picture, from its file and the sidecars beside it.

    *sidecars* are in the order of their precedence, not of their arrival. The order of the sources is that
    at the top of this module.
    """
    beside = list(sidecars[:MOST_SIDECARS])
    peoples, cameras = [*beside, file], [file, *beside]
    by_people = _first([s.said for s in peoples] + [s.hinted for s in peoples])
    by_camera = _first([s.said for s in cameras] + [s.hinted for s in cameras])
    facts = {name: getattr(by_camera if name in _CAMERAS else by_people, name) for name in _NAMES}
    return Metadata(
        **facts,
        everything=_with_sidecars(file, beside, "everything"),
        private=_with_sidecars(file, beside, "private"),
    )


def _read(
    reader: Callable[[_Block], Source],
    block: _Block | None,
    name: str,
    unreadable: dict[str, Json],
) -> Source:
    if block is None:
        return Source()
    try:
        return reader(block)
    except UnreadableMetadataError as error:
        unreadable[name] = str(error)
        return Source()


def _first(order: Sequence[Facts]) -> Facts:
    """Return each fact from the first of *order* that has it."""
    found: dict[str, Any] = {
        name: next((fact for facts in order if _is_told(fact := getattr(facts, name))), None)
        for name in _NAMES
    }
    known = {name: fact for name, fact in found.items() if fact is not None}
    return replace(Facts(**known), taken=_exact([facts.taken for facts in order]))


def _is_told(fact: object) -> bool:
    return fact is not None and fact != ()


def _exact(order: Sequence[Moment | None]) -> Moment | None:
    """Return the first time, as exact as those are that tell the same."""
    moments = [moment for moment in order if moment is not None]
    if not moments:
        return None
    same = [moment for moment in moments if moment.time == moments[0].time]
    return replace(
        moments[0],
        subsecond=next((m.subsecond for m in same if m.subsecond is not None), None),
        offset=next((m.offset for m in same if m.offset is not None), None),
    )


def _lengthened(short: Facts, long: Facts) -> Facts:
    """Return IPTC's facts, with texts that were cut at its limits as the XMP has them."""
    changes: dict[str, Any] = {}
    for name, limit in _LIMITS.items():
        text, whole = getattr(short, name), getattr(long, name)
        if isinstance(text, tuple):
            changes[name] = tuple(_longest(part, whole, limit) for part in text)
        elif text is not None:
            changes[name] = _longest(text, () if whole is None else (whole,), limit)
    return replace(short, **changes)


def _longest(text: str, candidates: Sequence[str], limit: int) -> str:
    """Return the candidate that begins with *text*, if that fills its field."""
    if len(text.encode()) <= limit - _LONGEST_CHARACTER and len(text) != limit:
        return text
    return next((whole for whole in candidates if whole.startswith(text)), text)


def _named(sources: dict[str, Source], part: _Whole) -> dict[str, Json]:
    wholes = {name: getattr(source, part) for name, source in sources.items()}
    return {name: dict(whole) for name, whole in wholes.items() if whole}


def _with_sidecars(file: Source, sidecars: Sequence[Source], part: _Whole) -> dict[str, Json]:
    beside: list[Json] = [dict(getattr(sidecar, part)) for sidecar in sidecars]
    return dict(getattr(file, part)) | ({"sidecars": beside} if any(beside) else {})
