"""Does the mount see how a process ends its use of a file? If not, it must not serve.

Whether an upload is whole or was cut off rests on what the mount sees in /proc of the process that
opened it (`jobfs.processes`). It sees nothing where sshd lives in a pid namespace beside its own, or
where /proc hides processes. So before mount and login are ready, each lets one process close the
mount's `.jobfs/closing`, another one die with it open, and reads what the mount took them for.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from jobfs.domain.accounts import FIRST_UID
from jobfs.errors import JobfsError
from jobfs.tree import admin

#: Arguments: the file, a label, a uid, how to end. The file is root's, the process becomes an
#: account's: what /proc shows of it may depend on that.
_OPEN = """
exec 3>"$1"; printf %s "$2" >&3
exec setpriv --reuid "$3" --regid "$3" --clear-groups -- /bin/sh -c "$4"
"""
#: Seconds that the mount has to answer one process.
_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class _End:
    """A way to end: the command, its exit status, and what the mount must take it for."""

    command: str
    status: int
    words: str
    truth: str


_ENDS = (
    _End("exec 3>&-", 0, "closed its file", admin.CLOSED),
    _End("kill -9 $$", -signal.SIGKILL, "was killed", admin.CUT_OFF),
)


class UnseenEndError(JobfsError):
    """The mount cannot tell uploads that were closed from those that were cut off.

    EIO, since it must not serve so.
    """

    advice = "Run mount and login in one container, or on one machine, as the sentence says."


class NotAnsweringError(JobfsError):
    """No mount answers where one should.

    EIO: it has to be started first.
    """

    advice = "Start `jobfs mount` first, and look at what it logs."


async def require_seen_ends(mountpoint: Path) -> None:
    """Return when the mount has told a close from a death of processes that were started here.

    Raises UnseenEndError, NotAnsweringError.
    """
    for end in _ENDS:
        found = None
        with trio.move_on_after(_PATIENCE):
            found = await _verdict(mountpoint, end)
        if found is None:
            raise NotAnsweringError(
                f"the mount at {mountpoint} has said nothing for {_PATIENCE} s of a process that "
                f"{end.words}: look at what `jobfs mount` logs"
            )
        if found != end.truth:
            raise UnseenEndError(
                f"the mount at {mountpoint} does not see how the processes of {_namespace()} end: "
                f"one that {end.words} was taken for {found}, so whole and cut off uploads would be "
                "mistaken for each other. Run `jobfs mount` and `jobfs login` in one pid namespace "
                "(in one container, or with --pid=container:NAME), and /proc without hidepid"
            )


async def _verdict(mountpoint: Path, end: _End) -> str | None:
    """Let a process end so, and return what the mount takes it for; None if it does not say."""
    file = mountpoint / admin.DIRECTORY.name / admin.CLOSING.name
    label = secrets.token_hex(8)
    words = ["jobfs-selftest", str(file), label, str(FIRST_UID), end.command]
    status, said = await _run(["/bin/sh", "-e", "-c", _OPEN, *words])
    if status != end.status:
        raise NotAnsweringError(
            f"the self-test of the mount at {mountpoint} cannot run: {said or f'status {status}'}. "
            "`jobfs mount` has to serve there first"
        )
    # It may wait for the very mount that is being ended.
    known = await trio.to_thread.run_sync(file.read_bytes, abandon_on_cancel=True)
    verdicts = dict(line.decode(errors="replace").split(" ", 1) for line in known.splitlines())
    return verdicts.get(label)  # the last of it: the shell's own redirection makes closes, too


async def _run(command: Sequence[str]) -> tuple[int, str]:
    """Return a process's exit status and its words; if cancelled, do not wait for its end.

    While it ends, it waits for the mount, which may be ending itself.
    """
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    async with process.stderr:
        try:
            status = await process.wait()
        except trio.Cancelled:
            process.kill()
            raise
        said = await process.stderr.receive_some()
    return status, said.decode(errors="replace").strip()


def _namespace() -> str:
    """Return the pid namespace's name, as `lsns` and /proc/PID/ns/pid show it."""
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (no path)
