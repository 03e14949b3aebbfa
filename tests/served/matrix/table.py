"""The matrix: what each client can do with jobfs, as tests say it and docs/clients.md shows it.

A test that proves a cell of the matrix carries the mark `cell`; a module whose clients cannot do
something at all says so with the mark `cannot` in its `pytestmark`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pytest


class Case(StrEnum):
    """What a photographer does with a client. The value is the column's heading."""

    NEW = "new"
    OVERWRITE = "overwrite"
    RESUME = "resume"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FOLDER = "folder"
    TIMES = "times"
    SECOND_RUN = "second run"
    STATUS_FILES = "status files"

    @property
    def sentence(self) -> str:
        """What "yes" means."""
        return _SENTENCES[self]


_SENTENCES = {
    Case.NEW: "A photo that was sent is listed with its size, and is one photo with just the bytes "
    "that were sent.",
    Case.OVERWRITE: "The same picture, edited and sent again under its name, is the photo from then "
    "on; the earlier bytes are kept in the trash.",
    Case.RESUME: "After a connection was lost, the client goes on where it stopped; the file is then "
    "byte for byte as it should be, and one photo.",
    Case.INTERRUPTED: "When the client dies while it sends, what arrived stays, never becomes a "
    "photo of half a picture, and is listed as a problem unless it has the client's temporary name.",
    Case.CANCELLED: "When somebody stops a transfer in the client, half a picture never becomes a "
    "photo, and is listed as a problem as long as it stays.",
    Case.FOLDER: "A folder with albums and sections in it arrives as it was, every photo in its "
    "album and section.",
    Case.TIMES: "Times of the card come back as sent, and a client that also sends permissions is "
    "not refused.",
    Case.SECOND_RUN: "Sending the same folder once more transfers nothing.",
    Case.STATUS_FILES: "`_STATUS.txt` and its like are listed and read; sending over one and deleting one, "
    "if the client can, ends well and changes nothing.",
}


def cell(client: str, case: Case, note: str = "") -> pytest.MarkDecorator:
    """Return the mark of a test that proves, perhaps with others, that a client can do something.

    A note is a sentence that says on what terms.
    """
    return pytest.mark.cell(client, case, note)


def cannot(client: str, case: Case, why: str) -> pytest.MarkDecorator:
    """Return the mark, for `pytestmark`, that a client itself cannot do something; why is a sentence."""
    return pytest.mark.cannot(client, case, why)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell: a word, and for a footnote a sentence."""

    word: str
    note: str = ""


WORKS = Cell("yes")
FAILS = Cell("**no**")
NO_MEANS = "-"
Cells = Mapping[tuple[str, Case], Cell]

_INTRODUCTION = """\
# Clients

What photographers' SFTP clients do with jobfs. Nobody writes the tables below: each run of the
tests in `tests/served/matrix` writes the one of the system that it runs on. A cell says "yes" after
the real program, or the requests that it is known to send (rows marked "replayed"), did it with a
real sshd, mount and ingest, and "no" if that failed; a dash says that the client has no such thing,
and its note why.

"""


def holes(cells: Cells) -> set[tuple[str, Case]]:
    """Return the cells of which nothing is said."""
    return {(client, case) for client, _ in cells for case in Case} - set(cells)


def section(release: str, cells: Cells) -> str:
    """Return the table of one system, with its notes."""
    notes: list[str] = []
    lines = [f"## {release}", "", _row("client", *Case), _row(*["---"] * (len(Case) + 1))]
    for client in sorted({client for client, _ in cells}, key=str.casefold):
        words = [_word(cells[client, case], notes) for case in Case]
        lines.append(_row(client, *words))
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))]
    return "\n".join(lines).rstrip() + "\n"


def page(known: str, release: str, new_section: str) -> str:
    """Return the page that was *known* with a new section in place of the system's earlier one."""
    _, *old = known.split("\n## ")
    sections = {text.partition("\n")[0]: f"## {text.strip()}\n" for text in old}
    sections[release] = new_section
    return "\n".join([_introduction(), *(sections[name] for name in sorted(sections))])


def _introduction() -> str:
    return _INTRODUCTION + "".join(f"- **{case}**: {case.sentence}\n" for case in Case)


def _word(cell: Cell, notes: list[str]) -> str:
    """Return the text of a cell; its note joins the others unless one of them says the same."""
    if not cell.note:
        return cell.word
    if cell.note not in notes:
        notes.append(cell.note)
    return f"{cell.word} [{notes.index(cell.note) + 1}]"


def _row(*words: str) -> str:
    return f"| {' | '.join(words)} |"
