"""One whole studio for all tests of this folder that need one; each test has jobs of its own in it."""

from collections.abc import Iterator

import pytest

from tests.served.studio import Studio, running_studio


@pytest.fixture(scope="session")
def whole_studio() -> Iterator[Studio]:
    """A studio on SQLite."""
    with running_studio() as studio:
        yield studio


@pytest.fixture
def studio(whole_studio: Studio) -> Iterator[Studio]:
    """The studio at work. While a test has it, no error may be logged that it did not announce."""
    if not whole_studio.is_running:
        whole_studio.start()
    log, start = whole_studio.log, len(whole_studio.log)
    yield whole_studio
    errors = whole_studio.unexpected(start if whole_studio.log is log else 0)
    assert not errors, f"the studio logged: {errors}"
