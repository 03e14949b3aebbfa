"""The decoder's own process: what it gives up at its start, and what it is asked.

It reads files that anybody may have made, with libraries that have had holes. So it is nobody: an
identity of its own without files, no way to more rights, bounded memory and time, no new processes, and
of the kernel only what decoding needs. It can open nothing and connect to nobody: the worker hands it
open files through a connection that it makes before.
"""

import io
import os
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from jobfs.domain.accounts import FIRST_UID
from jobfs.ingest import colour, confinement, rendering
from jobfs.ingest.confinement import Layer
from jobfs.ingest.outcomes import Broken, Decoded, Refused, Wanted

#: Who a decoder is when its worker is root: one below the first account's number, and nobody else's.
_UID = FIRST_UID
#: Pictures after which a process is replaced: memory that libraries have lost is given back.
PICTURES = 200

_FILES = 32  # open at once; a decoder needs eight
#: Pictures like those to come, of every format: what is loaded for the first is there for all.
_SAMPLES = (("JPEG", "RGB"), ("PNG", "RGBA"))
#: The end of a decoder whose worker gives it no files: it is of no use.
_ABANDONED = 3

# of this process
_done = 0  # pictures
_worker: socket.socket  # where files come from
_layers: frozenset[Layer] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one decoder may use: *memory* is bytes of address space."""

    memory: int


def prepare(limits: Limits, address: bytes) -> None:
    """Make this process a decoder, for good, of the worker that listens at the socket *address*."""
    global _worker, _layers  # noqa: PLW0603 - as below
    _load_everything()
    Image.MAX_IMAGE_PIXELS = None  # the studio's own limit is looked at before decoding
    os.chdir("/")
    _set("AS", limits.memory)
    _set("FSIZE", 0)
    _set("CORE", 0)
    _set("NOFILE", _FILES)
    _become(identity())
    _set("NPROC", 0)
    _worker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    _worker.connect(address)
    _layers = confinement.confine()


def layers() -> frozenset[Layer]:
    """Return what confines this process."""
    return _layers


def identity() -> int:
    """Return the uid of a decoder whose worker, or who itself, is the caller."""
    return _UID if os.geteuid() == 0 else os.geteuid()


def decode(
    ticket: bytes, wanted: Sequence[Wanted], *, pixel_limit: int, seconds: int
) -> Decoded | Refused | Broken:
    """Decode the file that the worker gives for *ticket*, within *seconds* of CPU time."""
    global _done  # noqa: PLW0603 - what a process has done is the process's own
    _done += 1
    _limit_time(seconds)
    with os.fdopen(_fetched(ticket), "rb") as file:
        file.seek(0)  # a descriptor that was handed over shares its place in the file
        try:
            return rendering.render(file, wanted, pixel_limit=pixel_limit)
        except PermissionError as refusal:
            return Broken(reason=f"its decoder was kept from something: {refusal}")


def is_worn_out() -> bool:
    """Whether this process should make place for a new one."""
    return _done >= PICTURES


def _fetched(ticket: bytes) -> int:
    """Return the file for a ticket, opened by the worker."""
    os.write(_worker.fileno(), ticket)
    _, descriptors, _, _ = socket.recv_fds(_worker, 1, 1)
    if not descriptors:
        os._exit(_ABANDONED)
    return descriptors[0]


def _load_everything() -> None:
    """Import and run what decoding needs: after prepare() no file can be opened."""
    _ = MpoImageFile  # Pillow imports it when it meets one
    wanted = [Wanted(name="warm", edge=8, quality=80)]
    for format_name, mode in _SAMPLES:
        picture = io.BytesIO()
        Image.new(mode, (16, 16)).save(picture, format_name, icc_profile=colour.srgb_bytes())
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
