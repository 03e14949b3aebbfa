"""A studio that is backed up while photographers send, and the one that is made of the backup."""

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mounted.syscalls import STATUS_FILES
from tests.served import clients, folder
from tests.served.studio import Studio


@pytest.fixture
def other() -> Iterator[Studio]:
    """A place for a second studio, of which there is nothing but the settings."""
    other = Studio()
    yield other
    other.remove()


def test_what_is_made_of_a_backup_is_the_same_studio_to_its_photographers(
    studio: Studio, other: Studio, tmp_path: Path
) -> None:
    """Same tree, same inode numbers, same host key: clients neither ask nor send anything again."""
    settled, busy = studio.new_job(), studio.new_job()
    card, backup = tmp_path / "card", tmp_path / "backup"
    sent = folder.make(card)
    assert clients.sftp(studio, card, settled).status == 0
    studio.wait_for_photos(settled, len(sent))
    seen = studio.seen_as_root("anna", settled)
    half = folder.heavy_jpeg()

    with studio.connected("anna") as sftp, sftp.open(f"/{busy}/half_in_a_backup.jpg", "wb") as late:
        late.write(half[:100_000])
        late.flush()
        sending = threading.Thread(target=clients.sftp, args=(studio, card, busy))
        sending.start()
        studio.jobfs("backup", str(backup), "--verify")
        sending.join()
        late.write(half[100_000:])
    studio.wait_for_photos(busy, len(sent) + 1)

    other.jobfs("restore", str(backup))
    shutil.copytree(studio.home, other.home, dirs_exist_ok=True)
    other.start()
    assert other.seen_as_root("anna", settled) == seen
    assert key(other) == key(studio)
    other.wait_until_closed(settled, len(sent))
    with other.connected("anna", password=None) as sftp:
        for photo in sent:
            with sftp.open(f"/{settled}/{photo.path}", "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == photo.sha256
        assert other.states("half_in_a_backup.jpg") == ["interrupted"]
        with sftp.open(f"/{busy}/half_in_a_backup.jpg", "rb") as file:
            arrived = file.read()
        assert half.startswith(arrived)
        with sftp.open(f"/{busy}/half_in_a_backup.jpg", "ab") as file:  # the client resumes
            file.write(half[len(arrived) :])
    other.wait_for_state("half_in_a_backup.jpg", "ingested")
    assert_only_beginnings(other, busy, card)
    assert other.stop() == 0
    other.assert_nothing_is_left()


def assert_only_beginnings(studio: Studio, job: str, card: Path) -> None:
    """Check that what was under way shows as much as had arrived, and nothing else."""
    top = studio.mountpoint / "anna" / job
    for path in top.rglob("*"):
        if path.is_file() and path.name not in {"half_in_a_backup.jpg", *STATUS_FILES}:
            assert (card / path.relative_to(top)).read_bytes().startswith(path.read_bytes())


def key(studio: Studio) -> str:
    """Return the key that the server shows to a client."""
    command = ["ssh-keyscan", "-p", str(studio.port), "-t", "ed25519", "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]
