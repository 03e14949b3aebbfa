"""What pure tests share: the folder of real files, where the machine has it."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real camera files and hostile ones that JOBFS_CORPUS names."""
    folder = os.environ.get("JOBFS_CORPUS")  # noqa: TID251 - a setting of the tests, not of jobfs
    if not folder:
        pytest.skip("JOBFS_CORPUS does not name a folder of real files")
    return Path(folder)
