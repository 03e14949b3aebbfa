"""What login waits for when it is told to end, and what it does not."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import inotify_simple
import pytest
import trio

from jobfs.catalog import migrate
from jobfs.catalog.engine import Catalog
from jobfs.login import hostkeys
from tests.served.login_studio import LoginStudio, login_studio

#: Bytes that a client sends at a megabyte a second.
SIZE = 3_000_000


@pytest.fixture(scope="module")
def host_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's keys."""
    folder = tmp_path_factory.mktemp("server") / "hostkeys"
    hostkeys.make(folder)
    return folder


@pytest.fixture
def studio(tmp_path: Path, host_keys: Path) -> Iterator[LoginStudio]:
    """A studio with the account bob, over a plain tree in the place of the mount."""
    catalog = Catalog(f"sqlite:///{tmp_path}/jobfs.sqlite3")
    migrate.upgrade(catalog)
    with login_studio(catalog, host_keys) as studio:
        studio.add("bob", key=True)
        (studio.home / "photo.jpg").write_bytes(bytes(SIZE))
        yield studio
    catalog.dispose()


async def test_a_client_that_is_stuck_is_not_waited_for_longer_than_the_drain(
    studio: LoginStudio,
) -> None:
    async with studio.serving(drain=timedelta(seconds=0.5)) as service, uploading(studio) as client:
        client.send_signal(signal.SIGSTOP)

        service.stop()

    assert 0 < arrived(studio) < SIZE


async def test_a_client_may_set_times_after_its_last_byte(studio: LoginStudio) -> None:
    """As rclone and others do, who take the whole upload for failed if they cannot."""
    async with (
        studio.serving(drain=timedelta(seconds=30)) as service,
        uploading(
            studio, "chmod 600 job/photo.jpg", "rename job/photo.jpg job/IMG_1.jpg"
        ) as client,
    ):
        service.stop()
        with trio.CancelScope(shield=True):
            assert await client.wait() == 0

    assert (studio.config.mountpoint / "bob/job/IMG_1.jpg").stat().st_size == SIZE


@asynccontextmanager
async def uploading(studio: LoginStudio, *afterwards: str) -> AsyncIterator[trio.Process]:
    """Give a client in the middle of an upload; it has more commands to run after it."""
    command = ["sftp", *studio.options("bob"), "-l", "8000", "-b", "-", "bob@127.0.0.1"]  # kbit/s
    commands = (f"put {studio.home}/photo.jpg job/", *afterwards)
    with inotify_simple.INotify(nonblocking=True) as changes:
        changes.add_watch(studio.config.mountpoint / "bob/job", inotify_simple.flags.MODIFY)
        client = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE)
        assert client.stdin is not None
        await client.stdin.send_all("".join(f"{line}\n" for line in commands).encode())
        await client.stdin.aclose()
        try:
            await trio.lowlevel.wait_readable(changes.fileno())
            yield client
        finally:
            client.kill()
            with trio.CancelScope(shield=True):
                await client.wait()


def arrived(studio: LoginStudio) -> int:
    """Return how many bytes of the upload are there."""
    return (studio.config.mountpoint / "bob/job/photo.jpg").stat().st_size
