"""Where a photo belongs: from the directories between its job and itself to album and section.

The tree a photographer made stays as it is; this module only says what it means (product
contract, "Path -> album and section"), and what to point out when it probably means something
else to the photographer than to jobfs.
"""

import enum
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

UNSORTED = "Unsorted"  # the album of photos that are in no album's directory


class Section(enum.StrEnum):
    """Where in an album a photo belongs; the value is the directory's name."""

    INDIVIDUALS = "individuals"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a photo belongs, and a sentence for its photographer where that may surprise.

    Every photo of one directory has the same placement, note included. *note* is None where the
    tree is as expected.
    """

    album: str
    section: Section
    note: str | None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What people name a directory when they mean a section: folded names, English and the languages
#: of the neighbours. "Portraits" is absent, because albums bear that name.
_NEAR_MISSES = {
    Section.GROUP: _words(
        "groups grp gruop gruoup goup groupe groupes gruppe gruppen gruppo gruppi grupo grupos "
        "groep grupp grupper grupa gruppenfoto gruppenfotos gruppenbild gruppenbilder "
        "groupphoto groupphotos groupshot groupshots grouppicture grouppictures"
    ),
    Section.INDIVIDUALS: _words(
        "individual indivduals individuels individuel individuell individuali individuales "
        "individuais individially invidual inviduals indiv individualphotos individualportraits "
        "single singles singlephotos singleportraits einzel einzeln einzelne einzelfoto "
        "einzelfotos einzelbild einzelbilder einzelportrait einzelportraits einzelporträt "
        "einzelporträts enkel individueel"
    ),
}
_SEPARATORS = str.maketrans("", "", " _-.")
_ALBUM_AND_SECTION = 2  # components


def section_of(component: str) -> Section | None:
    """Return the section that a directory's name stands for, or None if it is another name."""
    try:
        return Section(_folded(component))
    except ValueError:
        return None


def place(directories: Sequence[str], job: str) -> Placement:
    """Decide album and section of a file below *job*.

    *directories* are the components between the job and the file, outermost first; none for a
    file in the job's own directory.
    """
    if not directories:
        return Placement(UNSORTED, Section.INDIVIDUALS, None)
    section = section_of(directories[0])
    if section is not None:
        return Placement(UNSORTED, section, _note_without_album(directories, section))
    section = _section_below_album(directories[1:])
    return Placement(_album(directories[0]), section, _note(directories, job, section))


def _section_below_album(components: Sequence[str]) -> Section:
    if any(section_of(component) is Section.GROUP for component in components):
        return Section.GROUP
    return Section.INDIVIDUALS


def _album(component: str) -> str:
    """Return the album's name: as sent, in NFC and trimmed; a name of spaces names nothing."""
    return unicodedata.normalize("NFC", component).strip() or UNSORTED


def _note(directories: Sequence[str], job: str, section: Section) -> str | None:
    """Return what to point out about directories below an album: the most useful sentence only."""
    album = _printable(_album(directories[0]))
    outcome = f'its photos are in the album "{album}", section {section}'
    path = _printable("/".join(directories))
    for component in directories:
        if _folded(component) == _folded(job):
            return f'"{path}" repeats the name of its job: {outcome}.'
        meant = _nearly(component)
        if meant is not None:
            return f'"{path}": {outcome}. Name it "{meant}" inside an album, if that is meant.'
    if not directories[0].strip():
        return f"A folder with nothing but spaces for a name is no album: {outcome}."
    if _is_as_expected(directories):
        return None
    return f'"{path}" is neither an album nor a section: {outcome}.'


def _is_as_expected(directories: Sequence[str]) -> bool:
    """Tell whether there is just an album, or an album and a section in it."""
    return len(directories) == 1 or (
        len(directories) == _ALBUM_AND_SECTION and section_of(directories[1]) is not None
    )


def _note_without_album(directories: Sequence[str], section: Section) -> str:
    path = _printable("/".join(directories))
    return (
        f'"{path}" is not inside an album: its photos are in the album '
        f'"{UNSORTED}", section {section}. Move it into an album.'
    )


def _nearly(component: str) -> Section | None:
    """Return the section that somebody probably meant with a name that is not its name."""
    spelled = _folded(component).translate(_SEPARATORS)
    for section, misses in _NEAR_MISSES.items():
        if spelled in misses or (spelled == section and section_of(component) is None):
            return section
    return None


def _printable(name: str) -> str:
    """Return *name* so that it stays on one line: a name may hold any control character."""
    return "".join(character if character.isprintable() else "?" for character in name)


def _folded(component: str) -> str:
    return unicodedata.normalize("NFC", component).casefold().strip()
