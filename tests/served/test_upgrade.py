"""A new version of jobfs that finds the database of an older one."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobfs.catalog import migrate
from tests.served.studio import PATIENCE, Studio
from tests.stored import newer


@pytest.fixture
def idle() -> Iterator[Studio]:
    """A studio with accounts, that does not run."""
    studio = Studio()
    studio.fill()
    yield studio
    studio.remove()


def test_up_keeps_the_old_database_migrates_it_and_serves(idle: Studio, tmp_path: Path) -> None:
    newer.make(tmp_path)

    with (tmp_path / "log").open("w") as log:
        up = subprocess.Popen(newer.command(idle.config_file, "up"), cwd=tmp_path, stderr=log)
    waited = newer.run(tmp_path, idle.config_file, "wait", "--timeout", str(PATIENCE))
    with idle.connected("anna") as sftp:
        listed = sftp.listdir("/")
    os.kill(up.pid, signal.SIGTERM)

    assert up.wait(PATIENCE) == 0
    assert waited.returncode == 0, waited.stderr
    assert "PlainviewHSFall2026" in listed
    (kept,) = (idle.data / "backups").iterdir()
    assert f"at revision {migrate.head()}: copied to {kept}" in (tmp_path / "log").read_text()
    refused = idle.run("up")
    assert refused.returncode == 1
    assert "was used by a newer version; install that version again" in refused.stderr
    idle.assert_nothing_is_left()
