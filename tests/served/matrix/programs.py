"""The command-line programs of the matrix: how each is told to do what a case asks for."""
# ruff: noqa: D102 - Program says what its methods return

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from jobfs.domain.uploads import UploadState
from tests.served import clients
from tests.served.matrix.program import Command, Program, Reasons
from tests.served.matrix.table import Case
from tests.served.studio import PASSWORD, Studio

_HERE = Path(__file__).parent
_SENDS_AGAIN = "It sends what it is told to send, whatever is there."


class Sftp(Program):
    """OpenSSH's sftp. On Ctrl-C it closes the file as if it were whole."""

    label, package = "OpenSSH {} sftp", "openssh-client"
    cancelled = UploadState.INCOMPLETE
    cannot: ClassVar[Reasons] = {Case.SECOND_RUN: _SENDS_AGAIN}

    def put(self, file: Path) -> Command:
        return self._batch(f'put "{file}" "{self.job}/"')

    def resume(self, file: Path) -> Command:
        return self._batch(f'reput "{file}" "{self.job}/{file.name}"')

    def put_folder(self, folder: Path) -> Command:
        return self._batch(f'cd "{self.job}"', "put -rp *", folder=folder)

    def get(self, path: str, to: Path) -> Command:
        return self._batch(f'get "{self.job}/{path}" "{to}"')

    def remove(self, path: str) -> Command:
        return self._batch(f'rm "{self.job}/{path}"')

    def names(self) -> Command:
        return self._batch(f'ls -la "{self.job}"')

    def _batch(self, *lines: str, folder: Path | None = None) -> Command:
        options = clients.options(self.studio)
        words = ["sftp", *options, "-P", self.port, "-b", "-", "anna@127.0.0.1"]
        return Command(words, "\n".join([*lines, ""]), folder)


class Scp(Program):
    """OpenSSH's scp, which speaks SFTP since 9.0."""

    label, package = "OpenSSH {} scp", "openssh-client"
    cannot: ClassVar[Reasons] = {
        Case.RESUME: "It always sends the whole file.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }

    def put(self, file: Path) -> Command:
        return self._copy(str(file))

    def put_folder(self, folder: Path) -> Command:
        return self._copy("-rp", *(str(place) for place in sorted(folder.iterdir())))

    def get(self, path: str, to: Path) -> Command:
        options = clients.options(self.studio)
        return Command(["scp", *options, "-P", self.port, f"{self.target}{path}", str(to)])

    def _copy(self, *words: str) -> Command:
        options = clients.options(self.studio)
        return Command(["scp", *options, "-P", self.port, *words, self.target])


class _Lftp(Program):
    """What lftp's commands share: it logs in through ssh, with the key."""

    package = "lftp"
    settings: ClassVar[tuple[str, ...]] = ()

    def commands(self, *commands: str) -> Command:
        """Return lftp with commands in the job."""
        ssh = shlex.join(["ssh", "-a", "-x", *clients.options(self.studio)])
        script = [
            f'set sftp:connect-program "{ssh}"', "set cmd:fail-exit yes", "set net:max-retries 1",
            *self.settings, f"open -u anna, sftp://127.0.0.1:{self.port}", f'cd "/{self.job}"',
            *commands,
        ]  # fmt: skip
        return Command(["lftp", "--norc", "-c", "; ".join(script)])

    def get(self, path: str, to: Path) -> Command:
        return self.commands(f'get "{path}" -o "{to}"')

    def remove(self, path: str) -> Command:
        return self.commands(f'rm "{path}"')

    def names(self) -> Command:
        return self.commands("cls -l")

    def has_sent_nothing(self, said: str) -> bool:
        """What mirror does, it says with -v."""
        return not re.search("Transferring|Removing|Making", said)


class LftpPut(_Lftp):
    """lftp's put, into directories made before."""

    label = "lftp {} put"
    cannot: ClassVar[Reasons] = {Case.SECOND_RUN: _SENDS_AGAIN}

    def put(self, file: Path) -> Command:
        return self.commands(f'put "{file}"')

    def resume(self, file: Path) -> Command:
        return self.commands(f'put -c "{file}"')

    def put_folder(self, folder: Path) -> Command:
        commands = []
        for place in sorted(folder.rglob("*")):
            path = place.relative_to(folder)
            commands.append(f'mkdir "{path}"' if place.is_dir() else f'put "{place}" -o "{path}"')
        return self.commands(*commands)


class LftpMirror(_Lftp):
    """lftp's mirror -R, which removes a file before it sends it anew."""

    label = "lftp {} mirror -R"

    def put(self, file: Path) -> Command:
        return self.put_folder(file.parent)

    def resume(self, file: Path) -> Command:
        return self.commands(f'mirror -R -c "{file.parent}" .')

    def put_folder(self, folder: Path) -> Command:
        return self.commands(f'mirror -R -v "{folder}" .')


class LftpTemporary(LftpMirror):
    """lftp with `.in.NAME` as long as it sends: put for a file, mirror -R for a folder.

    A rename that follows the close never fails.
    """

    label = "lftp {} with xfer:use-temp-file"
    listens = False
    settings = ("set xfer:use-temp-file yes",)
    cancelled = dropped = UploadState.WAITING

    def put(self, file: Path) -> Command:
        return self.commands(f'put "{file}"')

    def resume(self, file: Path) -> Command:
        return self.commands(f'put -c "{file}"')


class Rclone(Program):
    """rclone copy, with a configuration of its own. When a close fails, it removes and sends again."""

    label, package = "rclone {} copy", "rclone"
    listens = False
    cannot: ClassVar[Reasons] = {Case.RESUME: "It starts an interrupted file from its beginning."}

    def put(self, file: Path) -> Command:
        return self.put_folder(file)

    def put_folder(self, folder: Path) -> Command:
        return self.command("copy", str(folder), self.remote())

    def get(self, path: str, to: Path) -> Command:
        return self.command("copyto", self.remote(path), str(to))

    def remove(self, path: str) -> Command:
        return self.command("deletefile", self.remote(path))

    def names(self) -> Command:
        return self.command("lsl", self.remote())

    def remote(self, path: str = "") -> str:
        """Return the notation of the job, or of a file in it."""
        key = self.studio.home / "anna"
        return f":sftp,host=127.0.0.1,port={self.port},user=anna,key_file={key}:{self.job}/{path}"

    def command(self, verb: str, *words: str) -> Command:
        """Return rclone with one of its commands."""
        settings = self.studio.home / "rclone.conf"
        settings.touch()
        return Command(["rclone", "--config", str(settings), verb, "-v", *words])

    def has_sent_nothing(self, said: str) -> bool:
        """It says each file that it has copied."""
        return "There was nothing to transfer" in said and ": Copied" not in said


class _Putty(Program):
    """What PuTTY's programs share: the password, and the fingerprints of the account's card."""

    package = "putty-tools"

    def words(self, program: str) -> list[str]:
        """Return a program, as far as all its commands are the same."""
        pins = [word for found in _fingerprints(self.studio) for word in ("-hostkey", found)]
        return [program, "-batch", *pins, "-P", self.port, "-pw", PASSWORD]


@cache
def _fingerprints(studio: Studio) -> list[str]:
    return sorted(set(re.findall(r"SHA256:\S+", studio.jobfs("account", "card", "anna"))))


class Psftp(_Putty):
    """PuTTY's psftp."""

    label = "psftp {}"
    cannot: ClassVar[Reasons] = {
        Case.TIMES: "It has no option to send times.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }

    def put(self, file: Path) -> Command:
        return self._batch(f'put "{file}" "{self.job}/{file.name}"')

    def resume(self, file: Path) -> Command:
        return self._batch(f'reput "{file}" "{self.job}/{file.name}"')

    def put_folder(self, folder: Path) -> Command:
        places = sorted(folder.iterdir())
        puts = [f'put {"-r " if place.is_dir() else ""}"{place.name}"' for place in places]
        return self._batch(f'cd "{self.job}"', *puts, folder=folder)

    def get(self, path: str, to: Path) -> Command:
        return self._batch(f'get "{self.job}/{path}" "{to}"')

    def remove(self, path: str) -> Command:
        return self._batch(f'rm "{self.job}/{path}"')

    def names(self) -> Command:
        return self._batch(f'ls "{self.job}"')

    def _batch(self, *lines: str, folder: Path | None = None) -> Command:
        script = self.studio.home / "psftp"
        script.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return Command([*self.words("psftp"), "-b", str(script), "anna@127.0.0.1"], folder=folder)


class Pscp(_Putty):
    """PuTTY's pscp, through SFTP. It does not look at the answer to its close."""

    label = "pscp {}"
    listens = False
    cannot: ClassVar[Reasons] = {
        Case.RESUME: "It always sends the whole file.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }

    def put(self, file: Path) -> Command:
        return self._copy(str(file))

    def put_folder(self, folder: Path) -> Command:
        return self._copy("-r", "-p", *(str(place) for place in sorted(folder.iterdir())))

    def get(self, path: str, to: Path) -> Command:
        return Command([*self.words("pscp"), "-q", "-sftp", f"{self.target}{path}", str(to)])

    def names(self) -> Command:
        return Command([*self.words("pscp"), "-sftp", "-ls", self.target])

    def _copy(self, *words: str) -> Command:
        return Command([*self.words("pscp"), "-q", "-sftp", *words, self.target])


class Curl(Program):
    """curl's sftp://. When its time is up it closes the file as if it were whole."""

    label, package = "curl {}", "curl"
    listens = False
    cancelled = UploadState.INCOMPLETE
    cannot: ClassVar[Reasons] = {
        Case.TIMES: "It has no option to send times.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }

    def put(self, file: Path) -> Command:
        return Command([*self._words(), *self._transfer(file, file.name)])

    def put_for_a_while(self, file: Path) -> Command:
        """Return a command that gives up, long after it has sent enough, however late it logs in."""
        limits = ["--max-time", "6", "--limit-rate", "150k"]
        return Command([*self._words(), *limits, *self._transfer(file, file.name)])

    def resume(self, file: Path) -> Command:
        return Command([*self._words(), "-C", "-", *self._transfer(file, file.name)])

    def put_folder(self, folder: Path) -> Command:
        words = [*self._words(), "--ftp-create-dirs"]
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            words += self._transfer(file, str(file.relative_to(folder)))
        return Command(words)

    def get(self, path: str, to: Path) -> Command:
        return Command([*self._words(), "-o", str(to), self._url(path)])

    def remove(self, path: str) -> Command:
        return Command([*self._words(), "-Q", f'rm "/{self.job}/{path}"', self._url("")])

    def names(self) -> Command:
        return Command([*self._words(), self._url("")])

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Nobody needs to."""

    def _words(self) -> list[str]:
        key = self.studio.home / "anna"
        return ["curl", "-sS", "-k", "-u", "anna:", "--key", str(key), "--pubkey", f"{key}.pub"]

    def _transfer(self, file: Path, path: str) -> list[str]:
        return ["-T", str(file), self._url(path)]

    def _url(self, path: str) -> str:
        return f"sftp://127.0.0.1:{self.port}/{quote(f'{self.job}/{path}')}"


class _Script(Program):
    """A program of a photographer's own, in Python."""

    script: ClassVar[str]

    def put(self, file: Path) -> Command:
        return self._send(file.parent, file.name)

    def put_folder(self, folder: Path) -> Command:
        return self._send(folder, *sorted(place.name for place in folder.iterdir()))

    def get(self, path: str, to: Path) -> Command:
        return self._send(to.parent, "--get", path, to.name)

    def _send(self, folder: Path, *names: str) -> Command:
        key = str(self.studio.home / "anna")
        words = [sys.executable, str(_HERE / self.script), self.port, key, self.job, *names]
        return Command(words, folder=folder)


class Paramiko(_Script):
    """paramiko's put. Its files are closed also when an exception ends their sending."""

    label, package = "paramiko {} put", "paramiko"
    script = "with_paramiko.py"
    listens = False
    cancelled = UploadState.INCOMPLETE
    cannot: ClassVar[Reasons] = {
        Case.RESUME: "Its put always sends the whole file.",
        Case.TIMES: "Its put sends no times.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }


class Asyncssh(_Script):
    """asyncssh's put, with preserve. A task that is cancelled closes its file."""

    label, package = "asyncssh {} put", "asyncssh"
    script = "with_asyncssh.py"
    cancelled = UploadState.INCOMPLETE
    cannot: ClassVar[Reasons] = {
        Case.RESUME: "Its put always sends the whole file.",
        Case.SECOND_RUN: _SENDS_AGAIN,
    }
