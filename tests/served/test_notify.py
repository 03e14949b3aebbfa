"""What systemd hears of a role that it has started with Type=notify and WatchdogSec=."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from jobfs.mount import mountpoint as places
from jobfs.supervisor import alive
from tests.served.studio import PATIENCE, Studio

CHECKOUT = Path(__file__).parents[2]


class Service:
    """A role that somebody started who listens as systemd does."""

    def __init__(self, process: subprocess.Popen[str], listener: socket.socket) -> None:
        self.process = process
        self.listener = listener

    def hear(self) -> list[str]:
        """Return the lines of the next datagram."""
        return self.listener.recv(4096).decode().split("\n")

    def hear_until(self, line: str) -> list[list[str]]:
        """Return every datagram up to the first with *line*."""
        heard = [self.hear()]
        while line not in heard[-1]:
            heard.append(self.hear())
        return heard

    def end(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def studio() -> Iterator[Studio]:
    """A studio of which nothing runs."""
    studio = Studio()
    yield studio
    studio.remove()


@contextmanager
def started(
    studio: Studio, *arguments: str, abstract: bool = False, watchdog: float | None = None
) -> Iterator[Service]:
    """Start a role; *watchdog* is WatchdogSec=."""
    address = f"@jobfs-{secrets.token_hex(8)}" if abstract else str(studio.folder / "notify")
    variables = os.environ | {"NOTIFY_SOCKET": address}  # noqa: TID251 (what systemd adds to)
    if watchdog is not None:
        variables["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{address[1:]}" if abstract else address)
        listener.settimeout(PATIENCE)
        command = [sys.executable, "-m", "jobfs", "--config", str(studio.config_file), *arguments]
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=variables, stdin=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Service(process, listener)
            finally:
                process.kill()


def ready_kinds(studio: Studio) -> set[str]:
    with studio.catalog.reading() as connection:
        return {role.kind for role in alive(connection) if role.ready}


@pytest.mark.parametrize("abstract", [False, True])
def test_a_mount_is_ready_when_it_shows_its_folders(studio: Studio, *, abstract: bool) -> None:
    with started(studio, "mount", "--init", abstract=abstract) as mount:
        assert mount.hear() == ["READY=1", f"STATUS=shows the jobs at {studio.mountpoint}"]
        assert places.mounted(studio.mountpoint)
        assert ready_kinds(studio) == {"mount"}

        assert mount.end() == 0
        assert mount.hear() == ["STOPPING=1", "STATUS=ending"]
        assert not places.mounted(studio.mountpoint)


def test_login_is_ready_when_photographers_get_in(studio: Studio) -> None:
    with started(studio, "mount", "--init") as mount:
        mount.hear_until("READY=1")
        with started(studio, "login", abstract=True) as login:
            assert "READY=1" in login.hear()
            with socket.create_connection(("127.0.0.1", studio.port), timeout=PATIENCE) as server:
                assert server.recv(4) == b"SSH-"

            assert login.end() == 0
            assert login.hear()[0] == "STOPPING=1"
        assert mount.end() == 0


def test_a_worker_that_is_watched_shows_its_life_from_its_event_loop(studio: Studio) -> None:
    studio.jobfs("init")
    with started(studio, "worker", watchdog=1) as worker:
        worker.hear_until("READY=1")
        began = monotonic()
        heard = [worker.hear() for _ in range(3)]

        assert heard == [["WATCHDOG=1"]] * 3
        # And not as fast as it can; the first may have lain there for as long as READY=1 has.
        assert monotonic() - began > 0.5
        assert ready_kinds(studio) == {"worker"}
        assert worker.end() == 0
        assert ["STOPPING=1", "STATUS=ending"] in worker.hear_until("STOPPING=1")


def test_a_worker_says_that_the_queue_is_paused_and_when_it_is_no_more(studio: Studio) -> None:
    studio.jobfs("init")
    studio.jobfs("queue", "pause")
    with started(studio, "worker") as worker:
        (_, works), paused = worker.hear(), worker.hear()
        studio.jobfs("queue", "resume")
        resumed = worker.hear()

        assert paused == ["STATUS=begins nothing: the queue is paused, see `jobfs queue resume`"]
        assert resumed == [works] == ["STATUS=makes photos of uploads, 2 at once"]
        assert worker.end() == 0


def test_a_role_that_jobfs_up_has_started_says_nothing(studio: Studio) -> None:
    """The service manager takes it for the main process otherwise, or complains."""
    studio.jobfs("init")
    with started(studio, "worker", "--supervised", watchdog=0.1) as worker:
        studio.wait_until(lambda connection: any(role.ready for role in alive(connection)))
        assert worker.end() == 0
        worker.listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            worker.hear()


def test_a_role_goes_on_where_its_service_manager_does_not_listen(studio: Studio) -> None:
    studio.jobfs("init")
    with started(studio, "worker", watchdog=0.1) as worker:
        worker.listener.close()
        studio.wait_until(lambda connection: any(role.ready for role in alive(connection)))
        assert worker.end() == 0


def test_wrong_settings_have_an_exit_status_that_is_not_tried_again(studio: Studio) -> None:
    """RestartPreventExitStatus=2 in the units."""
    studio.config_file.write_text("[jobfs]\nnonsense = 1\n")

    done = studio.run("worker")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no such setting" in done.stderr
