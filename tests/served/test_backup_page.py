"""The commands of docs/backup.md, as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PostgreSQL
from tests.served.studio import PATIENCE, Studio

PAGE = Path(__file__).parents[2] / "docs/backup.md"
POSTGRESQL = "postgresql://jobfs@db.example.org/jobfs?passfile=/etc/jobfs/pgpass"


@pytest.fixture
def studios() -> Iterator[list[Studio]]:
    """A studio with accounts, and places for two more."""
    studios = [Studio(), Studio(), Studio()]
    studios[0].fill()
    yield studios
    for studio in studios:
        studio.remove()


def commands() -> list[str]:
    """Return the commands of the page."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_do_what_the_page_says(
    studios: list[Studio], postgresql: PostgreSQL, tmp_path: Path
) -> None:
    first, rehearsal, second = studios
    address = postgresql.new_database().replace("+psycopg", "")
    places = {
        "/mnt/backup/jobfs": str(tmp_path / "backup"),
        "/etc/jobfs/rehearsal.toml": str(rehearsal.config_file),
        "/var/lib/jobfs/jobfs.sqlite3": str(rehearsal.data / "jobfs.sqlite3"),
        POSTGRESQL: f"{address}&passfile={tmp_path}/pgpass",
    }

    at = first
    for command in commands():
        line = command
        for place, here in places.items():
            line = line.replace(place, here)
        if line.startswith("jobfs restore"):
            at = second  # from here on the page is about another machine
        if line == "jobfs up":
            at.start()
            with at.connected("anna", key=first.home / "anna") as sftp:
                assert "PlainviewHSFall2026" in sftp.listdir("/")
            assert at.stop() == 0
        else:
            run(at, line)

    assert postgresql.psql(address.partition("@/")[2].partition("?")[0], "SELECT name FROM job")


def run(studio: Studio, line: str) -> None:
    """Run a line in a shell, as the operator of a studio."""
    environment = {
        "JOBFS_CONFIG": str(studio.config_file),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
    }
    done = subprocess.run(
        ["bash", "-euc", line], env=environment, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (line, done.stderr)
