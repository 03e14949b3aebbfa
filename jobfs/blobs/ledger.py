"""The file `erasures.jsonl` beside the bytes: what was erased, for the restore of a backup made before.

The database has the same record. But a restored backup's database is an earlier one, so the record of
today must lie where it can be kept apart from both.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobfs.blobs.refusals import BadLedgerError
from jobfs.syncing import sync

NAME = "erasures.jsonl"

#: Kind, name and time of an erasure, as texts.
Line = tuple[str, str, str]


class Ledger:
    """The record of erasures in a studio's data folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME

    def write(self, lines: Callable[[], Iterable[Line]]) -> None:
        """Write what *lines* gives, durably and in one step; two who do so take turns."""
        draft = self.file.with_name(f".{NAME}.new")
        with self._alone():
            text = "".join(_written(line) for line in lines())
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.file)
            sync(self.file.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = os.open(self.file.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def read(file: Path) -> list[Line]:
    """Return the lines of such a file; none if there is none. Raises BadLedgerError."""
    try:
        text = file.read_text(encoding="utf-8")
        return [_read(line) for line in text.splitlines()]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise BadLedgerError(f"{file} is no list of erasures, or it is damaged") from error
    except OSError as error:
        raise BadLedgerError(f"{file} cannot be read: {error.strerror}") from error


def _written(line: Line) -> str:
    kind, name, at = line
    return json.dumps({"kind": kind, "name": name, "at": at}) + "\n"


def _read(line: str) -> Line:
    fields = json.loads(line)
    return str(fields["kind"]), str(fields["name"]), str(fields["at"])
