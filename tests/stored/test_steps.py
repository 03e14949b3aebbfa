"""What a look costs SQLite does not grow with what else there is: steps of its machine are counted."""

from collections.abc import Callable
from typing import Any

import pytest

from jobfs.catalog import feed, latecomers
from jobfs.catalog.engine import Catalog, Connection
from jobfs.tree import changes, views
from jobfs.tree.refusals import NoSuchEntryError
from tests.stored import studio
from tests.stored.studio import NOW

_MANY = 200
#: Steps more that do not grow: in a tree of more levels, say.
_SLACK = 5


def _steps(connection: Connection, look: Callable[[Connection], object]) -> int:
    """Return how many steps a look takes."""
    driver: Any = connection.connection.driver_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver.set_progress_handler(step, 1)
    look(connection)
    driver.set_progress_handler(None, 0)
    return steps


def _looks(account: int, job: int) -> dict[str, Callable[[Connection], object]]:
    def miss(connection: Connection) -> None:
        with pytest.raises(NoSuchEntryError):
            views.child(connection, job, b"none.jpg")

    def hit(connection: Connection) -> None:
        views.child(connection, job, b"0.jpg")

    def directory(connection: Connection) -> None:
        views.node(connection, job)

    def late(connection: Connection) -> None:
        latecomers.of_account(connection, account)

    return {"name": hit, "no name": miss, "directory": directory, "late": late, "feed": feed.end}


def test_names_directories_and_the_feeds_end_cost_the_same_however_many_files_there_are(
    sqlite: Catalog,
) -> None:
    with sqlite.writing() as connection:
        account = studio.account(connection)
        studio.job(connection, "Job", account)
        role, job = studio.mount(connection), studio.look(connection, account, "Job").inode
        looks = _looks(account, job)

        def add(number: int) -> None:
            key = f"{number:032x}"
            name = f"{number}.jpg".encode()
            changes.create(connection, job, name, role_id=role, blob_key=key, now=NOW)

        add(0)
        before = {name: _steps(connection, look) for name, look in looks.items()}
        for number in range(1, _MANY):
            add(number)

        after = {name: _steps(connection, look) for name, look in looks.items()}
        assert {name: after[name] - before[name] <= _SLACK for name in looks} == dict.fromkeys(
            looks, True
        )
