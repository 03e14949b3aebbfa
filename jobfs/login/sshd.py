"""The configuration of the sshd that jobfs starts. Keywords: sshd_config(5)."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobfs.login import hostkeys
from jobfs.login.files import EXTRAUSERS, GROUP_PREFIX, KEYS
from jobfs.login.refusals import BadFolderError, MissingProgramError

#: What internal-sftp refuses, by its own names (`sftp-server -Q requests`): a job has no links.
_DENIED_REQUESTS = "symlink,hardlink"
_SFTP = f"internal-sftp -u 0022 -P {_DENIED_REQUESTS}"

#: Keywords that not every OpenSSH knows, and an unknown one stops sshd; see `optional`.
_OPTIONAL = {
    # Since 9.8 sshd shuts an address out after failures, for up to ten minutes. A whole studio
    # sits behind one address, and its client programs repeat a mistyped password by themselves.
    "persourcepenalties": (
        "PerSourcePenalties authfail:1s noauth:1s grace-exceeded:5s crash:30s min:10s max:60s"
    ),
    # A tunnel or proxy on this machine makes everybody's address this one.
    "persourcepenaltyexemptlist": "PerSourcePenaltyExemptList 127.0.0.0/8,::1/128",
    "debianbanner": "DebianBanner no",  # Debian's own: without it the version names the patch level
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginConfig:
    """Where photographers come in.

    folder      what login keeps: rendered files, host keys, sshd's configuration
    mountpoint  the tree; its directory NAME is the root that the account NAME sees
    listen      "host:port", with IPv6 hosts in brackets
    """

    folder: Path
    mountpoint: Path
    listen: tuple[str, ...]

    @property
    def extrausers(self) -> Path:
        """The folder that sshd sees as /var/lib/extrausers."""
        return self.folder / "extrausers"

    @property
    def hostkeys(self) -> Path:
        """The folder of the server's own keys."""
        return self.folder / "hostkeys"

    @property
    def nsswitch(self) -> Path:
        """The file that sshd sees as /etc/nsswitch.conf."""
        return self.folder / "nsswitch.conf"

    @property
    def sshd_config(self) -> Path:
        """The file that sshd is started with."""
        return self.folder / "sshd_config"

    @property
    def pid_file(self) -> Path:
        """The file that sshd writes as soon as it listens."""
        return self.folder / "sshd.pid"


def program() -> str:
    """Return sshd's absolute path, which it insists on; raises MissingProgramError."""
    found = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if found is None:
        raise MissingProgramError("sshd is not installed: apt install openssh-server")
    return found


def write_config(config: LoginConfig) -> None:
    """Write the configuration for the OpenSSH that is installed; its host keys must be there."""
    basic = config_text(config)
    config.sshd_config.write_text(basic, encoding="utf-8")
    config.sshd_config.write_text(
        "\n".join([basic, *optional(config.sshd_config), ""]), encoding="utf-8"
    )


def optional(sshd_config: Path) -> list[str]:
    """Return the lines among _OPTIONAL that the installed sshd knows.

    `sshd -T` prints every keyword it knows with its value; without the file's host keys it refuses.
    """
    command = [program(), "-T", "-f", str(sshd_config)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    known = {line.partition(" ")[0] for line in shown.splitlines()}
    return [line for keyword, line in _OPTIONAL.items() if keyword in known]


def config_text(config: LoginConfig) -> str:
    """Return the configuration that every OpenSSH since 9.2 understands."""
    return "\n".join(
        [
            "# Written by jobfs whenever it starts; changes are lost.",
            *(f"ListenAddress {address}" for address in config.listen),
            *(f"HostKey {_quoted(file)}" for file in hostkeys.files(config.hostkeys)),
            f"PidFile {_quoted(config.pid_file)}",
            f'ChrootDirectory "{_escaped(config.mountpoint)}/%u"',
            f"AuthorizedKeysFile {EXTRAUSERS / KEYS}/%u",
            f"AllowGroups {GROUP_PREFIX}*",
            f"Subsystem sftp {_SFTP}",
            f"ForceCommand {_SFTP}",
            *_FIXED,
            "",
        ]
    )


_FIXED = (
    # Who comes in, and how.
    "UsePAM no",  # libcrypt checks yescrypt by itself; PAM would ask this machine's own policy
    "PermitRootLogin no",
    "PubkeyAuthentication yes",
    "PasswordAuthentication yes",
    "PermitEmptyPasswords no",
    "KbdInteractiveAuthentication no",
    "HostbasedAuthentication no",
    "StrictModes yes",
    "MaxAuthTries 10",  # PuTTY's and other agents offer every key they hold before the password
    # What for: SFTP and nothing else.
    "DisableForwarding yes",
    "AllowStreamLocalForwarding no",
    "X11Forwarding no",
    "PermitTTY no",
    "PermitTunnel no",
    "PermitUserRC no",
    "PermitUserEnvironment no",
    "PrintMotd no",
    "PrintLastLog no",
    # How many, and for how long. FileZilla and rclone open a dozen connections at once.
    "MaxStartups 100:30:300",
    "MaxSessions 10",
    "LoginGraceTime 120",  # includes the minute somebody compares the fingerprint with the card
    "ClientAliveInterval 15",  # a dead link is noticed after a minute: a file stays open until then
    "ClientAliveCountMax 4",
    "ChannelTimeout session:subsystem:sftp=30m session:*=30m",
    "UnusedConnectionTimeout 5m",
    "UseDNS no",
    # With VERBOSE it says which keys were refused; see `jobfs.login.role` for what is passed on.
    "LogLevel VERBOSE",
)


def _quoted(path: Path) -> str:
    return f'"{_checked(path)}"'


def _escaped(path: Path) -> str:
    """Return a path for a keyword in which sshd replaces %-tokens."""
    return _checked(path).replace("%", "%%")


def _checked(path: Path) -> str:
    text = str(path)
    if any(character in text for character in '"\\\n'):
        raise BadFolderError(
            f"sshd cannot use the path {text!r}: it has a quote, backslash or newline"
        )
    return text
