"""The decoder's own process: what it gives up at its start, and what it is asked.

It reads files that anybody may have made, with libraries that have had holes. So it is nobody: an
identity of its own without files, no way to more rights, bounded memory and time, no new processes, and
of the kernel only what decoding needs. It can open nothing and connect to nobody: the worker hands it
open files through the connection that it was begun with.
"""

import io
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from jobfs.domain.accounts import FIRST_UID
from jobfs.ingest import (
    confinement,
    describing,
    failing,
    handover,
    heap,
    messages,
    rendering,
    samples,
)
from jobfs.ingest.confinement import Layer
from jobfs.ingest.messages import DecodeRequest, DescribeRequest
from jobfs.ingest.outcomes import Outcome, Wanted

#: Who a decoder is when its worker is root: one below the first account's number, and nobody else's.
_UID = FIRST_UID

_FILES = 32  # open at once; a decoder needs eight
#: Threads and processes of its user: a decoder has a second thread while it decodes HEIC. What keeps it
#: from making processes is the list of its system calls.
_THREADS = 1024
_SAMPLE_LIMIT = 10_000  # pixels
_QUIET = 5.0  # seconds without a request until memory is given back
#: How much it gives way to those who send, see nice(2). At 10 it still gets a tenth of a processor that
#: somebody else wants all of: more would make it exceed its time limit.
_NICENESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one decoder may use: *memory* is bytes of address space."""

    memory: int


def main(arguments: Sequence[str]) -> None:
    """Answer requests until the worker has no more.

    *arguments* are the number of the connection to the worker, and the bytes of memory.
    """
    number, memory = map(int, arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal it goes to the worker, too
    worker = socket.socket(fileno=number)
    layers = prepare(Limits(memory=memory))
    with suppress(ConnectionError):  # the worker was killed
        handover.say(worker, messages.greeting(layers))
        while (request := _heard(worker)) is not None:
            handover.say(worker, messages.answer(_answer(*request)))


def prepare(limits: Limits) -> frozenset[Layer]:
    """Make this process a decoder, for good; returns what confines it."""
    heap.keep()
    _load_everything()
    Image.MAX_IMAGE_PIXELS = None  # the studio's own limit is looked at before decoding
    os.chdir("/")
    _set("AS", limits.memory)
    _set("FSIZE", 0)
    _set("CORE", 0)
    _set("NOFILE", _FILES)
    _give_way()
    _become(identity())
    _set("NPROC", _THREADS)
    return confinement.confine()


def identity() -> int:
    """Return the uid of a decoder whose worker, or who itself, is the caller."""
    return _UID if os.geteuid() == 0 else os.geteuid()


def _heard(worker: socket.socket) -> tuple[bytes, int] | None:
    """Wait for the next request, with little memory if that takes long."""
    if not select.select([worker], [], [], _QUIET)[0]:
        heap.give_back()
    return handover.heard(worker)


def _answer(message: bytes, descriptor: int) -> Outcome:
    """Do what a request asks, within its CPU time."""
    asked = messages.requested(message)
    _limit_time(asked.seconds)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)  # a descriptor that was handed over shares its place in the file
        try:
            match asked:
                case DecodeRequest():
                    return rendering.render(file, asked.wanted, pixel_limit=asked.pixel_limit)
                case DescribeRequest():
                    return describing.sidecar(file)
        except PermissionError as refusal:
            return failing.unsafe(f"its decoder was kept from something: {refusal}")


def _load_everything() -> None:
    """Import and run what decoding needs: after prepare() no file can be opened."""
    wanted = [Wanted(name="warm", edge=8, quality=80)]
    for picture in samples.pictures():
        rendering.render(io.BytesIO(picture), wanted, pixel_limit=_SAMPLE_LIMIT)
    describing.load()


def _give_way() -> None:
    """Let whoever sends go first.

    Niceness counts within a session only where the kernel groups processes by session (sched(7), "The
    autogroup feature"). So a decoder is begun in its own, and that is nice as well. Services and
    containers are weighed by their control group instead, and may refuse one or the other.
    """
    with suppress(PermissionError):
        os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="ascii")


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


if __name__ == "__main__":
    main(sys.argv[1:])
