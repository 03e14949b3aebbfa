"""The pages for photographers: their commands, as they stand there, at a terminal; and their length."""

import os
import re
import select
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.served import clients, folder, pages
from tests.served.studio import PASSWORD, PATIENCE, Studio

PAGES = pages.DOCS / "photographers"
#: What a printed sheet of A4 holds, with tables and headings.
LINES, WORDS = 66, 600
#: OpenSSH's programs look for their files in the home of whoever runs them, not in $HOME.
WRAPPER = """#!/bin/sh
exec {program} -F "$HOME/.ssh/config" -oUserKnownHostsFile="$HOME/.ssh/known_hosts" "$@"
"""


class Desk:
    """A photographer's computer with an album to send, and a job to send it to."""

    def __init__(self, studio: Studio, place: Path) -> None:
        self._studio = studio
        self.job = studio.new_job()
        self.shoot = place / "shoot"
        self._home = place / "home"
        self._programs = place / "bin"
        for path in (self.shoot, self._home / ".ssh", self._programs):
            path.mkdir(parents=True)
        for name in ("config", "known_hosts"):
            (self._home / ".ssh" / name).touch()
        shutil.copy(studio.home / "anna", self._home / ".ssh/id_ed25519")
        wrapper = self._programs / "ssh"
        wrapper.write_text(WRAPPER.format(program=shutil.which("ssh")))
        wrapper.chmod(0o755)

    def fill(self) -> list[str]:
        """Put photos into the album; return their paths."""
        paths = ["Class 1/IMG_1.JPG", "Class 1/group/IMG_2.JPG", "Class 1/individuals/IMG_3.JPG"]
        for number, path in enumerate(paths):
            file = self.shoot / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(folder.jpeg(number))
        return paths

    def type(self, commands: str) -> clients.Answer:
        """Type commands of a page into a shell, and the password when something asks for it."""
        for placeholder, here in {
            "photos.example.com": "127.0.0.1",
            "2222": str(self._studio.port),
            "PlainviewHSFall2026": self.job,
        }.items():
            commands = commands.replace(placeholder, here)
        environment = clients.environment(self._studio) | {
            "HOME": str(self._home), "PATH": f"{self._programs}:{os.defpath}", "TERM": "dumb",
        }  # fmt: skip
        return at_terminal(commands, environment, self.shoot)

    def photos(self, number: int) -> list[str]:
        """Return the paths of the job's photos, once there are so many."""
        self._studio.wait_for_photos(self.job, number)
        return sorted(photo["path"] for photo in self._studio.listing("photo", "list", self.job))

    def problems(self) -> list[str]:
        """Return the kinds of the job's problems."""
        return [problem["kind"] for problem in self._studio.listing("problems", self.job)]

    def fingerprints(self) -> list[str]:
        """Return what the account's card names."""
        return fingerprints(self._studio.jobfs("account", "card", "anna").partition("first")[2])


@pytest.fixture
def desk(studio: Studio, tmp_path: Path) -> Desk:
    return Desk(studio, tmp_path)


def test_the_commands_for_lftp_send_an_album_and_find_nothing_missing(desk: Desk) -> None:
    sent = desk.fill()
    trust, look, send, send_all, compare = blocks("lftp")

    assert fingerprints(desk.type(trust).said) == desk.fingerprints()
    assert desk.job in desk.type(look).said
    assert desk.type(compare).said.count("Transferring file") == len(sent)
    desk.type(send)
    assert desk.photos(len(sent)) == sent
    assert "Transferring file" not in desk.type(compare).said
    assert "Transferring file" not in desk.type(send_all).said
    assert "Transferring file" in page("lftp")
    assert desk.problems() == []


def test_the_commands_for_rclone_send_an_album_and_find_no_difference(desk: Desk) -> None:
    sent = desk.fill()
    trust, configure, use_key, send, compare = blocks("rclone")

    assert fingerprints(desk.type(trust).said) == desk.fingerprints()
    assert desk.job in desk.type(configure).said
    desk.type(send)
    assert desk.photos(len(sent)) == sent
    desk.type(use_key)
    assert desk.type(compare).said.count("0 differences found") == 2
    assert "There was nothing to transfer" in desk.type(send).said
    assert desk.problems() == []


@pytest.mark.parametrize(("client", "send"), [("lftp", 2), ("rclone", 3)])
def test_a_picture_that_was_cut_off_looks_as_the_page_says(
    desk: Desk, client: str, send: int
) -> None:
    desk.fill()
    cut = desk.shoot / "Class 1/CUT.JPG"
    cut.write_bytes(folder.jpeg(9)[:5000])
    for block in blocks(client)[: send - 1]:
        desk.type(block)

    said = desk.type(blocks(client)[send]).said

    quoted = {"lftp": "Access failed: Failure (", "rclone": "Failed to copy: Update Close failed"}
    assert quoted[client] in page(client)
    assert quoted[client] in said
    assert desk.problems() == ["incomplete"]


@pytest.mark.parametrize("client", ["lftp", "rclone"])
def test_a_server_that_nobody_has_compared_is_refused_as_the_page_says(
    desk: Desk, client: str
) -> None:
    answer = desk.type(blocks(client)[1])

    quoted = {"lftp": "Host key verification failed", "rclone": "knownhosts: key is unknown"}
    assert answer.status != 0
    assert quoted[client] in page(client)
    assert quoted[client] in answer.said


@pytest.mark.parametrize("file", sorted(PAGES.glob("*.md")), ids=lambda file: file.stem)
def test_a_page_fits_on_one_sheet_and_is_found_from_the_first(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LINES
    assert len(text.split()) <= WORDS
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (PAGES / target).is_file(), target
    assert file.name == "index.md" or f"({file.name})" in page("index")
    assert "photos.example.com" in text


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str) -> list[str]:
    """Return the commands of a page, but for those that say why they are not run."""
    found = pages.blocks(f"photographers/{name}.md")
    return [block.commands for block in found if block.reason is None]


def fingerprints(text: str) -> list[str]:
    return sorted(re.findall(r"SHA256:[\w+/]+", text))


def at_terminal(commands: str, environment: Mapping[str, str], place: Path) -> clients.Answer:
    """Run commands in a shell with a terminal; the password is typed at each prompt for it."""
    ours, theirs = os.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "bash", "-euc", commands],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=place, env=environment,
    )  # fmt: skip
    os.close(theirs)
    said, answered = b"", 0
    with shell, os.fdopen(ours, "r+b", buffering=0) as terminal:
        while select.select([terminal], [], [], PATIENCE)[0]:
            try:
                said += terminal.read(65536)
            except OSError:  # EIO: nobody holds the other end any more
                break
            if said[answered:].lower().rstrip().endswith(b"password:"):
                terminal.write(f"{PASSWORD}\n".encode())
                answered = len(said)
        else:
            shell.kill()
        return clients.Answer(shell.wait(PATIENCE), said.decode().replace("\r", ""))
