"""The decoder's own process: what it gives up at its start, and what it is asked.

It reads files that anybody may have made, with libraries that have had holes. So it is nobody: an
identity of its own without files, no way to more rights, bounded memory and time, no new processes. It
opens nothing by name; the worker hands it an open file.
"""

import ctypes
import io
import os
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from jobfs.domain.accounts import FIRST_UID
from jobfs.ingest import colour, rendering
from jobfs.ingest.outcomes import Decoded, Refused, Wanted

#: Who a decoder is when its worker is root: one below the first account's number, and nobody else's.
_UID = FIRST_UID
#: Pictures after which a process is replaced: memory that libraries have lost is given back.
PICTURES = 200

_FILES = 32  # open at once; a decoder needs seven
_PR_SET_NO_NEW_PRIVS = 38  # include/uapi/linux/prctl.h

_done = 0  # pictures of this process


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one decoder may use: *memory* is bytes of address space."""

    memory: int


def prepare(limits: Limits) -> None:
    """Make this process a decoder, for good."""
    _load_everything()
    Image.MAX_IMAGE_PIXELS = None  # the studio's own limit is looked at before decoding
    os.chdir("/")
    _set("AS", limits.memory)
    _set("FSIZE", 0)
    _set("CORE", 0)
    _set("NOFILE", _FILES)
    _become(identity())
    _set("NPROC", 0)
    _give_up_new_privileges()


def identity() -> int:
    """Return the uid of a decoder whose worker, or who itself, is the caller."""
    return _UID if os.geteuid() == 0 else os.geteuid()


def decode(
    address: bytes, wanted: Sequence[Wanted], *, pixel_limit: int, seconds: int
) -> Decoded | Refused:
    """Decode the file that is handed over at the socket *address*, within *seconds* of CPU time."""
    global _done  # noqa: PLW0603 - what a process has done is the process's own
    _done += 1
    _limit_time(seconds)
    with os.fdopen(_received_at(address), "rb") as file:
        file.seek(0)  # a descriptor that was handed over shares its place in the file
        return rendering.render(file, wanted, pixel_limit=pixel_limit)


def is_worn_out() -> bool:
    """Whether this process should make place for a new one."""
    return _done >= PICTURES


def _received_at(address: bytes) -> int:
    with socket.socket(socket.AF_UNIX) as worker:
        worker.connect(address)
        _, descriptors, _, _ = socket.recv_fds(worker, 1, 1)
    (descriptor,) = descriptors
    return descriptor


def _load_everything() -> None:
    """Import and run what decoding needs: after prepare() no file can be opened by name."""
    _ = MpoImageFile  # Pillow imports it when it meets one
    wanted = [Wanted(name="warm", edge=8, quality=80)]
    for format_name in rendering.FORMATS:
        picture = io.BytesIO()
        Image.new("RGB", (16, 16)).save(picture, format_name, icc_profile=colour.srgb_bytes())
        picture.seek(0)
        rendering.render(picture, wanted, pixel_limit=16 * 16)


def _become(uid: int) -> None:
    """Give up root, if this is root."""
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def _set(name: str, limit: int) -> None:
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def _limit_time(seconds: int) -> None:
    """Let the kernel end this process if the next picture takes too long; the worker may be gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))


def _give_up_new_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
