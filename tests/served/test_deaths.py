"""Whatever dies, and when: what was acknowledged stays, becomes one photo, and nobody need be told."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.served import clients, folder
from tests.served.studio import PATIENCE, Studio

#: Photos that a client is sending when something dies.
NUMBER = 40
#: How many of them have arrived by then.
SOME = 10
#: Kbit/s at which it sends, so that it cannot have sent all of them by then: in 3 seconds.
SPEED = 2000


class Sending:
    """OpenSSH's sftp, sending files one after the other until one fails."""

    def __init__(self, studio: Studio, job: str, files: list[Path]) -> None:
        self._files = files
        self.script = [f'cd "{job}"', *(f'put "{file}"' for file in files)]
        self.process = subprocess.Popen(
            clients.sftp_command(studio, "-l", str(SPEED), "-b", "-"),
            env=clients.environment(studio), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write("\n".join([*self.script, ""]))
        self.process.stdin.flush()

    def acknowledged(self) -> set[str]:
        """Return the names of the files that the client saw arrive, once it has ended.

        It says each command before it runs it, and ends at the first that fails.
        """
        said, _ = self.process.communicate(timeout=PATIENCE)
        begun = sum(line.startswith("sftp> put ") for line in said.splitlines())
        return {file.name for file in self._files[: begun - (self.process.returncode != 0)]}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Photos, none like another."""
    made = [tmp_path / f"IMG_{number:04}.jpg" for number in range(NUMBER)]
    for number, file in enumerate(made):
        file.write_bytes(folder.jpeg(number))
    return made


@contextmanager
def sending(studio: Studio, job: str, files: list[Path]) -> Iterator[Sending]:
    """Give a client that has sent some of the files, and sends the others."""
    client = Sending(studio, job, files)
    try:
        studio.wait_for_photos(job, 1)
        # A file that has arrived may not have been answered yet; the one before it was.
        studio.wait_until_closed(job, SOME + 1)
        yield client
    finally:
        client.process.kill()
        client.process.communicate()


def send_again(studio: Studio, job: str, files: list[Path]) -> None:
    """Send what did not arrive, as a photographer does, and wait for the photos."""
    client = Sending(studio, job, files)
    assert client.acknowledged() == {file.name for file in files}
    studio.wait_for_photos(job, NUMBER)


def photos(studio: Studio, job: str) -> list[tuple[str, str]]:
    """Return path and digest of every photo, also of those that are no longer current."""
    listed = studio.listing("photo", "list", job, "--all")
    return sorted((photo["path"], photo["sha256"]) for photo in listed)


def as_sent(files: list[Path]) -> list[tuple[str, str]]:
    return sorted((file.name, folder.digest(file.read_bytes())) for file in files)


def stored(studio: Studio, job: str) -> dict[str, int]:
    """Return the size of every file of a job, by its name."""
    return {path: size for path, (_, size, _) in studio.seen_as_root("anna", job).items()}


def assert_all_arrived(studio: Studio, job: str, names: set[str], files: list[Path]) -> None:
    sizes = {file.name: file.stat().st_size for file in files if file.name in names}
    assert {name: size for name, size in stored(studio, job).items() if name in names} == sizes


def test_nothing_is_lost_or_doubled_when_the_mount_is_killed(
    studio: Studio, files: list[Path]
) -> None:
    job = studio.new_job()
    studio.expect("mount was killed by SIGKILL")
    with sending(studio, job, files) as client:
        killed, login = studio.role("mount"), studio.role("login")
        os.kill(killed, signal.SIGKILL)

        acknowledged = client.acknowledged()
    studio.role("mount", other_than=killed)
    studio.role("login", other_than=login)

    assert SOME <= len(acknowledged) < NUMBER
    assert_all_arrived(studio, job, acknowledged, files)
    send_again(studio, job, [file for file in files if file.name not in acknowledged])
    assert photos(studio, job) == as_sent(files)


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed(
    studio: Studio, files: list[Path]
) -> None:
    job = studio.new_job()
    studio.expect("worker was killed by SIGKILL")
    with sending(studio, job, files) as client:
        studio.kill("worker")

        acknowledged = client.acknowledged()
    studio.wait_for_photos(job, NUMBER)

    assert len(acknowledged) == NUMBER
    assert photos(studio, job) == as_sent(files)


def test_nothing_is_lost_or_doubled_when_everything_is_killed(
    studio: Studio, files: list[Path]
) -> None:
    """Also sshd, but not the processes of its connections, which are left to the next start."""
    job = studio.new_job()
    with sending(studio, job, files) as client:
        listener = studio.listener()  # killed last, or login would start another meanwhile
        studio.kill("up", "mount", "worker", "login")
        with suppress(ProcessLookupError):
            os.kill(listener, signal.SIGKILL)
        assert studio.ended() == -signal.SIGKILL

        studio.start()

        acknowledged = client.acknowledged()
    assert SOME <= len(acknowledged) < NUMBER
    assert_all_arrived(studio, job, acknowledged, files)
    send_again(studio, job, [file for file in files if file.name not in acknowledged])
    assert photos(studio, job) == as_sent(files)


def test_roles_end_by_themselves_when_the_supervisor_is_killed(studio: Studio) -> None:
    with studio.connected("anna"):
        studio.kill("up")

        assert studio.ended() == -signal.SIGKILL
        assert studio.processes() == []


def test_sshd_is_started_again_when_it_is_killed(studio: Studio) -> None:
    studio.expect("login ended with status 1", "sshd ended with status -9")
    login = studio.role("login")
    os.kill(studio.listener(), signal.SIGKILL)

    studio.role("login", other_than=login)

    with studio.connected("anna") as sftp:
        assert sftp.listdir("/")


def test_an_upload_under_way_is_waited_for_at_the_end_however_often_that_is_asked_for(
    studio: Studio, tmp_path: Path
) -> None:
    job = studio.new_job()
    photo = tmp_path / "slow.jpg"
    photo.write_bytes(folder.heavy_jpeg())
    with slowly(studio, job, photo) as client:
        for _ in range(3):
            studio.ask_to_end()
        assert client.wait(PATIENCE) == 0
        assert studio.ended() == 0
        studio.assert_nothing_is_left()

    studio.start()

    studio.wait_for_photos(job, 1)
    assert photos(studio, job) == as_sent([photo])


@contextmanager
def slowly(studio: Studio, job: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a client that takes seconds to send a file, once it has begun."""
    kbit_per_second = "8000"
    client = subprocess.Popen(
        clients.sftp_command(studio, "-l", kbit_per_second, "-b", "-"), text=True,
        env=clients.environment(studio), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert client.stdin is not None
    client.stdin.write(f'put "{file}" "{job}/"\n')
    client.stdin.close()
    try:
        studio.wait_for_bytes(file.name, 300_000)
        yield client
    finally:
        client.kill()
        client.wait()
