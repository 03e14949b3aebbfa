"""A real mount on each database, shared by all tests; each test has a job of its own in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import PostgreSQL
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Line, Studio


@contextmanager
def _running(studio: Studio) -> Iterator[Studio]:
    try:
        studio.start()
        yield studio
        studio.stop()
    finally:
        studio.remove()


@pytest.fixture(scope="session")
def studio_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio whose mount runs."""
    with _running(Studio(tmp_path_factory.mktemp("studio"))) as studio:
        yield studio


@pytest.fixture(scope="session")
def studio_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL
) -> Iterator[Studio]:
    """Another one."""
    with _running(Studio(tmp_path_factory.mktemp("studio"), server=postgresql)) as studio:
        yield studio


@pytest.fixture
def studio(request: pytest.FixtureRequest) -> Studio:
    """One of the two: a module that needs both says `pytestmark = on_both_databases`."""
    kind = getattr(request, "param", "sqlite")
    studio: Studio = request.getfixturevalue(f"studio_on_{kind}")
    return studio


@pytest.fixture
def anna(studio: Studio) -> Account:
    """A photographer."""
    return studio.account("anna")


@pytest.fixture
def job(studio: Studio, anna: Account, announced: list[str]) -> Iterator[Job]:
    """A planned job of Anna's. While it is there, the mount must log no error unannounced."""
    assert studio.mount is not None
    log, start = studio.mount.log, len(studio.mount.log)
    yield studio.add_job(anna)
    _police(log.since(start), announced)
    if studio.mount.log is not log:  # it was started again
        _police(studio.mount.log.since(), announced)


@pytest.fixture
def own_studio(tmp_path: Path, announced: list[str]) -> Iterator[Studio]:
    """A studio for one test, which starts its mount itself, and need not end it."""
    studio = Studio(tmp_path)
    try:
        yield studio
        if studio.mount is not None:
            studio.stop()
            _police(studio.mount.log.since(), announced)
    finally:
        studio.remove()


@pytest.fixture
def announced() -> list[str]:
    """Words of errors that a test makes on purpose; it appends to this list."""
    return []


@pytest.fixture
def actors() -> Iterator[Callable[[int], Actor]]:
    """Start other processes, by uid; they end with the test."""
    with ExitStack() as stack:

        def start(uid: int) -> Actor:
            return stack.enter_context(Actor(uid))

        yield start


@pytest.fixture
def photographer(anna: Account, actors: Callable[[int], Actor]) -> Actor:
    """A connection of Anna's."""
    return actors(anna.uid)


def _police(lines: list[Line], announced: list[str]) -> None:
    bad = [
        line
        for line in lines
        if (line["level"] in {"error", "critical"} or "exception" in line)
        and not any(words in line["event"] for words in announced)
    ]
    assert not bad, f"the mount logged: {bad}"
