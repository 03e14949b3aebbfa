"""What every command-line program of the matrix can be asked for.

A program sends as the account anna into one job, through a port: the studio's, or that of a link.
"""

import importlib.metadata
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from jobfs.domain.uploads import UploadState
from tests.served import clients
from tests.served.clients import Answer
from tests.served.matrix.table import Case
from tests.served.studio import PATIENCE, Studio, until

Reasons = Mapping[Case, str]  # why a program cannot do something


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, what is typed into it, and the folder where it is started."""

    words: list[str]
    typed: str = ""
    folder: Path | None = None


class Program:
    """What every program can be asked for.

    label      what the table calls it, with {} for its version
    package    Debian's, or Python's
    cancelled  what jobfs knows of an upload that somebody has stopped; None: the program removes it
    dropped    what jobfs knows of an upload whose sender has died
    listens    it fails when the answer to its close is an error
    cannot     cases that the program has no means for, and why
    note       what the program needs to be told so that all this works; a sentence
    notes      what else it needs to be told in a case, in place of that
    """

    label: ClassVar[str]
    package: ClassVar[str]
    cancelled: ClassVar[UploadState | None] = UploadState.INTERRUPTED
    dropped: ClassVar[UploadState] = UploadState.INTERRUPTED
    listens: ClassVar[bool] = True
    cannot: ClassVar[Reasons] = {}
    note: ClassVar[str] = ""
    notes: ClassVar[Reasons] = {}

    def __init__(self, studio: Studio, job: str, *, port: int | None = None) -> None:
        self.studio, self.job, self.port = studio, job, str(port or studio.port)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Prepare what commands need, and take it away."""
        yield

    def put(self, file: Path) -> Command:
        """Return the command that sends a file, which is alone in its folder."""
        raise NotImplementedError

    def resume(self, file: Path) -> Command:
        """Return the command that sends the rest of a file."""
        raise NotImplementedError

    def put_folder(self, folder: Path) -> Command:
        """Return the command that sends what is in a folder, with its times if it can."""
        raise NotImplementedError

    def get(self, path: str, to: Path) -> Command:
        """Return the command that fetches a file of the job."""
        raise NotImplementedError

    def remove(self, path: str) -> Command | None:
        """Return the command that deletes a file of the job; None: the program has none."""
        del path
        return None

    def names(self) -> Command | None:
        """Return the command that lists the names in the job; None: the program has none."""
        return None

    def has_sent_nothing(self, said: str) -> bool:
        """Tell from what was said whether `put_folder` found nothing to do."""
        raise NotImplementedError

    def run(self, command: Command) -> Answer:
        """Run a command to its end."""
        return clients.run(self.studio, command.words, typed=command.typed, folder=command.folder)

    @contextmanager
    def running(self, command: Command) -> Iterator[subprocess.Popen[str]]:
        """Give a command under way, to whose output nobody listens; it ends with this."""
        process = subprocess.Popen(
            command.words, env=clients.environment(self.studio), cwd=command.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stdin is not None
            process.stdin.write(command.typed)
            process.stdin.close()
            yield process
        finally:
            end(process, signal.SIGKILL)
            wait_for_end(process)

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Stop a command as a photographer does: with Ctrl-C, unless the program has another way."""
        end(process, signal.SIGINT)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Let the program die."""
        end(process, signal.SIGKILL)

    @property
    def target(self) -> str:
        """The job in the notation of scp."""
        return f"anna@127.0.0.1:{self.job}/"


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a program and what it has started, as a terminal does."""
    if process.poll() is None:
        os.killpg(process.pid, number)


def wait_for_end(process: subprocess.Popen[str]) -> None:
    """Return when a program, and all that it has started, has ended."""
    process.wait(PATIENCE)
    until(lambda: not _has_members(process.pid))


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def version(package: str) -> str:
    """Return the version of a Debian package, or of a Python one, as its authors count; "" if none."""
    if package in {"paramiko", "asyncssh"}:
        return importlib.metadata.version(package)
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.sub(r"^\d+:|[-+~].*$", "", shown)
