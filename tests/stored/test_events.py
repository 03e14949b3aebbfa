"""`jobfs events`: the record as people read it, and for how long it is kept."""

import json
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from jobfs.blobs.store import BlobStore
from jobfs.catalog import feed
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import EventRow
from tests.stored import studio
from tests.stored.commands import Run, command
from tests.stored.studio import NOON
from tests.stored.wedding import RED, Wedding


@pytest.fixture
def wedding(catalog: Catalog, store: BlobStore) -> Wedding:
    wedding = Wedding.add(catalog, store)
    wedding.send("Wedding/a.jpg", RED)
    return wedding


@pytest.fixture
def jobfs(wedding: Wedding, config_file: Path) -> Run:
    """The command `jobfs events`."""
    assert wedding
    return partial(command(config_file), "events")


def test_an_event_is_a_line_with_names(jobfs: Run) -> None:
    lines = jobfs().stdout.splitlines()

    (created,) = [line for line in lines if "entry.created" in line]
    assert "anna  Wedding  entry " in created
    assert "name=a.jpg" in created


def test_json_is_an_object_a_line(wedding: Wedding, jobfs: Run) -> None:
    events = [json.loads(line) for line in jobfs("--json").stdout.splitlines()]

    assert [event["kind"] for event in events] == [
        "account.added", "job.added", "grant.added", "entry.created", "upload.started",
        "upload.judged",
    ]  # fmt: skip
    assert events[-1]["job"] == "Wedding"
    assert events[-1]["data"] == {"state": "received"}
    assert events[-1]["account_id"] in {None, wedding.anna}


def test_one_job_is_shown_alone(wedding: Wedding, jobfs: Run) -> None:
    wedding.do(studio.job, "Other")

    assert "Wedding" not in jobfs("--job", "Other").stdout
    assert len(jobfs("--job", "Other").stdout.splitlines()) == 1
    assert "there is no job" in jobfs("--job", "None", status=1).stderr


def test_what_happened_before_is_left_out(wedding: Wedding, jobfs: Run) -> None:
    old = update(EventRow).where(EventRow.kind == "job.added").values(at=NOON)
    wedding.do(Connection.execute, old)

    assert "job.added" not in jobfs("--since", "1h").stdout
    assert "entry.created" in jobfs("--since", "1h").stdout
    assert "job.added" in jobfs("--since", "2026-06-01T12:00").stdout
    assert "neither a time" in jobfs("--since", "yesterday", status=2).stderr


def test_who_follows_sees_what_happens(wedding: Wedding, config_file: Path) -> None:
    command = [sys.executable, "-m", "jobfs", "--config", str(config_file), "events", "--json"]
    with subprocess.Popen(
        [*command, "--follow", "--since", "1d"], stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["kind"] == "account.added"
        wedding.unlink("Wedding/a.jpg")
        kinds = (json.loads(line)["kind"] for line in following.stdout)
        assert "entry.removed" in kinds
        following.terminate()


def test_old_events_go_but_not_the_newest(wedding: Wedding) -> None:
    wedding.do(Connection.execute, update(EventRow).values(at=NOON))
    end = wedding.do(feed.end)
    number = len(wedding.do(feed.after, feed.START))

    assert wedding.do(feed.forget, before=NOON) == 0
    assert wedding.do(feed.forget, before=NOON + timedelta(days=1), limit=2) == 2
    assert wedding.do(feed.forget, before=NOON + timedelta(days=1)) == number - 3
    assert wedding.do(feed.forget, before=NOON + timedelta(days=1)) == 0

    assert wedding.do(feed.end) == end
