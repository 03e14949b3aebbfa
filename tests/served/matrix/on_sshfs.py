"""A job mounted with sshfs on the photographer's computer, and the programs used on it."""
# ruff: noqa: D102 - Program says what its methods return

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from jobfs.domain.uploads import UploadState
from tests.served.matrix.program import Command, Program, Reasons, end, wait_for_end
from tests.served.matrix.table import Case
from tests.served.studio import until


class _OnSshfs(Program):
    """What the programs share: the mount. When the computer dies, sshfs does, not just the program.

    sshfs does not wait for the answer to its close, so a program on it cannot hear one.
    """

    package = "sshfs"
    listens = False
    cancelled: ClassVar[UploadState | None] = UploadState.INCOMPLETE
    #: sshfs has idmap=user for this, which looks at whom the top directory belongs to: root.
    note = (
        "With `-o uid=UID,gid=GID`, which shows files as one's own: without it these programs try to "
        "give them to the local account, are refused, and end with an error after all was sent."
    )

    notes: ClassVar[Reasons] = {
        Case.STATUS_FILES: "sshfs remembers for 20 seconds how long a file was, and shows no more of it: "
        "with `-o dcache_stat_timeout=1` it asks again after a second."
    }

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Mount the job below the studio's folder *home* as long as this lasts."""
        self._at = Path(tempfile.mkdtemp(prefix="sshfs-", dir=self.studio.home))
        with self.running(self._mount()) as self._sshfs:
            until(self._at.is_mount)
            try:
                yield
            finally:
                subprocess.run(["fusermount3", "-uz", str(self._at)], check=True)
                wait_for_end(self._sshfs)
        self._at.rmdir()

    def remove(self, path: str) -> Command:
        return Command(["rm", "-f", str(self._at / path)])

    def names(self) -> Command:
        return Command(["ls", "-l", str(self._at)])

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Let the computer die."""
        end(self._sshfs, signal.SIGKILL)
        super().kill(process)

    def _mount(self) -> Command:
        home = self.studio.home
        options = (
            f"uid={os.getuid()},gid={os.getgid()},port={self.port},IdentityFile={home}/anna,"
            f"BatchMode=yes,IdentitiesOnly=yes,UserKnownHostsFile={home}/known_hosts,"
            "StrictHostKeyChecking=accept-new"
        )
        remote = f"anna@127.0.0.1:/{self.job}"
        return Command(["sshfs", "-f", "-F", "none", "-o", options, remote, str(self._at)])


class Cp(_OnSshfs):
    """cp -p; -u leaves out what is not newer.

    Directories that it makes, cp -p gives to the local account, whomever they seem to belong to.
    """

    label = "sshfs {}, cp -p"
    note = f"{_OnSshfs.note} A folder: with `cp -r --preserve=mode,timestamps`."
    cannot: ClassVar[Reasons] = {Case.RESUME: "It always copies the whole file."}

    def put(self, file: Path) -> Command:
        return Command(["cp", "-p", str(file), str(self._at)])

    def put_folder(self, folder: Path) -> Command:
        kept = "--preserve=mode,timestamps"
        return Command(["cp", "-r", "-u", "-v", kept, f"{folder}/.", str(self._at)])

    def get(self, path: str, to: Path) -> Command:
        return Command(["cp", "-p", str(self._at / path), str(to)])

    def has_sent_nothing(self, said: str) -> bool:
        """It says what it copies with -v."""
        return not said


class Rsync(_OnSshfs):
    """rsync -a, which sends to `.NAME.XXXXXX`, and removes that when it is stopped."""

    label = "sshfs {}, rsync -a"
    cancelled: ClassVar[UploadState | None] = None
    dropped = UploadState.WAITING
    cannot: ClassVar[Reasons] = {
        Case.RESUME: "Without --partial it keeps nothing of an interrupted file."
    }

    def put(self, file: Path) -> Command:
        return self._copy(str(file))

    def put_folder(self, folder: Path) -> Command:
        return self._copy("-i", f"{folder}/")

    def get(self, path: str, to: Path) -> Command:
        return Command(["rsync", "-a", str(self._at / path), str(to)])

    def delete_others(self, folder: Path) -> Command:
        """Return the command that makes the job what a folder is."""
        return self._copy("--delete", f"{folder}/")

    def has_sent_nothing(self, said: str) -> bool:
        """It says with -i what it sends and makes; lines with a dot are of attributes."""
        return not re.search("^[<>c*]", said, re.MULTILINE)

    def _copy(self, *words: str) -> Command:
        return Command(["rsync", "-a", *words, f"{self._at}/"])


class RsyncInPlace(Rsync):
    """rsync -a --inplace, which writes into the file itself; with --append it resumes."""

    label = "sshfs {}, rsync -a --inplace"
    cancelled = UploadState.INCOMPLETE
    dropped = UploadState.INTERRUPTED
    cannot: ClassVar[Reasons] = {}

    def resume(self, file: Path) -> Command:
        return self._copy("--append", str(file))

    def _copy(self, *words: str) -> Command:
        return super()._copy("--inplace", *words)
