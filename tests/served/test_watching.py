"""`jobfs status` and `jobfs doctor` while a whole studio is at work."""

import json
import os
import signal

from tests.served.studio import Studio, until


def test_doctor_finds_a_studio_at_work_fit_and_lets_the_mount_prove_itself(studio: Studio) -> None:
    facts = json.loads(studio.jobfs("doctor", "--json"))

    assert facts["fit"]
    texts = {one["check"]: one["text"] for one in facts["checks"]}
    assert texts["mountpoint"] == f"{studio.mountpoint} is served"
    assert texts["processes"] == "the mount sees how processes end"
    assert texts["addresses"] == f"this studio listens on 127.0.0.1:{studio.port}"
    assert texts["open files"].startswith(f"the mount (process {studio.role('mount')}) may have ")


def test_a_mount_that_does_not_answer_is_unfit(studio: Studio) -> None:
    mount = studio.role("mount")
    os.kill(mount, signal.SIGSTOP)
    try:
        done = studio.run("doctor")
    finally:
        os.kill(mount, signal.SIGCONT)

    assert done.returncode == 1
    assert done.stderr == "Error: this machine is not fit for jobfs: mountpoint\n"


def test_status_shows_roles_connections_and_what_arrives(studio: Studio) -> None:
    job = studio.new_job()
    with studio.connected("anna") as sftp, sftp.open(f"/{job}/half.jpg", "wb") as file:
        file.write(b"\xff\xd8\xff")
        file.flush()
        until(lambda: json.loads(studio.jobfs("status", "--json"))["arriving"] == 1)

        facts = json.loads(studio.jobfs("status", "--json"))
        screen = studio.jobfs("status")

    assert facts["missing"] == []
    assert facts["mounted"]
    assert [role["state"] for role in facts["roles"]] == ["ready"] * 3
    assert [one["account"] for one in facts["connections"]] == ["anna"]
    assert "1: anna 1" in screen
    assert "1 file\n" in screen
