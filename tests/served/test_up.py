"""How `jobfs up` and `jobfs wait` begin, refuse and end."""

import socket
from collections.abc import Iterator

import pytest

from tests.served.studio import Studio


@pytest.fixture(scope="module")
def new_studio() -> Iterator[Studio]:
    """A studio of which there is nothing but the settings."""
    studio = Studio()
    yield studio
    studio.remove()


@pytest.fixture(scope="module")
def idle_studio() -> Iterator[Studio]:
    """A studio that is ready to run, and does not."""
    studio = Studio()
    studio.jobfs("init")
    yield studio
    studio.remove()


def test_waiting_for_a_studio_that_does_not_run_is_given_up(idle_studio: Studio) -> None:
    done = idle_studio.run("wait", "--timeout", "0.1")

    assert done.returncode == 1
    assert done.stderr == "Error: not ready after 0.1 s: mount, login, worker\n"


@pytest.mark.parametrize("command", ["up", "wait"])
def test_a_studio_that_was_never_made_is_refused(new_studio: Studio, command: str) -> None:
    done = new_studio.run(command)

    assert done.returncode == 1
    assert "run `jobfs init`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    new_studio.assert_nothing_is_left()


def test_a_taken_port_is_named_and_nothing_goes_on(idle_studio: Studio) -> None:
    with socket.create_server(("127.0.0.1", idle_studio.port)):
        done = idle_studio.run("up")

    assert done.returncode == 1
    assert f"another program listens on 127.0.0.1:{idle_studio.port}" in done.stderr
    assert done.stderr.splitlines()[-1] == "Error: login cannot start: see above"
    idle_studio.assert_nothing_is_left()


def test_a_mountpoint_in_use_is_named_and_nothing_goes_on(idle_studio: Studio) -> None:
    idle_studio.mountpoint.mkdir(exist_ok=True)
    misplaced = idle_studio.mountpoint / "photo.jpg"
    misplaced.touch()

    done = idle_studio.run("up")

    assert done.returncode == 1
    assert f"{idle_studio.mountpoint} is not empty" in done.stderr
    assert done.stderr.splitlines()[-1] == "Error: mount cannot start: see above"
    assert misplaced.exists()
    idle_studio.assert_nothing_is_left()


def test_a_second_up_is_refused_and_does_not_disturb_the_first(studio: Studio) -> None:
    with studio.connected("anna") as sftp:
        done = studio.run("up")

        assert done.returncode == 1
        assert f"runs this studio already, as process {studio.up}" in done.stderr
        assert sftp.listdir("/")
