"""`jobfs status`: the whole studio on one screen, on both databases."""

import json
import os
import pty
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from jobfs import processes
from jobfs.catalog import roles, tasks
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import TaskRow, UploadRow
from jobfs.domain.tasks import Priority
from jobfs.domain.uploads import UploadState
from tests.conftest import PostgreSQL
from tests.stored.commands import Run, json_of
from tests.stored.filled import NOON, Job

MINUTE = timedelta(minutes=1)


def received(
    connection: Connection, path: str, age: timedelta, *, priority: Priority | None = None
) -> int:
    """Return an upload that was received so long ago; with a task, if it has a priority."""
    at = datetime.now(UTC) - age
    upload = Job.add(connection, f"Job {path[:1]}").upload(path, UploadState.RECEIVED)
    connection.execute(
        update(UploadRow).where(UploadRow.id == upload).values(started_at=at, judged_at=at)
    )
    if priority is not None:
        tasks.enqueue(connection, upload, now=at, priority=priority)
        connection.execute(update(TaskRow).where(TaskRow.upload_id == upload).values(not_before=at))
    return upload


def seen(jobfs: Run, *, status: int = 0) -> Any:
    return json_of(jobfs("status", "--json", status=status))


# --- what it tells ---


def test_an_idle_studio_fits_on_a_screen_and_says_what_is_missing(jobfs: Run) -> None:
    screen = jobfs("status").stdout.splitlines()

    assert screen[0].startswith("Plainview <Portraits>  jobfs ")
    assert [line.split()[0] for line in screen[1:]] == [
        "mount", "login", "worker", "connections", "arriving", "queue", "space", "problems",
    ]  # fmt: skip
    assert [line.split(maxsplit=1)[1] for line in screen[1:4]] == ["none at work"] * 3


def test_json_tells_the_same_as_facts(jobfs: Run) -> None:
    facts = seen(jobfs)

    assert facts["missing"] == ["mount", "login", "worker"]
    assert (facts["mounted"], facts["roles"], facts["connections"]) == (False, [], [])
    assert (facts["problems"], facts["last_problems"], facts["stuck"]) == (0, [], [])
    assert facts["space"]["total"] >= facts["space"]["free"] > 0
    assert facts["at"].endswith("Z")


def test_a_role_at_work_is_shown_with_its_process(jobfs: Run, catalog: Catalog) -> None:
    this = processes.process(os.getpid())
    assert this is not None
    with catalog.writing() as connection:
        role = roles.start(connection, "mount", this, now=datetime.now(UTC))
        roles.ready(connection, role, now=datetime.now(UTC))

    (mount,) = seen(jobfs)["roles"]
    screen = jobfs("status").stdout

    assert (mount["kind"], mount["pid"], mount["state"]) == ("mount", os.getpid(), "ready")
    assert f"ready (process {os.getpid()} on " in screen
    assert "is not mounted here" in screen


def test_a_role_that_shows_no_sign_of_life_is_silent(jobfs: Run, catalog: Catalog) -> None:
    this = processes.process(os.getpid())
    assert this is not None
    with catalog.writing() as connection:
        role = roles.start(connection, "worker", this, now=NOON)
        roles.ready(connection, role, now=datetime.now(UTC) - 5 * MINUTE)

    assert seen(jobfs)["roles"][0]["state"] == "silent"


def test_the_queue_and_the_newest_problems_are_counted_and_shown(
    jobfs: Run, catalog: Catalog
) -> None:
    with catalog.writing() as connection:
        received(connection, "a.jpg", MINUTE, priority=Priority.UPLOAD)
        job = Job.add(connection, "Wedding")
        for number in range(7):
            at = NOON + number * MINUTE
            upload = job.upload(f"{number}.jpg", UploadState.DAMAGED, reason="it is torn")
            shown = update(UploadRow).where(UploadRow.id == upload)
            connection.execute(shown.values(judged_at=at))

    facts, screen = seen(jobfs), jobfs("status").stdout

    assert facts["queue"]["upload"]["waiting"] == 1
    assert "upload: 1 waiting, 0 working, 0 failed, the oldest for 6" in screen
    assert facts["problems"] == 7
    assert [one["path"] for one in facts["last_problems"]] == [
        f"{number}.jpg" for number in (6, 5, 4, 3, 2)
    ]
    assert "2026-06-01 14:06:00 +0200  Wedding/6.jpg: it is torn" in screen


def test_a_name_cannot_speak_to_a_terminal(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        received(connection, "a\x1b[31mred\n.jpg", 20 * MINUTE)
        Job.add(connection, "Wedding").upload("\x1b]0;x\x07.jpg", UploadState.DAMAGED)

    said = jobfs("status", status=1)

    assert "\x1b" not in said.stdout + said.stderr


# --- what is stuck ---


def test_an_upload_that_is_no_photo_after_15_minutes_is_status_1_and_a_sentence(
    jobfs: Run, catalog: Catalog
) -> None:
    with catalog.writing() as connection:
        received(connection, "a/old.jpg", 16 * MINUTE, priority=Priority.UPLOAD)
        received(connection, "b/older.jpg", 90 * MINUTE)  # and nobody will ever ask for it

    said = jobfs("status", status=1)

    assert said.stderr == (
        "Error: Job b/b/older.jpg was received 90 minutes ago and is neither a photo nor a problem,"
        " and so are 1 more: see `jobfs queue list` and `jobfs health worker`\n"
    )
    assert "Job a/a/old.jpg: received 16 minutes ago" in said.stdout
    assert [one["path"] for one in seen(jobfs, status=1)["stuck"]] == [
        "Job b/b/older.jpg", "Job a/a/old.jpg",
    ]  # fmt: skip


def test_an_upload_of_14_minutes_may_still_wait(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        received(connection, "a.jpg", 14 * MINUTE, priority=Priority.UPLOAD)

    jobfs("status")


@pytest.mark.parametrize(
    "state", [state for state in UploadState if state not in {"received", "receiving"}]
)
def test_what_is_ingested_listed_or_not_received_is_not_stuck(
    jobfs: Run, catalog: Catalog, state: UploadState
) -> None:
    with catalog.writing() as connection:
        upload = received(connection, "a.jpg", 16 * MINUTE)
        changed = update(UploadRow).where(UploadRow.id == upload)
        connection.execute(changed.values(state=state.value))

    jobfs("status")


def test_an_imported_file_is_a_received_upload_as_any_other(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        received(connection, "a.jpg", 16 * MINUTE, priority=Priority.IMPORT)

    assert [one["path"] for one in seen(jobfs, status=1)["stuck"]] == ["Job a/a.jpg"]


def test_what_was_just_retried_has_its_time_again(jobfs: Run, catalog: Catalog) -> None:
    with catalog.writing() as connection:
        received(connection, "a.jpg", 300 * MINUTE, priority=Priority.UPLOAD)
        task_id = connection.scalar(select(TaskRow.id))
        assert task_id is not None
        tasks.retry(connection, task_id, now=datetime.now(UTC))

    jobfs("status")


# --- live, and on a terminal ---


def watched(config_file: Path, *options: str, terminal: bool = False) -> tuple[int, str]:
    """Return how `jobfs status --watch` ended and what it had shown, interrupted at its first look."""
    command = [sys.executable, "-m", "jobfs", "--config", str(config_file), "status", *options]
    reading, writing = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL
    ) as process:
        os.close(writing)
        shown = b""
        while b"problems" not in shown:  # the last of what is shown
            shown += os.read(reading, 100_000)
        if "--watch" in options:
            process.send_signal(signal.SIGINT)
        status = process.wait(60)
    os.close(reading)
    return status, shown.decode()


@pytest.mark.parametrize("age", [14, 16])
def test_watching_ends_with_ctrl_c_and_the_status_of_the_last_look(
    jobfs: Run, catalog: Catalog, config_file: Path, age: int
) -> None:
    with catalog.writing() as connection:
        received(connection, "a.jpg", age * MINUTE)

    status, shown = watched(config_file, "--watch", "--json")

    assert status == (age > 15)
    assert [one["path"] for one in json.loads(shown.splitlines()[0])["stuck"]] == (
        ["Job a/a.jpg"] if age > 15 else []
    )
    assert "problems" in jobfs("status", status=status).stdout


def test_a_database_that_goes_away_while_one_watches_is_a_thing_to_see(
    postgresql: PostgreSQL, migrated_template: str, tmp_path: Path
) -> None:
    url = postgresql.new_database(template=migrated_template)
    config_file = tmp_path / "jobfs.toml"
    config_file.write_text(
        f"[jobfs]\ndata = 'd'\nmountpoint = 'm'\ndatabase = '{url.replace('+psycopg', '')}'\n"
    )
    command = [sys.executable, "-m", "jobfs", "--config", str(config_file), "status"]
    with subprocess.Popen(
        [*command, "--watch", "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        postgresql.drop(url)
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        status = process.wait(60)

    assert "error" not in first
    assert "cannot be used" in second["error"]
    assert status == 0


def test_there_is_colour_on_a_terminal_and_none_in_a_pipe(jobfs: Run, config_file: Path) -> None:
    _, on_terminal = watched(config_file, terminal=True)

    assert "\x1b[31m" in on_terminal
    assert "none at work" in on_terminal
    assert "\x1b" not in jobfs("status").stdout


def test_watching_on_a_terminal_shows_the_screen(jobfs: Run, config_file: Path) -> None:
    assert jobfs("status").exit_code == 0

    status, shown = watched(config_file, "--watch", terminal=True)

    assert status == 0
    assert "connections" in shown
