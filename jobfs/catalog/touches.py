"""What the transactions of one SQLite connection have changed, told row by row by SQLite itself.

Triggers that this connection alone has tell of every row, whatever statement has changed it: so no function
that changes something can forget to tell. See `jobfs/decisions/0024-what-a-mount-changes-it-knows.md`.
"""

import sqlite3

from jobfs.domain.jobs import JobStatus

#: What is touched: an entry by its id, with the version that it shows; a name in a directory.
Touched = int | str

#: Touched when anything may be another than before, as to who may see it: jobs, grants, accounts, and what
#: is still found in jobs that were closed.
EVERYTHING = "everything"


class Touches:
    """What was touched since somebody has asked; also by transactions that were undone."""

    def __init__(self) -> None:
        self._touched: set[Touched] = set()

    def attend(self, connection: sqlite3.Connection) -> None:
        """Be told from now on what a connection changes."""
        connection.create_function("touched", 1, self._touched.add)
        for statement in _TRIGGERS:
            connection.execute(statement).close()

    def take(self) -> set[Touched]:
        """Return what was touched, and begin anew."""
        taken = set(self._touched)
        self._touched.clear()
        return taken


def name(directory_id: int, key: str) -> str:
    """Return what is touched when something comes to a name in a directory, or leaves it.

    *key* is the name's, see `jobfs.domain.names.entry_key`.
    """
    return f"{directory_id}/{key}"


def _trigger(event: str, *touched: str, where: str = "") -> str:
    """Return the statement that makes a trigger; *touched* are SQL. A NULL is nobody's id."""
    telling = ", ".join(f"touched({one})" for one in touched)
    made = "_".join(event.replace(",", "").split()).lower()
    return (
        f"CREATE TEMP TRIGGER touched_by_{made} AFTER {event} BEGIN SELECT {telling} {where}; END"
    )


_NEW_NAME, _OLD_NAME = (f"{row}.parent_id || '/' || {row}.name_key" for row in ("new", "old"))
#: What is found in a job that was closed depends on other entries, too.
_STATUS = "(SELECT status FROM job WHERE id = new.job_id)"
_STATUS_ABOVE = (
    "(SELECT status FROM job WHERE id = (SELECT job_id FROM entry WHERE id = new.entry_id))"
)
#: And an upload that was judged late stands under a name of its own, see `jobfs.catalog.latecomers`.
_SHOWN = f"iif(new.late OR {_STATUS_ABOVE} != '{JobStatus.PLANNED}', '{EVERYTHING}', new.entry_id)"
_CHANGED = f"iif({_STATUS} = '{JobStatus.PLANNED}', new.id, '{EVERYTHING}')"

_TRIGGERS = [
    _trigger("INSERT ON entry", "new.id", "new.parent_id", _NEW_NAME),
    _trigger("UPDATE ON entry", _CHANGED),
    _trigger(
        "UPDATE OF job_id, parent_id, name_key, removed_at ON entry",
        "old.parent_id", "new.parent_id", _OLD_NAME, _NEW_NAME,
    ),
    _trigger("INSERT ON upload", _SHOWN),
    _trigger("UPDATE ON upload", "old.entry_id", _SHOWN),
    _trigger("UPDATE OF size ON blob", "entry_id", where="FROM upload WHERE blob_id = new.id"),
    *(
        _trigger(event, f"'{EVERYTHING}'")
        for event in (
            "DELETE ON entry", "DELETE ON upload",
            "INSERT ON job", "UPDATE ON job", "DELETE ON job",
            "INSERT ON job_grant", "UPDATE ON job_grant", "DELETE ON job_grant",
            "INSERT ON account", "UPDATE OF name, all_jobs, removed_at ON account", "DELETE ON account",
        )
    ),
]  # fmt: skip
