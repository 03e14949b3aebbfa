"""The mountpoint: made safe while nothing is mounted, cleared of a dead mount, unmounted."""

import errno
import logging
import os
import stat
import subprocess
from pathlib import Path

from jobfs import mounts
from jobfs.mount.refusals import BadMountpointError

log = logging.getLogger(__name__)

#: What /proc/self/mountinfo says of our mounts: "fuse." and the subtype.
FILE_SYSTEM = "fuse.jobfs"
#: Nobody may write into the bare directory: an upload would land there and vanish under the next
#: mount. Root may all the same, so the directory is checked to be empty, too.
BARE_MODE = 0o555


def prepare(mountpoint: Path) -> None:
    """Make the directory if it is missing; make sure that it is bare, empty and root's."""
    clear_dead_mount(mountpoint)
    if mounted(mountpoint):
        raise BadMountpointError(
            f"{mountpoint} is served by another jobfs already: end that one first"
        )
    mountpoint.mkdir(mode=BARE_MODE, parents=True, exist_ok=True)
    found = mountpoint.stat()
    if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode):
        raise BadMountpointError(f"{mountpoint} must be a directory that belongs to root")
    if any(mountpoint.iterdir()):
        raise BadMountpointError(
            f"{mountpoint} is not empty: move away what was put there while nothing was mounted"
        )
    mountpoint.chmod(BARE_MODE)


def clear_dead_mount(mountpoint: Path) -> None:
    """Unmount what a killed daemon left: every access to it fails, and it hides the directory."""
    while mounted(mountpoint) and _is_dead(mountpoint):
        log.warning("clearing a dead mount from %s", mountpoint)
        unmount(mountpoint)


def unmount(mountpoint: Path) -> None:
    """Unmount at once, also while somebody is inside; what they have open fails from then on."""
    done = subprocess.run(
        ["umount", "--lazy", "--", mountpoint], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and mounted(mountpoint):
        raise BadMountpointError(f"cannot unmount {mountpoint}: {done.stderr.strip()}")


def mounted(mountpoint: Path) -> bool:
    """Whether a jobfs, dead or alive, is the topmost mount there."""
    here = [mount for mount in mounts.table() if mount.at == mountpoint]
    return bool(here) and here[-1].kind == FILE_SYSTEM


def _is_dead(mountpoint: Path) -> bool:
    try:
        os.statvfs(mountpoint)  # which the kernel does not answer by what it remembers
    except OSError as error:
        return error.errno in {errno.ENOTCONN, errno.ECONNABORTED}
    return False
