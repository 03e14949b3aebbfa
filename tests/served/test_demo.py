"""`deploy/demo` as a newcomer runs it: once, and again the next day."""

import io
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from PIL import Image

from jobfs import mounts
from tests.served.login_studio import free_port
from tests.served.studio import PATIENCE, until

CHECKOUT = Path(__file__).parents[2]
JOB = "PlainviewHSFall2026"


class Demo:
    """A folder and a port for demos of a test's own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jobfs-tests-", dir="/run"))
        self.folder.chmod(0o755)
        self.port = free_port()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Give what the demo prints once it runs; end it as a closed window does."""
        command: list[str | Path] = [
            CHECKOUT / "deploy/demo",
            "--folder",
            self.folder,
            "--port",
            str(self.port),
        ]
        errors = (self.folder / "errors").open("a")
        with (
            errors,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True
            ) as demo,
        ):
            assert demo.stdout is not None
            said = ""
            while "the tree" not in said:
                line = demo.stdout.readline()
                assert line, f"it ended with: {said}{(self.folder / 'errors').read_text()}"
                said += line
            try:
                yield said
            finally:  # or whatever has failed would wait for its end for ever
                demo.terminate()
            assert demo.wait(PATIENCE) == 0, (self.folder / "errors").read_text()

    @contextmanager
    def connected(self, name: str, **login: str) -> Iterator[paramiko.SFTPClient]:
        """Give a connection of an account."""
        transport = paramiko.Transport(("127.0.0.1", self.port))
        try:
            if "key" in login:
                key = paramiko.Ed25519Key.from_private_key_file(login["key"])
                transport.connect(username=name, pkey=key)
            else:
                transport.connect(username=name, password=login["password"])
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield client
        finally:
            transport.close()

    def photos(self) -> list[str]:
        """Return the paths of the photos, as the command the demo prints lists them."""
        command: list[str | Path] = [
            CHECKOUT / ".venv/bin/jobfs", "--config", self.folder / "jobfs.toml",
            "photo", "list", JOB, "--json",
        ]  # fmt: skip
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [photo["path"] for photo in json.loads(listed)]


@pytest.fixture
def demo() -> Iterator[Demo]:
    demo = Demo()
    yield demo
    assert [mount for mount in mounts.table() if mount.at.is_relative_to(demo.folder)] == []
    shutil.rmtree(demo.folder)


def picture() -> io.BytesIO:
    data = io.BytesIO()
    Image.effect_noise((90, 60), 40).save(data, "JPEG")
    data.seek(0)
    return data


def test_the_demo_serves_what_it_prints_and_finds_yesterdays_photos(demo: Demo) -> None:
    with demo.running() as said:
        password = re.search(r"Password (\S+)", said)
        key = re.search(r"-i (\S+)", said)
        assert password
        assert key
        with demo.connected("anna", password=password[1]) as anna:
            assert sorted(anna.listdir("/")) == ["Müller Hochzeit", JOB]
            anna.mkdir(f"/{JOB}/Class 1")
            anna.putfo(picture(), f"/{JOB}/Class 1/IMG_1.JPG")
        with demo.connected("ben", key=key[1]) as ben:
            assert ben.listdir("/") == [JOB]
        until(lambda: demo.photos() == ["Class 1/IMG_1.JPG"])

    with demo.running() as said_again:
        assert said_again == said
        assert demo.photos() == ["Class 1/IMG_1.JPG"]


def test_a_taken_port_is_named_with_its_remedy(demo: Demo) -> None:
    with demo.running():
        second: list[str | Path] = [CHECKOUT / "deploy/demo", "--folder", demo.folder / "other"]
        refused = subprocess.run(
            [*second, "--port", str(demo.port)], capture_output=True, text=True, check=False
        )

    assert refused.returncode != 0
    assert str(demo.port) in refused.stderr
    assert [mount for mount in mounts.table() if mount.at.is_relative_to(demo.folder)] == []
