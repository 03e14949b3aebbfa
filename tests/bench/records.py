"""What was measured, as lines of JSON: what `tests/bench/run --json` prints and `--record` keeps.

A line has the fields of what was measured (`Result`, `Standings`, `Growth` or `Unmeasured`), and beside them
`took`, the seconds that it needed with all preparations, and `run`, which says when and on what.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.comparing import Result
from tests.bench.contesting import Standings
from tests.bench.growing import Growth

#: Where records are kept: a file for each day, and pictures beside it.
FOLDER = Path(__file__).parent / "results"


class Unmeasured(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure, a contest or a curve that could not be measured: a peer is *missing*, or it has *failed*."""

    figure: str
    missing: str = ""
    failed: str = ""


#: What comes out of measuring something.
Found = Result | Standings | Growth | Unmeasured


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """When and on what something was measured.

    at        UTC
    commit    of the checkout, abbreviated; with a + if something was changed
    machine   a description for readers
    load      of the last minute, when it began: what others did on the machine
    quick     sizes are smaller than the figure says
    corpus    files are real ones
    """

    at: datetime
    commit: str
    machine: str
    load: float
    quick: bool
    corpus: bool


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was measured, and how."""

    found: Found
    took: float
    run: Run

    @property
    def name(self) -> str:
        """The figure's, the contest's or the curve's."""
        match self.found:
            case Standings(contest=name) | Growth(curve=name):
                return name
            case Result(figure=name) | Unmeasured(figure=name):
                return name

    @property
    def turns(self) -> int:
        """How many counted."""
        match self.found:
            case Result(ours=counted):
                return len(counted)
            case Standings(sides=[first, *_]):
                return len(first.amounts)
            case Growth(lines=[first, *_]):
                return len(first.costs[0])
            case _:
                return 0


def line(record: Record) -> str:
    """Return a record as a line of JSON, without its end."""
    beside = {"took": round(record.took, 1), "run": record.run}
    return msgspec.json.encode({**msgspec.to_builtins(record.found), **beside}).decode()


def parse(text: str) -> Record:
    """Return the record that a line holds; raises msgspec.MsgspecError."""
    fields = msgspec.json.decode(text)
    found = msgspec.convert(fields, _kind(fields))
    return Record(found=found, took=fields["took"], run=msgspec.convert(fields["run"], Run))


def _kind(fields: dict[str, Any]) -> type[Found]:
    if "curve" in fields:
        return Growth
    if "contest" in fields:
        return Standings
    return Unmeasured if fields.keys() & {"missing", "failed"} else Result


def read(file: Path) -> list[Record]:
    """Return the records of a file, in the order in which they were made."""
    return [parse(text) for text in file.read_text(encoding="utf-8").splitlines()]


def kept() -> Iterator[Record]:
    """Yield all that was ever recorded in this checkout, the oldest first."""
    for file in sorted(FOLDER.glob("*.jsonl")):
        yield from read(file)


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """Return the last record of each name, in the order of these.

    One without a measurement is returned only where there is no other.
    """
    found: dict[str, Record] = {}
    for record in records:
        if not isinstance(record.found, Unmeasured) or not _is_measured(found.get(record.name)):
            found.pop(record.name, None)
            found[record.name] = record
    return found


def measurements(records: Iterable[Record], *, quick: bool) -> dict[str, Record]:
    """Return the last record of each name that has a measurement, of quick runs or of full sizes."""
    return latest(one for one in records if one.run.quick == quick and _is_measured(one))


def _is_measured(record: Record | None) -> bool:
    return record is not None and not isinstance(record.found, Unmeasured)
