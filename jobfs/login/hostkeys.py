"""The keys by which clients know this server again.

They are made once, and kept: photographers are told that another key means another server.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobfs.login.files import sync
from jobfs.login.keys import parse

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
    for kind in _KINDS:
        if not _file(folder, kind).exists():
            _make(folder, kind)


def files(folder: Path) -> list[Path]:
    """Return the private keys that sshd is to use, the preferred first."""
    return [_file(folder, kind) for kind in _KINDS]


def known(folder: Path) -> list[HostKey]:
    """Return the keys in *folder* as people compare them."""
    keys = {kind: _public(_file(folder, kind)) for kind in _KINDS}
    return [
        HostKey(kind=kind.upper(), fingerprint=parse(public.read_text("ascii")).fingerprint)
        for kind, public in keys.items()
        if public.exists()
    ]


def _make(folder: Path, kind: str) -> None:
    """Make a pair under a name for drafts. The private half moves last, since it says "made"."""
    draft, final = folder / f"draft_{kind}", _file(folder, kind)
    for leftover in (draft, _public(draft)):
        leftover.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", *_KINDS[kind], "-N", "", "-C", "jobfs", "-f", str(draft)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    for file in (_public(draft), draft):
        sync(file)
    _public(draft).rename(_public(final))
    draft.rename(final)
    sync(folder)


def _file(folder: Path, kind: str) -> Path:
    return folder / f"ssh_host_{kind}_key"


def _public(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")
