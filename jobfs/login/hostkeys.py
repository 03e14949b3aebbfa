"""The keys by which clients know this server again.

They are made once, and kept: photographers are told that another key means another server.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobfs.login.keys import parse
from jobfs.syncing import sync

#: What clients ask for, oldest ones included, and how ssh-keygen is told of it.
_KINDS = {
    "ed25519": ("-t", "ed25519"),
    "rsa": ("-t", "rsa", "-b", "3072"),
    "ecdsa": ("-t", "ecdsa", "-b", "256"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """One key of the server; *kind* is "ED25519", "RSA" or "ECDSA", as clients show it."""

    kind: str
    fingerprint: str


def make(folder: Path) -> None:
    """Make those keys that are missing; safe to repeat."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for kind, options in _KINDS.items():
        if not _file(folder, kind).exists():
            make_pair(_file(folder, kind), *options)


def files(folder: Path) -> list[Path]:
    """Return the private keys that sshd is to use, the preferred first."""
    return [_file(folder, kind) for kind in _KINDS]


def known(folder: Path) -> list[HostKey]:
    """Return the keys in *folder* as people compare them."""
    halves = {kind: public(_file(folder, kind)) for kind in _KINDS}
    return [
        HostKey(kind=kind.upper(), fingerprint=parse(half.read_text("ascii")).fingerprint)
        for kind, half in halves.items()
        if half.exists()
    ]


def make_pair(file: Path, *options: str) -> None:
    """Make a private key in *file*, and the public one beside it; *options* are ssh-keygen's.

    Under a name for drafts: the private half gets its own last, since it says "made".
    """
    draft = file.with_name(f"draft_{file.name}")
    for leftover in (draft, public(draft)):
        leftover.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", *options, "-N", "", "-C", "jobfs", "-f", str(draft)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    for half in (public(draft), draft):
        sync(half)
    public(draft).rename(public(file))
    draft.rename(file)
    sync(file.parent)


def _file(folder: Path, kind: str) -> Path:
    return folder / f"ssh_host_{kind}_key"


def public(private: Path) -> Path:
    """Return the public key's file."""
    return private.with_name(f"{private.name}.pub")
