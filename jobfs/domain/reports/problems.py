"""`_PROBLEMS.csv`: what went wrong with which file, and what to do, for a spreadsheet.

RFC 4180, every cell in quotes; UTF-8 with a byte order mark, without which Excel reads umlauts as something
else. A cell that a spreadsheet would take for a formula gets an apostrophe before it, since names
come from whoever has sent them.
"""

import csv
import io
from collections.abc import Iterable
from typing import NamedTuple

from jobfs.domain.reports.words import printable

_TITLES = ("File or folder", "Bytes received", "Problem", "What to do")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Line(NamedTuple):
    """A problem: *path* below the job, *size* in bytes, None for a folder."""

    path: str
    size: int | None
    problem: str
    advice: str


def render(problems: Iterable[Line]) -> bytes:
    """Return the list; without problems just its titles."""
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(_TITLES)
    for line in problems:
        size = "" if line.size is None else str(line.size)
        writer.writerow([harmless(line.path), size, harmless(line.problem), harmless(line.advice)])
    return table.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """Return a cell's text so that it stays on one line, and no spreadsheet computes it."""
    shown = printable(cell)
    return f"'{shown}" if cell.startswith(_FORMULAS) or shown.startswith(_FORMULAS) else shown
