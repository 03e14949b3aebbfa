"""`jobfs connections`: who is logged in, with the real sshd and real clients."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest

from jobfs.domain.uploads import UploadState
from tests.served import folder
from tests.served.clients import environment, options
from tests.served.login_studio import SSH_FXP_INIT
from tests.served.studio import PATIENCE, Studio, until


@contextmanager
def connected(
    studio: Studio, name: str, address: str = "127.0.0.1"
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a connection open during a block; its client is ssh, which comes from *address*."""
    command = ["ssh", *options(studio, name), "-b", address, "-p", str(studio.port), "-s"]
    client = subprocess.Popen(
        [*command, f"{name}@127.0.0.1", "sftp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(studio),
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(SSH_FXP_INIT)
    client.stdin.flush()
    assert client.stdout.read(1), "the server closed the connection"
    try:
        yield client
    finally:
        client.kill()
        with suppress(BrokenPipeError):
            client.communicate()


def accounts(studio: Studio) -> list[str]:
    return [one["account"] for one in studio.listing("connections", "list")]


def test_a_connection_is_listed_with_its_account_its_address_and_its_beginning(
    studio: Studio,
) -> None:
    until(lambda: accounts(studio) == [])
    before = datetime.now(UTC) - timedelta(seconds=2)

    with connected(studio, "anna", "127.0.0.9"), connected(studio, "ben"):
        annas, bens = studio.listing("connections", "list")

    assert (annas["account"], annas["address"]) == ("anna", "127.0.0.9")
    assert (bens["account"], bens["address"]) == ("ben", "127.0.0.1")
    assert before <= datetime.fromisoformat(annas["since"]) <= datetime.now(UTC)
    until(lambda: accounts(studio) == [])


def test_people_get_a_line_for_each_connection(studio: Studio) -> None:
    with connected(studio, "anna"):
        heading, line = studio.jobfs("connections", "list").splitlines()

    assert heading.split() == ["ACCOUNT", "ADDRESS", "SINCE", "PID"]
    assert line.split()[:2] == ["anna", "127.0.0.1"]


def test_ending_the_connections_of_an_account_ends_all_of_them_and_no_other(
    studio: Studio,
) -> None:
    with (
        connected(studio, "anna") as one,
        connected(studio, "anna") as two,
        connected(studio, "ben") as other,
    ):
        said = studio.jobfs("connections", "end", "anna")
        left = accounts(studio)

        one.wait(PATIENCE)
        two.wait(PATIENCE)
        assert other.poll() is None

    assert said == "connections ended: 2\n"
    assert left == ["ben"]


def test_a_single_connection_is_ended_by_its_process(studio: Studio) -> None:
    with connected(studio, "anna", "127.0.0.7") as doomed, connected(studio, "anna") as other:
        (found,) = (
            one for one in studio.listing("connections", "list") if one["address"] == "127.0.0.7"
        )

        studio.jobfs("connections", "end", str(found["pid"]))

        doomed.wait(PATIENCE)
        assert other.poll() is None
        assert accounts(studio) == ["anna"]


def test_the_account_can_log_in_again(studio: Studio) -> None:
    with connected(studio, "anna"):
        studio.jobfs("connections", "end", "anna")

    with connected(studio, "anna"):
        assert accounts(studio) == ["anna"]


def test_what_was_being_sent_is_interrupted_when_the_command_returns(studio: Studio) -> None:
    job = studio.new_job()
    with suppress(OSError, EOFError, paramiko.SSHException), studio.connected("anna") as sftp:
        file = sftp.open(f"/{job}/cut.jpg", "wb")
        file.write(b"\xff\xd8\xff\xe0" + bytes(100_000))
        file.flush()
        studio.wait_for_bytes("cut.jpg", 100_000)

        studio.jobfs("connections", "end", "anna")

        assert studio.states("cut.jpg") == [UploadState.INTERRUPTED]


def test_removing_an_account_ends_its_upload_and_keeps_what_it_sent_under_its_name(
    studio: Studio,
) -> None:
    job = studio.new_job()
    studio.jobfs("account", "add", "eva", "--all-jobs", "--key", str(studio.home / "ben.pub"))
    with (
        suppress(OSError, EOFError, paramiko.SSHException),
        studio.connected("eva", key=studio.home / "ben") as sftp,
    ):
        with sftp.open(f"/{job}/whole.jpg", "wb") as whole:
            whole.write(folder.jpeg(1))
        studio.wait_for_photos(job, 1)
        cut = sftp.open(f"/{job}/cut.jpg", "wb")
        cut.write(b"\xff\xd8\xff\xe0" + bytes(100_000))
        cut.flush()
        studio.wait_for_bytes("cut.jpg", 100_000)

        studio.jobfs("account", "remove", "eva")

        assert "eva" not in accounts(studio)
        studio.wait_for_state("cut.jpg", UploadState.INTERRUPTED)
    (photo,) = studio.listing("photo", "list", job)
    shown: Any = studio.listing("photo", "show", str(photo["id"]))
    (problem,) = studio.listing("problems", job)
    events = map(json.loads, studio.jobfs("events", "--job", job, "--json").splitlines())
    assert (photo["path"], shown["uploader"]) == ("whole.jpg", "eva")
    assert (problem["path"], problem["kind"]) == ("cut.jpg", "interrupted")
    assert problem["uploader"] == "eva"
    assert "eva" in {event["account"] for event in events}
    refusal = pytest.raises(paramiko.AuthenticationException)
    with refusal, studio.connected("eva", key=studio.home / "ben"):
        pass


def test_an_account_without_connections_has_none_to_end(studio: Studio) -> None:
    assert studio.jobfs("connections", "end", "ben") == "connections ended: 0\n"


def test_what_does_not_exist_is_refused_in_a_sentence(studio: Studio) -> None:
    account, process = (studio.run("connections", "end", which) for which in ("nobody", "1"))

    assert (account.returncode, process.returncode) == (1, 1)
    assert "there is no account 'nobody'" in account.stderr
    assert "no connection has the process 1" in process.stderr


def test_a_client_over_ipv6_is_listed_with_its_address() -> None:
    """The table of IPv6 sockets is another one; a studio of its own listens there."""
    other = Studio()
    try:
        text = other.config_file.read_text().replace("127.0.0.1:", "[::1]:")
        other.config_file.write_text(text)
        other.fill()
        other.start()
        command = ["sftp", *options(other), "-P", str(other.port), "-b", "-", "anna@[::1]"]
        client = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment(other), text=True,
        )  # fmt: skip
        try:
            until(lambda: accounts(other) == ["anna"])
            (found,) = other.listing("connections", "list")
        finally:
            client.kill()
            client.communicate()
        assert found["address"] == "::1"
        assert other.stop() == 0
    finally:
        other.remove()
    assert not Path(other.folder).exists()
