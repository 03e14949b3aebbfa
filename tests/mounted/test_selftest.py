"""A mount that does not see how processes end must not serve; `.jobfs/closing` tells what it sees."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobfs.selftest import NotAnsweringError, require_seen_ends
from tests.mounted.actor import Actor
from tests.mounted.studio import CHECKOUT, Account, Mount, Studio, errno_of
from tests.mounted.syscalls import names

Actors = Callable[[int], Actor]

#: The self-test of the mount at the first argument; its refusal goes to stderr.
_TEST = """
import pathlib, sys, trio
from jobfs.errors import JobfsError
from jobfs.selftest import require_seen_ends
try:
    trio.run(require_seen_ends, pathlib.Path(sys.argv[1]))
except JobfsError as refusal:
    sys.exit(str(refusal))
"""
#: A /proc in which a root that may not trace others finds root's processes alone.
_HIDING = """
mount -t proc -o "hidepid=invisible,gid=65534" proc /proc
exec setpriv --bounding-set -sys_ptrace "$@"
"""


@pytest.fixture
def closing(studio: Studio) -> Path:
    """The file that tells what the mount took an end for."""
    return studio.mountpoint / ".jobfs/closing"


def _verdicts(closing: Path, label: str) -> list[str]:
    lines = closing.read_text("ascii").splitlines()
    return [
        verdict for line in lines for name, _, verdict in [line.partition(" ")] if name == label
    ]


# -- what the mount says ---------------------------------------------------------------------------


def test_a_process_that_closes_its_file_has_closed_it(closing: Path, actors: Actors) -> None:
    process = actors(0)

    process.do("put", str(closing), b"one-that-closes")

    assert _verdicts(closing, "one-that-closes") == ["closed"]


def test_a_killed_process_is_cut_off(closing: Path, actors: Actors) -> None:
    process = actors(0)
    process.do("write", process.do("open", str(closing), os.O_WRONLY), b"one-that-dies")

    process.kill()

    assert _verdicts(closing, "one-that-dies") == ["cut off"]


def test_a_label_is_one_short_word_whatever_is_written(closing: Path, actors: Actors) -> None:
    actors(0).do("put", str(closing), b"two\nlines " + b"x" * 1000)

    label = "twolines" + "x" * 56
    assert _verdicts(closing, label) == ["closed"]


def test_what_is_remembered_has_an_end(closing: Path, actors: Actors) -> None:
    process = actors(0)

    for number in range(100):
        process.do("put", str(closing), b"%d" % number)

    assert len(closing.read_text("ascii").splitlines()) == 64
    assert _verdicts(closing, "99") == ["closed"]


# -- who gets there --------------------------------------------------------------------------------


def test_root_finds_the_directory_behind_the_accounts(studio: Studio, anna: Account) -> None:
    assert names(studio.mountpoint)[0] == ".jobfs"
    assert "closing" in names(studio.mountpoint / ".jobfs")
    assert anna.name in names(studio.mountpoint)


def test_no_account_gets_in(studio: Studio, closing: Path, anna: Account, actors: Actors) -> None:
    photographer, chroot = actors(anna.uid), studio.mountpoint / anna.name

    assert errno_of(photographer.do, "listdir", str(closing.parent)) == errno.EACCES
    assert errno_of(photographer.do, "open", str(closing), os.O_WRONLY) == errno.EACCES
    assert errno_of(photographer.do, "stat", str(chroot / ".jobfs")) == errno.ENOENT


def test_not_even_root_changes_anything_in_it(closing: Path) -> None:
    directory = closing.parent

    assert errno_of(os.mkdir, directory / "new") == errno.EACCES
    assert errno_of(os.unlink, closing) == errno.EACCES
    assert errno_of(os.rename, closing, directory / "new") == errno.EACCES
    assert errno_of(os.truncate, closing, 5) == errno.EACCES
    assert errno_of(os.utime, closing) == errno.EACCES
    assert errno_of(os.stat, directory / "new") == errno.ENOENT
    assert os.listxattr(closing) == []


# -- the self-test ---------------------------------------------------------------------------------


async def test_a_mount_that_sees_both_ends_passes(studio: Studio) -> None:
    await require_seen_ends(studio.mountpoint)


async def test_where_no_mount_is_there_is_nothing_to_pass(tmp_path: Path) -> None:
    with pytest.raises(NotAnsweringError, match=r"`jobfs mount` has to serve there first"):
        await require_seen_ends(tmp_path)


@contextmanager
def _mount_in_a_pid_namespace(studio: Studio) -> Iterator[Path]:
    """Give the mountpoint, as seen from here, of a mount to which the processes here have no pid."""
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    mount = Mount(studio.config_file, within=alone)
    try:
        mount.wait_until_ready()
        unshare = mount.process.pid
        first = Path(f"/proc/{unshare}/task/{unshare}/children").read_text("ascii").strip()
        yield Path(f"/proc/{first}/root{studio.mountpoint}")
    finally:
        mount.kill()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)


def test_processes_of_a_pid_namespace_below_the_mounts_are_seen(studio: Studio) -> None:
    below = ["unshare", "--pid", "--fork"]

    test = _run(*below, sys.executable, "-c", _TEST, str(studio.mountpoint))

    assert (test.returncode, test.stderr) == (0, "")


def test_login_beside_the_mounts_pid_namespace_lets_nobody_in(own_studio: Studio) -> None:
    login = [sys.executable, "-m", "jobfs", "--config", str(own_studio.config_file), "login"]

    with _mount_in_a_pid_namespace(own_studio) as mountpoint:
        refused = _run("env", f"JOBFS_JOBFS__MOUNTPOINT={mountpoint}", *login)

    here = Path("/proc/self/ns/pid").readlink()
    assert refused.returncode == 1
    assert (
        f"the mount at {mountpoint} does not see how the processes of {here} end: "
        "one that closed its file was taken for cut off"
    ) in refused.stderr
    assert "Run `jobfs mount` and `jobfs login` in one pid namespace" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_mount_from_which_proc_hides_accounts_does_not_serve(own_studio: Studio) -> None:
    blinded = ["unshare", "--mount", "sh", "-ec", _HIDING, "sh"]

    mount = Mount(own_studio.config_file, within=blinded)

    assert mount.wait() == 1
    assert "one that closed its file was taken for cut off" in mount.log.since()[-1]["event"]


def test_everything_ends_with_a_mount_that_may_not_serve(own_studio: Studio) -> None:
    """Nothing would be better the next time."""
    up = [sys.executable, "-m", "jobfs", "--config", str(own_studio.config_file), "up"]

    refused = _run("unshare", "--mount", "sh", "-ec", _HIDING, "sh", *up)

    assert refused.returncode == 1
    assert refused.stderr.count("was taken for cut off") == 1
    assert "mount cannot start: see above" in refused.stderr


def test_a_mount_that_may_not_trace_others_still_sees_their_ends(own_studio: Studio) -> None:
    """As in a container with few capabilities."""
    few = ["setpriv", "--bounding-set", "-sys_ptrace"]

    own_studio.mount = Mount(own_studio.config_file, within=few)

    own_studio.mount.wait_until_ready()
