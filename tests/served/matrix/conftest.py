"""The matrix of clients writes its own page."""

import pytest

from tests.served.matrix.recorder import Recorder


def pytest_configure(config: pytest.Config) -> None:
    """Watch the session, from the moment when this folder is collected."""
    config.pluginmanager.register(Recorder())
