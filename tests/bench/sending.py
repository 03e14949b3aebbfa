"""Real clients that send files to a side of a comparison, and what it took."""

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from tests.bench.sources import Load


class Side(Protocol):
    """A running SFTP server that takes anna's uploads; made by `jobfs_side`, `plain_side` and others.

    login    what OpenSSH's clients need to come in: host, port and key
    """

    login: "Login"

    def fresh(self) -> str:
        """Make an empty folder and return its name, as anna sees it below her root."""
        ...

    def check(self, place: str, number: int, size: int) -> None:
        """Check that so many files with so many bytes in all have arrived whole."""
        ...

    def clear(self, place: str) -> None:
        """Delete what was sent, so that the disk need not write it while another side is measured."""
        ...

    def cpu(self) -> float | None:
        """Return the CPU seconds that its processes have taken so far; None if that is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a client comes in: *home* holds the key `anna` and the known hosts.

    through  what the client's command begins with, as one that runs it elsewhere
    """

    home: Path
    port: int
    host: str = "127.0.0.1"
    through: tuple[str, ...] = ()

    def sftp(self, batch: Path) -> list[str]:
        """Return the command of OpenSSH's sftp that does what a file says."""
        chosen = {
            "IdentityFile": self.home / "anna",
            "UserKnownHostsFile": self.home / "known_hosts",
            "StrictHostKeyChecking": "accept-new",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        options = [f"-o{key}={value}" for key, value in chosen.items()]
        return [
            *self.through, "sftp", "-F", "none", *options, "-P", str(self.port), "-b", str(batch),
            f"anna@{self.host}",
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds until all clients had ended, and of each; and CPU seconds of the server, if known."""

    seconds: float
    each: tuple[float, ...]
    cpu: float | None


def send(side: Side, loads: Sequence[Load], *, put: str = "put") -> Took:
    """Send each load over a connection of its own, all into one new folder, at the same time.

    When it returns, the server has proved that it has them, and has them no longer. *put* is sftp's
    command for it.
    """
    place = side.fresh()
    commands = [side.login.sftp(_batch(side, place, load, put)) for load in loads]
    os.sync()
    before, began = side.cpu(), monotonic()
    each = _all_at_once(commands, side.login.home)
    took = monotonic() - began
    after = side.cpu()
    used = None if before is None or after is None else after - before
    side.check(place, sum(load.number for load in loads), sum(load.size for load in loads))
    side.clear(place)
    return Took(took, each, used)


def do(login: Login, commands: str, *, must: bool = True) -> int:
    """Have sftp do something, and return its exit status, which *must* be 0."""
    batch = login.home / "batch"
    batch.write_text(commands, encoding="utf-8")
    done = subprocess.run(
        login.sftp(batch), env=_environment(login.home), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not must, done.stderr
    return done.returncode


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8"}


def _batch(side: Side, place: str, load: Load, put: str) -> Path:
    batch = side.login.home / f"batch-{load.folder.name}"
    batch.write_text(f'cd "{place}"\n{put} {load.folder}/*\n', encoding="utf-8")
    return batch


def _all_at_once(commands: Sequence[list[str]], home: Path) -> tuple[float, ...]:
    with ThreadPoolExecutor(len(commands)) as threads:
        return tuple(threads.map(_timed(home), commands))


def _timed(home: Path) -> Callable[[list[str]], float]:
    environment = _environment(home)

    def run(command: list[str]) -> float:
        began = monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return monotonic() - began

    return run
