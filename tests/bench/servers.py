"""What others would install instead of jobfs, each with all of its configuration here.

The same disk, the same client, the same key: bindfs and mergerfs, file systems that pass everything on,
under the sshd of `jobfs.login`; proftpd, rclone and copyparty, which are servers of their own. They are
installed by tests/bench/install.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tests.bench import cpu
from tests.bench.comparing import MissingPeerError, Options
from tests.bench.sending import Login, do
from tests.bench.sides import (
    FolderSide,
    JobfsSide,
    home_of_anna,
    mountpoint,
    on_disk,
    serving,
    unmount,
)  # fmt: skip
from tests.served.login_studio import free_port
from tests.served.studio import until

#: Where tests/bench/install puts copyparty, which has packages of its own.
_COPYPARTY = Path(__file__).parents[2] / ".venv/copyparty/bin/copyparty"

Peer = Callable[[Options, JobfsSide], AbstractContextManager[FolderSide]]


def _installed(program: str) -> str:
    found = shutil.which(program, path=f"/usr/bin:/usr/sbin:{_COPYPARTY.parent}")
    if found is None:
        raise MissingPeerError(f"{program} is not installed: sudo tests/bench/install")
    return found


# --- file systems under the same sshd ---

#: Options as bindfs has them by itself; it runs in one thread.
_BINDFS = ("-f", "-o", "allow_other")
#: What mergerfs(1), "Basic setup", recommends where nobody needs mmap.
_MERGERFS = (
    "-f", "-o", "allow_other,use_ino,cache.files=off,dropcacheonclose=true,category.create=mfs",
)  # fmt: skip


@contextmanager
def _over(
    program: str, arguments: tuple[str, ...], options: Options, jobfs: JobfsSide
) -> Iterator[FolderSide]:
    """Give the sshd of jobfs over a file system that shows a folder of the disk."""
    with on_disk(options) as disk, mountpoint() as root:
        command = [_installed(program), *arguments, str(disk), str(root)]
        before = root.stat().st_dev
        with _running(command, disk / f"{program}.log") as running:
            running.wait_until(lambda: root.stat().st_dev != before)
            try:
                with serving(disk, root, jobfs, beside=[running.pid]) as side:
                    yield side
            finally:
                unmount(root)


# --- servers of their own ---


class ServerSide(FolderSide):
    """A server that must hear of new folders, since it remembers what it has seen."""

    def fresh(self) -> str:
        """Make a folder over SFTP, as a client does."""
        name = self.next_name()
        do(self.login, f'mkdir "{name}"\n')
        return name


@contextmanager
def _server(
    configure: Callable[[Path, Path, int], list[str]], options: Options, jobfs: JobfsSide
) -> Iterator[FolderSide]:
    """Give a server of anna's root in a folder of the disk.

    *configure* writes what it needs into one folder, for another one to serve on a port, and returns the
    command that runs it.
    """
    with on_disk(options) as disk:
        owner = home_of_anna(disk, jobfs)
        shutil.chown(disk / "anna", owner, owner)
        port = free_port()
        _bring_keys(disk, jobfs)
        command = configure(disk, disk / "anna", port)
        with _running(command, disk / "log") as running, cpu.group([running.pid]) as group:
            login = Login(home=jobfs.login.home, port=port)
            running.wait_until(lambda: do(login, "ls\n", must=False) == 0)
            yield ServerSide(disk / "anna", login, group, owner=owner)


def _bring_keys(folder: Path, jobfs: JobfsSide) -> None:
    """Give a server the host keys of jobfs, and anna's key."""
    shutil.copytree(jobfs.studio.data / "login/hostkeys", folder / "hostkeys")
    shutil.copy(jobfs.login.home / "anna.pub", folder / "authorized_keys")


class _Program:
    """A program that runs, and writes what it says to *log*."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    def wait_until(self, claim: Callable[[], bool]) -> None:
        """Return when a claim is true, which it can be only while the program runs."""

        def is_true() -> bool:
            self.assert_running()
            return claim()

        until(is_true)

    def assert_running(self) -> None:
        """Check that it has not ended, with its last words."""
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-2000:]


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[_Program]:
    """Run a program, which must not end by itself."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    running = _Program(process, log)
    try:
        yield running
        running.assert_running()
    finally:
        process.terminate()
        process.wait()


_PROFTPD = """\
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
UseIPv6 off
UseReverseDNS off
ModulePath /usr/lib/proftpd
LoadModule mod_sftp.c
User nobody
Group nogroup
PidFile {folder}/pid
ScoreboardFile {folder}/scoreboard
SystemLog {folder}/log
TransferLog none
WtmpLog off
DelayEngine off
AuthOrder mod_auth_file.c
AuthUserFile {folder}/passwd
AuthGroupFile {folder}/group
RequireValidShell off
DefaultRoot ~
Umask 022
AllowOverwrite on
SFTPEngine on
SFTPHostKey {folder}/hostkeys/ssh_host_ed25519_key
SFTPAuthMethods publickey
SFTPAuthorizedUserKeys file:{folder}/keys
"""


def _proftpd(folder: Path, root: Path, port: int) -> list[str]:
    owner = root.stat().st_uid
    _write(folder / "passwd", f"anna:*:{owner}:{owner}::{root}:/usr/sbin/nologin\n")
    _write(folder / "group", f"anna:*:{owner}:anna\n")
    public = ["ssh-keygen", "-e", "-m", "RFC4716", "-f", str(folder / "authorized_keys")]
    _write(folder / "keys", subprocess.check_output(public, text=True))
    _write(folder / "proftpd.conf", _PROFTPD.format(folder=folder, port=port))
    return [_installed("proftpd"), "-n", "-q", "-c", str(folder / "proftpd.conf")]


def _rclone(folder: Path, root: Path, port: int) -> list[str]:
    return [
        _installed("rclone"), "--config", "/dev/null", "--cache-dir", str(folder / "cache"),
        "serve", "sftp", str(root), "--addr", f"127.0.0.1:{port}",
        "--key", str(folder / "hostkeys/ssh_host_ed25519_key"),
        "--authorized-keys", str(folder / "authorized_keys"),
    ]  # fmt: skip


#: With its index (e2dsa), the photos' metadata (e2ts), and thumbnails, which it makes when they are
#: looked at.
_COPYPARTY_CONF = """\
[global]
  i: 127.0.0.1
  p: {web}
  no-crt
  q
  sftp: {port}
  sftp-i: 127.0.0.1
  sftp-hostk: {folder}/own-hostkeys
  sftp-key: anna {key}
  e2dsa
  e2ts
  hist: {folder}/hist
[accounts]
  anna: unguessable
[/]
  {root}
  accs:
    rwmd: anna
"""


def _copyparty(folder: Path, root: Path, port: int) -> list[str]:
    key = " ".join((folder / "authorized_keys").read_text("ascii").split()[:2])
    (folder / "own-hostkeys").mkdir()
    text = _COPYPARTY_CONF.format(web=free_port(), port=port, folder=folder, key=key, root=root)
    _write(folder / "copyparty.conf", text)
    home = ["env", f"HOME={folder}", f"XDG_CONFIG_HOME={folder}"]
    return [*home, _installed("copyparty"), "-c", str(folder / "copyparty.conf")]


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)  # proftpd wants it so


#: How each peer is run, by its name.
PEERS: dict[str, Peer] = {
    "bindfs": partial(_over, "bindfs", _BINDFS),
    "mergerfs": partial(_over, "mergerfs", _MERGERFS),
    "proftpd": partial(_server, _proftpd),
    "rclone": partial(_server, _rclone),
    "copyparty": partial(_server, _copyparty),
}
