"""A mount namespace of sshd's own, in which the studio's accounts are accounts of the system.

libnss_extrausers has its folder compiled in, and glibc reads one /etc/nsswitch.conf. So sshd gets a
view of the machine in which that folder and that file are jobfs's. The machine's own files stay as
they are, its own sshd knows nothing of the studio's accounts, and several studios share a machine.
"""

import resource
from pathlib import Path

from jobfs.login.files import EXTRAUSERS
from jobfs.login.refusals import MissingProgramError
from jobfs.login.sshd import LoginConfig, program

NSSWITCH = Path("/etc/nsswitch.conf")
#: nscd would answer from outside the namespace. Source: _PATH_NSCDSOCKET in glibc's nscd-client.h.
_NSCD = Path("/run/nscd")
#: sshd without privileges lives in this empty folder, which systemd makes for the machine's own sshd
#: only. Source: --with-privsep-path in Debian's rules.
_PRIVILEGE_SEPARATION = Path("/run/sshd")
#: Open files that sshd may have. With a container's limit of a milliard, it spends minutes closing
#: descriptors it never opened.
_OPEN_FILES = 65536

_ACCOUNT_DATABASES = ("passwd", "group", "shadow", "gshadow", "initgroups")

#: Arguments: nsswitch.conf, the folder of accounts, the limit of open files, sshd, its configuration.
_ENTER = f"""
mount -n --bind "$1" {NSSWITCH}
mount -n --bind "$2" {EXTRAUSERS}
if [ -d {_NSCD} ]; then mount -n -t tmpfs -o mode=0755 jobfs {_NSCD}; fi
ulimit -n "$3"
"$4" -t -f "$5"
exec "$4" -D -e -f "$5"
"""

#: All that sshd gets to know of our environment, in which passwords may stand.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def prepare(config: LoginConfig) -> None:
    """Make what the namespace needs to be there; raises MissingProgramError."""
    if not EXTRAUSERS.is_dir():
        raise MissingProgramError(f"{EXTRAUSERS} is not there: apt install libnss-extrausers")
    if not NSSWITCH.exists():
        raise MissingProgramError(
            f"{NSSWITCH} is not there: cp /usr/share/libc-bin/nsswitch.conf {NSSWITCH}"
        )
    _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    config.nsswitch.write_text(nsswitch(NSSWITCH.read_text("utf-8")), encoding="utf-8")
    config.nsswitch.chmod(0o644)  # sshd also reads it in an account's name


def command(config: LoginConfig) -> list[str]:
    """Return the command that becomes sshd in a new namespace.

    What is mounted in the old one later appears there, too, but nothing the other way round.
    """
    return [
        "unshare", "--mount", "--propagation", "slave", "--",
        "/bin/sh", "-e", "-c", _ENTER, "jobfs-login",
        str(config.nsswitch), str(config.extrausers), str(_limit()), program(),
        str(config.sshd_config),
    ]  # fmt: skip


def nsswitch(of_machine: str) -> str:
    """Return the machine's nsswitch.conf with the studio's accounts behind those of /etc/passwd."""
    others = [
        line
        for line in of_machine.splitlines()
        if line.partition(":")[0].strip() not in _ACCOUNT_DATABASES
    ]
    ours = [f"{database}: files extrausers" for database in ("passwd", "group", "shadow")]
    return "\n".join([*ours, *others, ""])


def _limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
