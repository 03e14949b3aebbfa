"""`jobfs health`: what a container engine and a monitor ask."""

import json
import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from jobfs.domain.accounts import HEALTH_ACCOUNT as ACCOUNT
from jobfs.ingest.confinement import Layer
from tests.served.studio import Studio, until


@pytest.fixture
def new_studio() -> Iterator[Studio]:
    """A studio of which there is nothing but the settings."""
    studio = Studio()
    yield studio
    studio.remove()


def test_a_studio_at_work_is_healthy(studio: Studio) -> None:
    assert studio.jobfs("health") == "healthy: mount, login, worker\n"


def test_a_program_is_told_what_decoders_are_confined_by(studio: Studio) -> None:
    said = json.loads(studio.jobfs("health", "worker", "--json"))

    assert (said["healthy"], said["paused"]) == (["worker"], False)
    assert set(said["confinement"]) <= set(Layer)  # which of them, is the kernel's matter


def test_the_account_that_looks_has_nothing_but_a_key_that_root_alone_can_read(
    studio: Studio,
) -> None:
    studio.jobfs("health")

    studio.jobfs("health")

    (account,) = [one for one in studio.listing("account", "list") if one["name"] == ACCOUNT]
    assert (account["password"], account["all_jobs"], account["keys"]) == (False, False, 1)
    key = studio.data / "login/health/id_ed25519"
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (0, 0o600)
    with studio.connected(ACCOUNT, key=key) as sftp:
        assert [name for name in sftp.listdir("/") if not name.startswith("_")] == []


def test_a_key_that_was_lost_is_replaced(studio: Studio) -> None:
    studio.jobfs("health")
    shutil.rmtree(studio.data / "login/health")

    assert studio.jobfs("health") == "healthy: mount, login, worker\n"


def test_looking_is_not_logged(studio: Studio) -> None:
    studio.jobfs("health")
    start = len(studio.log)

    studio.jobfs("health")

    with studio.connected("anna"):
        until(lambda: any(" for anna " in line["event"] for line in studio.log.since(start)))
    assert [line for line in studio.log.since(start) if ACCOUNT in line["event"]] == []


def test_a_mount_that_does_not_answer_is_no_health(studio: Studio) -> None:
    studio.jobfs("health")
    mount = studio.role("mount")
    os.kill(mount, signal.SIGSTOP)
    try:
        done = studio.run("health", "--timeout", "0.5")
    finally:
        os.kill(mount, signal.SIGCONT)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: a listing over SFTP takes longer than 0.5 s\n"


def test_an_account_that_somebody_disabled_is_named(studio: Studio) -> None:
    studio.jobfs("health")
    studio.jobfs("account", "disable", ACCOUNT)
    try:
        done = studio.run("health")
    finally:
        studio.jobfs("account", "enable", ACCOUNT)

    assert done.returncode == 1
    assert f"`jobfs account enable {ACCOUNT}`" in done.stderr


def test_roles_that_do_not_run_are_missed(new_studio: Studio) -> None:
    new_studio.jobfs("init")

    everything, worker = new_studio.run("health"), new_studio.run("health", "worker")

    assert (everything.returncode, worker.returncode) == (1, 1)
    assert "no mount is at work on this machine" in everything.stderr
    assert "no worker is at work on this machine" in worker.stderr


def test_a_studio_whose_workers_are_elsewhere_is_whole_without(new_studio: Studio) -> None:
    with new_studio.config_file.open("a", encoding="utf-8") as settings:
        settings.write("[ingest]\nworkers = 0\n")
    new_studio.jobfs("init")
    new_studio.start()

    assert new_studio.jobfs("health") == "healthy: mount, login\n"
    assert new_studio.run("health", "worker").returncode == 1
    assert new_studio.stop() == 0


def test_up_makes_a_new_studio_if_told_to(new_studio: Studio) -> None:
    new_studio.begin("--init")
    until(lambda: new_studio.run("health").returncode == 0)

    assert new_studio.stop() == 0
    new_studio.assert_nothing_is_left()
