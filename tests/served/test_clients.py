"""A folder of photos, dropped onto a job with each client, and what becomes of it."""

import re
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import paramiko
import pytest
from PIL import Image

from tests.served import clients, folder
from tests.served.clients import Answer, Send
from tests.served.folder import Sent
from tests.served.studio import Studio

EDGES = {"thumbnail": 256, "preview": 1024, "large": 2048}

ALL = [
    clients.sftp,
    clients.scp,
    clients.lftp_put,
    clients.lftp_mirror,
    clients.rclone,
    clients.psftp,
    pytest.param(
        clients.curl,
        marks=pytest.mark.skipif(not clients.curl_speaks_sftp(), reason="libcurl without SSH"),
    ),
]
KEEP_TIMES = [clients.sftp, clients.scp, clients.lftp_mirror, clients.rclone]


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every client sends."""
    return tmp_path_factory.mktemp("card")


@pytest.fixture(scope="session")
def sent(card: Path) -> list[Sent]:
    """What is in it."""
    return folder.make(card)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a client said when it sent the folder to a job of its own."""

    job: str
    answer: Answer


class Arrivals:
    """The folder, sent once by each client that a test asks for, and ingested."""

    def __init__(self, studio: Studio, card: Path, number: int) -> None:
        self._studio, self._card, self._number = studio, card, number
        self._known: dict[Send, Arrival] = {}

    def by(self, send: Send) -> Arrival:
        """Return what one client has done."""
        if send not in self._known:
            job = self._studio.new_job()
            answer = send(self._studio, self._card, job)
            assert answer.status == 0, answer.said
            self._studio.wait_for_photos(job, self._number)
            self._known[send] = Arrival(job, answer)
        return self._known[send]


@pytest.fixture(scope="session")
def arrivals(whole_studio: Studio, card: Path, sent: list[Sent]) -> Arrivals:
    """What clients have sent."""
    return Arrivals(whole_studio, card, len(sent))


def _name(send: Send) -> str:
    return send.__name__


@pytest.mark.parametrize("send", ALL, ids=_name)
def test_every_file_is_listed_as_sent(
    studio: Studio, sent: list[Sent], arrivals: Arrivals, send: Send
) -> None:
    job = arrivals.by(send).job

    with studio.connected("anna") as sftp:
        listed = walk(sftp, job)

    assert listed == {photo.path: len(photo.content) for photo in sent}


@pytest.mark.parametrize("send", ALL, ids=_name)
def test_every_file_is_one_photo_of_its_album_and_section(
    studio: Studio, sent: list[Sent], arrivals: Arrivals, send: Send
) -> None:
    job = arrivals.by(send).job

    listed = studio.listing("photo", "list", job)

    assert sorted(map(told, listed)) == sorted(map(expected, sent))
    made = {photo["path"]: set(map(made_of, photo["renditions"])) for photo in listed}
    assert made == {photo.path: set(renditions(photo)) for photo in sent}


@pytest.mark.parametrize("send", KEEP_TIMES, ids=_name)
def test_times_come_back_as_sent(
    studio: Studio, card: Path, sent: list[Sent], arrivals: Arrivals, send: Send
) -> None:
    job = arrivals.by(send).job

    with studio.connected("anna") as sftp:
        shown = {photo.path: sftp.stat(f"{job}/{photo.path}").st_mtime for photo in sent}

    assert shown == {photo.path: int((card / photo.path).stat().st_mtime) for photo in sent}


def test_nothing_of_the_folder_is_a_problem(studio: Studio, arrivals: Arrivals) -> None:
    job = arrivals.by(clients.sftp).job

    assert studio.listing("problems", job) == []


def test_a_second_rclone_copy_transfers_nothing(
    studio: Studio, card: Path, sent: list[Sent], arrivals: Arrivals
) -> None:
    first = arrivals.by(clients.rclone)

    second = clients.rclone(studio, card, first.job)

    assert first.answer.said.count(": Copied (new)") == len(sent), first.answer.said
    assert second.status == 0
    assert "There was nothing to transfer" in second.said
    assert ": Copied" not in second.said


def test_a_second_lftp_mirror_transfers_nothing(
    studio: Studio, card: Path, sent: list[Sent], arrivals: Arrivals
) -> None:
    first = arrivals.by(clients.lftp_mirror)

    second = clients.lftp_mirror(studio, card, first.job)

    assert first.answer.said.count("Transferring file") == len(sent), first.answer.said
    assert second.status == 0
    assert not re.search("Transferring|Removing|Making", second.said), second.said


def walk(sftp: paramiko.SFTPClient, top: str) -> dict[str, int | None]:
    """Return the size of every file below a directory, by its path there."""
    found: dict[str, int | None] = {}
    ahead = [""]
    while ahead:
        inside = ahead.pop()
        for entry in sftp.listdir_attr(f"{top}/{inside}"):
            assert entry.st_mode is not None
            if S_ISDIR(entry.st_mode):
                ahead.append(f"{inside}{entry.filename}/")
            else:
                found[inside + entry.filename] = entry.st_size
    return found


def told(photo: dict[str, Any]) -> tuple[Any, ...]:
    """Return what `photo list` says of a photo, as far as the folder tells."""
    keys = ("path", "album", "section", "sha256", "size", "width", "height", "state")
    return tuple(photo[key] for key in keys)


def expected(photo: Sent) -> tuple[Any, ...]:
    size = len(photo.content)
    return (
        photo.path, photo.album, photo.section, photo.sha256, size, photo.width, photo.height,
        "ingested",
    )  # fmt: skip


def renditions(photo: Sent) -> list[tuple[str, int, int]]:
    """Return the names and sizes of the renditions that a photo must have."""
    return [(name, *photo.fitted(edge)) for name, edge in EDGES.items()]


def made_of(rendition: dict[str, Any]) -> tuple[str, int, int]:
    """Return the name of a rendition and the size that its file really has."""
    with Image.open(rendition["path"]) as image:
        image.load()
        assert image.size == (rendition["width"], rendition["height"])
        return rendition["name"], *image.size
