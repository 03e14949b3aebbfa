"""`jobfs trash`, by the commands a person types."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from jobfs.catalog import erasures, tasks
from jobfs.catalog.schema import EntryRow
from tests.stored.commands import Run
from tests.stored.sending import claimed
from tests.stored.wedding import RED, Wedding


def listed(jobfs: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(jobfs("trash", "list", "Wedding", "--json").stdout)
    return found


def test_the_command_lists_and_restores(wedding: Wedding, jobfs: Run) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")

    (item,) = listed(jobfs)
    said = jobfs("trash", "restore", item["id"]).stdout

    assert item == {
        "id": f"e{upload.entry_id}", "kind": "deleted", "path": "a.jpg", "size": len(RED),
        "state": "received", "removed_at": "2026-06-01T12:00:00.000Z", "removed_by": "anna",
        "kept": False, "expires_at": "2026-07-01T12:00:00.000Z",
    }  # fmt: skip
    assert said == "restored Wedding/a.jpg\n"
    assert listed(jobfs) == []
    assert wedding.names() == ["a.jpg"]


def test_several_are_restored_all_or_none(wedding: Wedding, jobfs: Run) -> None:
    for name in ("a", "b"):
        wedding.send(f"Wedding/{name}.jpg", RED)
        wedding.unlink(f"Wedding/{name}.jpg")
    ids = [item["id"] for item in listed(jobfs)]

    refused = jobfs("trash", "restore", *ids, "e999999", status=1)

    assert refused.stderr.startswith("Error: there is no 'e999999' in the trash")
    assert wedding.names() == []
    jobfs("trash", "restore", *ids)
    assert wedding.names() == ["a.jpg", "b.jpg"]


def test_purging_asks_first(wedding: Wedding, jobfs: Run) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.unlink("Wedding/a.jpg")

    asked = jobfs("trash", "purge", stdin="n\n", status=1)

    assert f"Delete 1 files and versions, {len(RED)} bytes, for good?" in asked.output
    assert len(listed(jobfs)) == 1


def test_purging_deletes_what_is_old_enough(wedding: Wedding, jobfs: Run) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.unlink("Wedding/a.jpg")
    deleted = update(EntryRow).where(EntryRow.removed_at.is_not(None))
    wedding.do(Connection.execute, deleted.values(removed_at=datetime.now(UTC) - timedelta(days=3)))

    jobfs("trash", "purge", "Wedding", "--older-than", "4", "--yes")
    assert len(listed(jobfs)) == 1
    said = jobfs("trash", "purge", "Wedding", "--older-than", "2", "--yes")

    assert said.stdout == "files and versions deleted for good: 1\n"
    assert listed(jobfs) == []
    assert wedding.files() == set()


#: Strikes the rows of what is in the trash, and dies before it deletes a byte.
_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from jobfs.catalog import purging
from jobfs.catalog.engine import Catalog

now = datetime.now(UTC)
with Catalog(sys.argv[1]).writing() as connection:
    purging.purge(connection, removed_before=now, now=now)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("command", ["trash purge --yes", "fsck --repair"])
def test_what_a_killed_purge_has_left_goes_with_the_next_command(
    wedding: Wedding, jobfs: Run, database_url: str, command: str
) -> None:
    wedding.ingest(wedding.send("Wedding/a.jpg", RED))
    wedding.unlink("Wedding/a.jpg")
    killed = subprocess.run([sys.executable, "-c", _KILLED, database_url], check=False)
    assert (killed.returncode, listed(jobfs)) == (-signal.SIGKILL, [])
    assert len(wedding.files()) == 2

    jobfs(*command.split())

    assert wedding.files() == set()
    assert wedding.do(erasures.bytes_left) == []


def test_bytes_that_cannot_be_deleted_are_told_and_deleted_later(
    wedding: Wedding, jobfs: Run
) -> None:
    upload = wedding.send("Wedding/a.jpg", RED)
    wedding.unlink("Wedding/a.jpg")
    wedding.do(tasks.finish, claimed(wedding.catalog, upload.id))
    original = wedding.store.original(upload.blob_key)
    original.unlink()
    original.mkdir()  # not even root unlinks a directory

    told = jobfs("trash", "purge", "--yes", status=1)
    original.rmdir()
    original.write_bytes(RED)
    jobfs("trash", "purge", "--yes")

    assert f"{original} cannot be deleted" in told.stderr
    assert wedding.files() == set()


def test_the_trash_of_a_job_that_is_not_there_is_refused(jobfs: Run) -> None:
    jobfs("trash", "list", "Weding", status=1)
    jobfs("trash", "purge", "Weding", "--yes", status=1)
