"""The pages in docs/ as somebody follows them: the commands on them, and what these print.

A block of commands is marked ```sh. One that cannot be run here has the line
`<!-- not run: reason -->` right before it. A block marked ```text right after commands is what they
print; "..." in it stands for anything.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from jobfs.catalog.engine import Connection
from jobfs.catalog.schema import TaskRow
from tests.pure.pictures import noise
from tests.served.studio import PATIENCE, Studio

DOCS = Path(__file__).parents[2] / "docs"
#: Pages, or folders of them, whose commands something else runs, which names them: it has a container
#: engine, a systemd, or the clients.
ELSEWHERE = {
    "container.md": "tests/prove-image",
    "systemd.md": "tests/prove-systemd",
    "photographers": "tests/served/test_photographers_pages.py",
}
#: What else a fenced block may be marked with: nothing in it is a command.
OTHER_LANGUAGES = {"text", "toml", "ini", "conf", "json", "yaml", "apparmor"}
#: Pages that are written by programs.
GENERATED = {"commands.md", "clients.md"}

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>\S[^>]*) -->\n)?"
    r"^```sh\n(?P<commands>.*?)^```\n"
    r"(?:\n```text\n(?P<printed>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_PASSWORD = re.compile(r"^password: (\S+)$", re.MULTILINE)
#: Commands that run for long, or need systemd, and what is done instead.
_START = {"jobfs up", "systemctl start jobfs.target"}
_STOP = {"systemctl stop jobfs.target 'jobfs-*'"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands on a page.

    line     of the page, where they begin
    printed  what they print; None: the page does not say
    reason   why they are not run; None: they are
    """

    page: str
    line: int
    commands: str
    printed: str | None
    reason: str | None


def pages() -> list[str]:
    """Return the names of all pages, below docs/."""
    return sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def text(page: str) -> str:
    """Return a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def is_elsewhere(page: str) -> bool:
    """Tell whether something else runs the commands of a page."""
    return page.partition("/")[0] in ELSEWHERE


def blocks(page: str) -> list[Block]:
    """Return the commands of a page, in order."""
    content = text(page)
    return [
        Block(
            page=page, line=content.count("\n", 0, found.start("commands")),
            commands=found["commands"], printed=found["printed"], reason=found["reason"],
        )
        for found in _BLOCK.finditer(content)
    ]  # fmt: skip


class Reader:
    """Somebody at a machine, as root, who does what pages say.

    studio     where commands work; from `jobfs restore` on it is *elsewhere*, another machine
    stands_for  what is called otherwise here: paths, hosts, ports
    """

    def __init__(
        self, studio: Studio, stands_for: Mapping[str, str], *, elsewhere: Studio | None = None
    ) -> None:
        self.studio = studio
        self._stands_for = stands_for
        self._elsewhere = elsewhere

    def follow(self, page: str) -> None:
        """Run the commands of a page, and compare what they print."""
        for block in blocks(page):
            if block.reason is None:
                self._do(block)

    def _do(self, block: Block) -> None:
        said, pending = "", ""
        for line in [*self._translated(block.commands).splitlines(keepends=True), ""]:
            is_deed = line.strip() in _START | _STOP
            if pending and (is_deed or not line):
                said += self._run(pending, block)
                pending = ""
            if is_deed:
                self._start_or_stop(line.strip())
            else:
                pending += line
        self._compare(block, said)

    def _start_or_stop(self, command: str) -> None:
        if command in _STOP:
            assert self.studio.stop() == 0
            self.studio.catalog.dispose()  # the next lines may move its file
        elif not self.studio.is_running:
            self.studio.start()

    def _run(self, commands: str, block: Block) -> str:
        """Run commands in a shell; return what they print."""
        if self._elsewhere is not None and commands.startswith("jobfs restore "):
            self.studio = self._elsewhere
        if self.studio.is_running:  # people are slower than workers
            self.studio.wait_until(_nothing_is_left_to_do)
        done = subprocess.run(
            ["bash", "-euc", commands], env=self._environment(), cwd=self.studio.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"docs/{block.page}:{block.line}: {commands}{done.stdout}"
        for password in _PASSWORD.findall(done.stdout):
            (self.studio.home / "password").write_text(f"{password}\n")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        home = self.studio.home
        return {
            "JOBFS_CONFIG": str(self.studio.config_file),
            "PATH": f"{home}/bin:{Path(sys.executable).parent}:{os.defpath}:/usr/sbin:/sbin",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "SSH_ASKPASS": f"{home}/bin/askpass",
            "SSH_ASKPASS_REQUIRE": "force",
        }

    def _translated(self, words: str) -> str:
        longest_first = sorted(self._stands_for, key=len, reverse=True)
        pattern = "|".join(re.escape(there) for there in longest_first)
        return re.sub(pattern, self._here, words)

    def _here(self, there: re.Match[str]) -> str:
        return self._stands_for[there[0]]

    def _compare(self, block: Block, said: str) -> None:
        if block.printed is None:
            return
        expected = " ".join(self._translated(block.printed).split())
        pattern = re.escape(expected).replace(re.escape("..."), ".*?")
        assert re.fullmatch(pattern, " ".join(said.split()), re.DOTALL), (
            f"docs/{block.page}:{block.line} prints:\n{said}\nand not:\n{block.printed}"
        )


def equip(studio: Studio) -> None:
    """Give the photographer of a studio a card with pictures, and somebody who types passwords.

    The password typed is the one that was printed last.
    """
    programs = studio.home / "bin"
    programs.mkdir()
    known = studio.home / "known_hosts"
    options = f"-F none -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known}"
    _script(programs / "sftp", f'exec /usr/bin/sftp {options} "$@"')
    _script(programs / "askpass", f"cat {studio.home}/password")
    card = studio.home / "card"
    card.mkdir()
    for number in range(3):
        noise(320, 240).save(card / f"IMG_{number:04}.JPG")


def _script(file: Path, command: str) -> None:
    file.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    file.chmod(0o700)


def _nothing_is_left_to_do(connection: Connection) -> bool:
    waiting = select(func.count()).select_from(TaskRow).where(TaskRow.failed_at.is_(None))
    return connection.execute(waiting).scalar_one() == 0
