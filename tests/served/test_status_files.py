"""The files that jobfs writes for photographers, as real SFTP clients meet them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import clients, folder, pages
from tests.served.matrix import on_sshfs, programs
from tests.served.matrix.program import Command, Program
from tests.served.matrix.test_commands import PROGRAMS, needs_ssh
from tests.served.studio import Studio, running_studio, until

OURS = ("_STATUS.txt", "_PROBLEMS.csv", "_RECEIPT.sha256")

every_program = pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=program.__name__, marks=[needs_ssh] * (program is programs.Curl))
        for program in PROGRAMS
    ],
)


class Sent:
    """A folder of photos that a job holds."""

    def __init__(self, studio: Studio, card: Path) -> None:
        self.studio, self.card = studio, card
        self.job = studio.new_job()
        self.photos = folder.make(card)
        answer = clients.sftp(studio, card, self.job)
        assert answer.status == 0, answer.said
        studio.wait_for_photos(self.job, len(self.photos))

    def assert_is_whole(self) -> None:
        """Check that the photos are there and what jobfs writes, and nothing is in the trash."""
        top = self.studio.mountpoint / "anna" / self.job
        there = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
        assert there == {photo.path for photo in self.photos} | set(OURS)
        assert self.studio.listing("trash", "list", self.job) == []
        assert self.studio.listing("problems", self.job) == []
        assert (top / "_STATUS.txt").read_text(encoding="utf-8").startswith(self.job)


@pytest.fixture
def sent(studio: Studio, tmp_path: Path) -> Sent:
    """A card that was sent with its times."""
    return Sent(studio, tmp_path / "card")


# --- reading ---


@every_program
def test_every_client_reads_them(studio: Studio, tmp_path: Path, program: type[Program]) -> None:
    client = program(studio, studio.new_job())
    begins = {"_STATUS.txt": client.job.encode(), "_PROBLEMS.csv": b'\xef\xbb\xbf"File'}

    with client.connected():
        answers = [client.run(client.get(name, tmp_path / name)) for name in OURS]

    for name, answer in zip(OURS, answers, strict=True):
        assert answer.status == 0, answer.said
        content = (tmp_path / name).read_bytes()
        assert content.startswith(begins.get(name, b"# " + client.job.encode()))
        assert content.endswith(b"\n")


def test_the_receipt_is_checked_in_the_photographers_own_folder(sent: Sent) -> None:
    client = programs.Sftp(sent.studio, sent.job)
    (sent.card / "notes.txt").write_text("no photo")
    assert client.run(client.put(sent.card / "notes.txt")).status == 0

    assert client.run(client.get("_RECEIPT.sha256", sent.card / "_RECEIPT.sha256")).status == 0

    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "_RECEIPT.sha256"],
        cwd=sent.card, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(": OK\n") == len(sent.photos)
    receipt = (sent.card / "_RECEIPT.sha256").read_text(encoding="utf-8")
    assert "# stored, unverified: notes.txt" in receipt


def test_the_commands_of_the_page_name_what_has_not_arrived(sent: Sent) -> None:
    """One of the files of the card was forgotten, and one is no photo."""
    client = programs.Sftp(sent.studio, sent.job)
    (sent.card / "Klasse 1a/forgotten one.jpg").write_bytes(folder.jpeg(99))
    (sent.card / "notes.txt").write_text("no photo")
    assert client.run(client.put(sent.card / "notes.txt")).status == 0
    assert client.run(client.get("_RECEIPT.sha256", sent.card / "_RECEIPT.sha256")).status == 0
    (block,) = pages.blocks("photographers/status.md")

    typed = subprocess.run(
        ["bash", "-euc", block.commands], cwd=sent.card, capture_output=True, text=True, check=True
    )

    lines = typed.stdout.splitlines()
    assert all(line.endswith(": OK") for line in lines[:-2])
    assert lines[-2:] == ["Klasse 1a/forgotten one.jpg", "notes.txt"]
    assert len(lines) == len(sent.photos) + 2


def test_a_photographer_is_told_that_a_card_may_be_formatted(sent: Sent, tmp_path: Path) -> None:
    client = programs.LftpPut(sent.studio, sent.job)
    status = tmp_path / "_STATUS.txt"

    def is_told() -> bool:
        status.unlink(missing_ok=True)
        assert client.run(client.get("_STATUS.txt", status)).status == 0
        return f"Yes, if the number is right: {len(sent.photos)} photo files" in status.read_text()

    until(is_told)


def test_who_has_no_job_is_told_in_the_client(studio: Studio) -> None:
    with studio.connected("ben") as ben, ben.open("_NO_JOBS.txt") as file:
        assert file.read().startswith(b"No job is open for you.")


# --- mirroring ---


def run(client: Program, *commands: Command) -> None:
    """Run commands of a client that must end well."""
    with client.connected():
        for command in commands:
            answer = client.run(command)
            assert answer.status == 0, answer.said


def test_rclone_sync_ends_well_and_deletes_nothing_of_jobfs_s(sent: Sent) -> None:
    client = programs.Rclone(sent.studio, sent.job)

    run(client, client.command("sync", str(sent.card), client.remote()))

    sent.assert_is_whole()


def test_lftp_mirror_with_delete_ends_well_in_both_directions(sent: Sent, tmp_path: Path) -> None:
    client = programs.LftpMirror(sent.studio, sent.job)
    fetched = tmp_path / "fetched"

    run(
        client,
        client.commands(f'mirror -R --delete "{sent.card}" .'),
        client.commands(f'mirror --delete . "{fetched}"'),
        client.commands(f'mirror --delete . "{fetched}"'),
    )

    sent.assert_is_whole()
    there = {str(path.relative_to(fetched)) for path in fetched.rglob("*") if path.is_file()}
    assert there == {photo.path for photo in sent.photos} | set(OURS)


@pytest.mark.parametrize("program", [on_sshfs.Rsync, on_sshfs.RsyncInPlace])
def test_rsync_with_delete_on_sshfs_ends_well(sent: Sent, program: type[on_sshfs.Rsync]) -> None:
    client = program(sent.studio, sent.job)

    with client.connected():
        answer = client.run(client.delete_others(sent.card))

    assert answer.status == 0, answer.said
    sent.assert_is_whole()


@pytest.fixture
def closing_studio() -> Iterator[Studio]:
    """A studio in which anna has one job that is planned, and one that was closed."""
    with running_studio() as studio:
        studio.jobfs("job", "status", "Cup2026", "planned")
        studio.jobfs("job", "status", "Cup2026", "selling")
        yield studio


def test_mirroring_all_jobs_at_once_ends_well(closing_studio: Studio, tmp_path: Path) -> None:
    """What jobfs writes beside the jobs is neither here nor there, or an old one is sent back."""
    root = closing_studio.mountpoint / "anna"
    photos = folder.make(tmp_path / "mine/PlainviewHSFall2026")
    (tmp_path / "fetched").mkdir()
    rclone, lftp = programs.Rclone(closing_studio, ""), programs.LftpMirror(closing_studio, "")

    for command in (
        lftp.commands(f'mirror -R --delete "{tmp_path}/mine" /'),
        rclone.command("sync", str(tmp_path / "mine"), rclone.remote()),
        lftp.commands(f'mirror --delete / "{tmp_path}/fetched"'),
    ):
        run(lftp, command)
    (tmp_path / "fetched/_CLOSED_JOBS.txt").write_text("an old one")
    run(lftp, lftp.commands(f'mirror -R --delete "{tmp_path}/fetched" /'))
    run(rclone, rclone.command("sync", str(tmp_path / "fetched"), rclone.remote()))

    assert {path.name for path in root.iterdir()} == {"PlainviewHSFall2026", "_CLOSED_JOBS.txt"}
    until(lambda: "Cup2026" in (root / "_CLOSED_JOBS.txt").read_text())
    assert len([*root.rglob("*.jpg"), *root.rglob("*.JPG")]) == len(photos)
    assert closing_studio.listing("trash", "list", "PlainviewHSFall2026") == []


@every_program
def test_sending_them_back_ends_well_and_changes_nothing(
    studio: Studio, tmp_path: Path, program: type[Program]
) -> None:
    """Whoever has fetched the whole job has them in the folder that is sent the next time."""
    for name in OURS:
        (tmp_path / name).write_text("an old one")
    client = program(studio, studio.new_job())

    with client.connected():
        answer = client.run(client.put_folder(tmp_path))

    assert answer.status == 0, answer.said
    top = studio.mountpoint / "anna" / client.job
    assert {path.name for path in top.iterdir()} == set(OURS)
    assert all((top / name).read_bytes() != b"an old one" for name in OURS)
    assert studio.listing("trash", "list", client.job) == []
