"""What `jobfs doctor` finds, and what helps: every remedy it knows is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Result(StrEnum):
    """How a check ended; with one that is unfit, photographers are not served, or not safely."""

    OK = "ok"
    WARNING = "warning"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check has found.

    check   what was looked at, a key of REMEDIES
    remedy  what to do; None if there is nothing to do
    """

    check: str
    result: Result
    text: str
    remedy: str | None


#: What helps, by check; docs/troubleshooting.md tells more.
REMEDIES: Final[Mapping[str, str]] = {
    "root": "Run it as root: try sudo.",
    "fuse": (
        "Run `modprobe fuse`, or start the container with --device /dev/fuse --cap-add SYS_ADMIN."
    ),
    "programs": "Install what is missing: apt install fuse3 mount util-linux openssh-client.",
    "mounting": (
        "Start the container with --cap-add SYS_ADMIN --security-opt apparmor=unconfined, or run jobfs"
        " as root of the machine."
    ),
    "sshd": "Install OpenSSH 9.2 or newer: apt install openssh-server.",
    "nss": (
        "apt install libnss-extrausers; if /etc/nsswitch.conf is missing:"
        " cp /usr/share/libc-bin/nsswitch.conf /etc/nsswitch.conf"
    ),
    "addresses": "End the other program (`ss -ltnp` shows it), or change [sshd] listen.",
    "mountpoint": (
        "Start jobfs, which clears a dead mount; by hand: umount --lazy MOUNTPOINT. What else lies in"
        " the folder must be moved away."
    ),
    "chroot": (
        "sshd wants every folder above the mountpoint to be root's, and writable for root alone: chown"
        " root FOLDER; chmod go-w FOLDER. Or choose another [jobfs] mountpoint."
    ),
    "processes": (
        "Run mount and login in one pid namespace (one container, or --pid=container:NAME), with /proc"
        " mounted without hidepid; if the mount does not answer, restart it."
    ),
    "open files": (
        "Allow more: `ulimit -n 65536` before `jobfs up`, LimitNOFILE=65536 in a unit, or --ulimit"
        " nofile=65536 for a container."
    ),
    "confinement": (
        "Boot a kernel with landlock (lsm=landlock,... on its command line) and seccomp, and do not take"
        " them away from the container; until then decoders are only separate processes with limits."
    ),
    "resizing": (
        "Install it beside jobfs, by the same pip: pip install cykooz-resizer. There are wheels for x86_64;"
        " elsewhere it takes Rust. Renditions are the same without: pip uninstall cykooz-resizer."
    ),
    "settings": (
        "chmod o-rwx FILE; or keep the password in a file of its own: [jobfs] database_password_file."
    ),
    "data": "chown root FOLDER; chmod go-w FOLDER; and see that its disk is mounted for writing.",
    "space": (
        "Add room, or free some: `jobfs trash purge`; look at backups in the data folder. Where files run"
        " out before bytes, make the file system anew with more inodes."
    ),
    "host keys": "chown root FILE; chmod 600 FILE: sshd uses no key that others can read.",
    "database": (
        "Start the database server, and compare [jobfs] database with its address; see docs/backup.md"
        " if an SQLite file is damaged."
    ),
    "schema": "An older one: run `jobfs init`. A newer one: install that version of jobfs again.",
    "clock": (
        "Set the clocks of all machines by NTP: `timedatectl set-ntp true`. What has a time in the"
        " future was made while a clock was wrong; `touch` sets a file right."
    ),
}


def ok(check: str, text: str) -> Finding:
    """Return that there is nothing to do."""
    assert check in REMEDIES
    return Finding(check=check, result=Result.OK, text=text, remedy=None)


def warning(check: str, text: str) -> Finding:
    """Return that jobfs works, but not as well as it could."""
    return Finding(check=check, result=Result.WARNING, text=text, remedy=REMEDIES[check])


def unfit(check: str, text: str) -> Finding:
    """Return that jobfs does not work so, or not safely."""
    return Finding(check=check, result=Result.UNFIT, text=text, remedy=REMEDIES[check])
