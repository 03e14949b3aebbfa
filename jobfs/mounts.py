"""The table of mounts, and the one mount that jobfs adds so that sshd sees the tree come and go."""

import logging
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobfs.errors import JobfsError

log = logging.getLogger(__name__)


class MountRefusedError(JobfsError):
    """The system does not let jobfs mount.

    EIO, since nothing can be served without.
    """

    advice = "`jobfs doctor`, its lines on fuse, programs and mounting, says what is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A line of /proc/PID/mountinfo, see proc(5).

    device  "major:minor"
    root    the directory of the file system that is mounted
    at      where it is mounted
    kind    the file system's type
    shared  mounts made below it appear in other namespaces, too
    """

    id: int
    parent: int
    device: str
    root: Path
    at: Path
    kind: str
    shared: bool


def table() -> list[Mount]:
    """Return every mount that this process sees, in the order they were made."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [_mount(line) for line in lines.splitlines()]


def share_parent(mountpoint: Path) -> bool:
    """Let what is mounted at *mountpoint* appear in sshd's namespace; before anything is mounted there.

    Most systems share every mount. Where the one that *mountpoint* lies on is private, its parent
    is bound onto itself and shared. Returns whether it was: undo it with unshare_parent.
    """
    parent = mountpoint.parent.resolve()
    covering = [mount for mount in table() if parent.is_relative_to(mount.at)]
    # The last of the longest: a later mount covers an earlier one at the same place.
    nearest = max(reversed(covering), key=_depth, default=None)
    if nearest is not None and nearest.shared:
        return False
    _run("mount", "-n", "--rbind", str(parent), str(parent))
    _run("mount", "-n", "--make-shared", str(parent))
    return True


def unshare_parent(mountpoint: Path) -> None:
    """Take away the mount that share_parent made, unless something else is mounted in it by now."""
    parent = mountpoint.parent.resolve()
    mounts = table()
    inside = [mount for mount in mounts if mount.at != parent and mount.at.is_relative_to(parent)]
    places = [(mount.device, mount.root, mount.at) for mount in inside]
    if any(places.count(place) == 1 for place in places):  # no copy that --rbind made
        log.info("%s stays a mount of its own: it is in use", parent)
        return
    if any(mount.at == parent and mount.shared and _is_bind(mount, mounts) for mount in mounts):
        _run("umount", "-n", "--lazy", str(parent))


def _is_bind(mount: Mount, mounts: list[Mount]) -> bool:
    """Tell whether this mount shows the directory that it covers."""
    covered = {other.id: other for other in mounts}.get(mount.parent)
    return (
        covered is not None
        and covered.device == mount.device
        and covered.root / mount.at.relative_to(covered.at) == mount.root
    )


def _depth(mount: Mount) -> int:
    return len(mount.at.parts)


def _mount(line: str) -> Mount:
    number, parent, device, root, at, _options, *rest = line.split(" ")
    return Mount(
        id=int(number), parent=int(parent), device=device, root=_path(root), at=_path(at),
        kind=rest[rest.index("-") + 1],
        shared=any(field.startswith("shared:") for field in rest[: rest.index("-")]),
    )  # fmt: skip


def _path(field: str) -> Path:
    """Undo the octal escapes of spaces and the like."""
    return Path(re.sub(r"\\([0-7]{3})", _character, field))


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def _run(*command: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise MountRefusedError(f"{' '.join(command)} failed: {done.stderr.strip()}")
