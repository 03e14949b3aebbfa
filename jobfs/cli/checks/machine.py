"""Is the machine fit: its kernel, its programs, its limits? Nothing here needs a studio."""

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jobfs.cli.checks.findings import Finding, ok, unfit, warning
from jobfs.ingest.confinement import Layer
from jobfs.login import sshd
from jobfs.login.files import EXTRAUSERS
from jobfs.login.namespace import NSSWITCH
from jobfs.login.refusals import MissingProgramError

FUSE = Path("/dev/fuse")
#: What jobfs calls, beside sshd.
PROGRAMS = ("fusermount3", "mount", "umount", "unshare", "setpriv", "ssh-keygen", "sftp")
#: The first OpenSSH that understands all of `jobfs.login.sshd.config_text`.
OLDEST_SSHD = (9, 2)
#: Open files below which a busy studio comes to its limit: each file being sent is two of them.
FEW_FILES = 4096
#: Seconds that a program may take to say its version, or to mount something.
_PATIENCE = 20
#: What a decoder does before it opens its first picture.
_CONFINE = (
    "import json, os; from jobfs.ingest import confinement;"
    " os.write(1, json.dumps(sorted(confinement.confine())).encode()); os._exit(0)"
)
#: What makes decoders quick, where there is a wheel of it; see jobfs/decisions/0017.
_RESIZER = "cykooz_resizer"


def root() -> Iterator[Finding]:
    """Look who asks."""
    if os.geteuid() == 0:
        yield ok("root", "this is root")
    else:
        yield unfit("root", "only root can run jobfs, and see all that is to be looked at here")


def fuse() -> Iterator[Finding]:
    """Look for the kernel's side of the mount."""
    try:
        is_device = stat.S_ISCHR(FUSE.stat().st_mode)
        os.close(os.open(FUSE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        yield unfit("fuse", f"{FUSE} cannot be opened: {error.strerror}")
        return
    yield ok("fuse", f"{FUSE} opens") if is_device else unfit("fuse", f"{FUSE} is no device")


def programs() -> Iterator[Finding]:
    """Look for what jobfs calls."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        yield unfit("programs", f"not installed: {', '.join(missing)}")
    else:
        yield ok("programs", f"installed: {', '.join(PROGRAMS)}")


def mounting() -> Iterator[Finding]:
    """Mount something, in a namespace that ends with it."""
    trial = 'mount -n -t tmpfs -o size=4k jobfs "$1"'
    status, said = _run("unshare", "--mount", "--", "/bin/sh", "-c", trial, "jobfs-doctor", "/")
    if status == 0:
        yield ok("mounting", "the kernel lets this process mount")
    else:
        yield unfit("mounting", f"the kernel does not let this process mount: {said}")


def ssh_server() -> Iterator[Finding]:
    """Look which OpenSSH is installed."""
    try:
        _, said = _run(sshd.program(), "-V")
    except MissingProgramError as error:
        yield unfit("sshd", str(error))
        return
    found = re.search(r"OpenSSH_(\d+)\.(\d+)\w*", said)
    if found is None:
        yield warning("sshd", f"its version cannot be told: {said}")
    elif (int(found[1]), int(found[2])) < OLDEST_SSHD:
        yield unfit("sshd", f"{found[0]} is too old")
    else:
        yield ok("sshd", found[0])


def names() -> Iterator[Finding]:
    """Look for what makes the studio's accounts known to sshd."""
    missing = [str(place) for place in (EXTRAUSERS, NSSWITCH) if not place.exists()]
    try:
        ctypes.CDLL("libnss_extrausers.so.2")
    except OSError:
        missing.append("libnss_extrausers.so.2")
    if missing:
        yield unfit("nss", f"not there: {', '.join(missing)}")
    else:
        yield ok("nss", "libnss-extrausers is installed")


def open_files(pid: int | None = None) -> Iterator[Finding]:
    """Look how many files a mount, or this process, may have open; proc_pid_limits(5)."""
    soft = _soft_limit(pid or os.getpid())
    whose = f"the mount (process {pid})" if pid else "what is started from here"
    if soft < FEW_FILES:
        yield warning("open files", f"{whose} may have only {soft} open")
    else:
        yield ok("open files", f"{whose} may have {soft} open")


def confinement() -> Iterator[Finding]:
    """Let a process confine itself as decoders do, and look what the kernel has offered."""
    status, said = _run(sys.executable, "-P", "-c", _CONFINE)
    if status != 0:
        yield unfit("confinement", f"no decoder could be confined: {said}")
    elif lacking := sorted(set(Layer) - set(json.loads(said))):
        yield warning("confinement", f"decoders go without {', '.join(lacking)}")
    else:
        yield ok("confinement", ", ".join(sorted(Layer)))


def resizing() -> Iterator[Finding]:
    """Let a process load what makes pictures smaller quickly."""
    status, said = _run(sys.executable, "-P", "-c", f"import {_RESIZER}")
    if status == 0:
        yield ok("resizing", f"{_RESIZER} loads")
    elif status < 0:
        ended = signal.Signals(-status).name
        yield unfit("resizing", f"{_RESIZER} cannot be loaded, nor a decoder begun: {ended}")
    else:
        why = said.rpartition("Error: ")[2]
        yield warning("resizing", f"renditions take 1.7 times as long: {why}")


def _soft_limit(pid: int) -> int:
    unlimited = resource.RLIM_INFINITY
    try:
        soft, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except ProcessLookupError:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == unlimited else soft


def _run(*command: str) -> tuple[int, str]:
    """Return a program's exit status and what it says on one line; 127 if it is not there."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {_PATIENCE} s"
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    return done.returncode, " ".join(done.stdout.split())
