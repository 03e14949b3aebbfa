"""A photographer's line: 100 Mbit/s, 40 ms there and back, between this machine and a place far away.

The place is a network namespace, joined to this machine by two tun devices; this program carries the packets
from one to the other, no faster than the line and not before its delay. So TCP behaves as it does on such
a line. The kernel's own netem would do the same, but many kernels are built without.
"""

import fcntl
import os
import secrets
import select
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

#: Bits a second, and seconds one way.
RATE, DELAY = 100_000_000, 0.020
#: Seconds that a packet may wait for its turn; beyond them it is lost, as in a router whose buffer is full.
_BUFFER = 0.100
#: Packets taken at once, so that none that is due waits for long.
_HANDFUL = 64
_LARGEST_PACKET = 2048
#: A device of packets without a header; see linux/if_tun.h.
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@dataclass(frozen=True, slots=True)
class Line:
    """What a client far away needs.

    here     the address of this machine, as seen from there
    through  what a command begins with that is run there
    """

    here: str
    through: tuple[str, ...]


@contextmanager
def line() -> Iterator[Line]:
    """Give a line, and a place at its other end, during the block."""
    mark = secrets.token_hex(4)
    place, near, far = f"jobfs-bench-{mark}", f"jb{mark}a", f"jb{mark}b"
    # 198.18.0.0/15 is for benchmarks: RFC 2544, appendix C.2.2.
    net = f"198.18.{secrets.randbelow(256)}"
    _run("ip", "netns", "add", place)
    try:
        with _carrier(near, far):
            _run("ip", "link", "set", far, "netns", place)
            _run("ip", "address", "add", f"{net}.1/30", "dev", near)
            _run("ip", "link", "set", near, "up")
            there = ("ip", "netns", "exec", place)
            _run(*there, "ip", "address", "add", f"{net}.2/30", "dev", far)
            _run(*there, "ip", "link", "set", far, "up")
            yield Line(f"{net}.1", ("/sbin/ip", *there[1:]))
    finally:
        _run("ip", "netns", "delete", place)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def _carrier(near: str, far: str) -> Iterator[None]:
    """Run this program between two new devices, which end with it."""
    command = [sys.executable, "-m", "tests.bench.line", near, far]
    root = Path(__file__).parents[2]
    carrier = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE)
    assert carrier.stdout is not None
    try:
        assert carrier.stdout.readline(), "there are no tun devices: modprobe tun"
        yield
        assert carrier.poll() is None, "the line broke"
    finally:
        carrier.kill()
        carrier.wait()
        carrier.stdout.close()


# --- the program ---


class _Way:
    """One direction of the line."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._free_at = 0.0
        self._under_way: deque[tuple[float, bytes]] = deque()

    @property
    def due_at(self) -> float | None:
        """When the next packet arrives."""
        return self._under_way[0][0] if self._under_way else None

    def take(self, now: float) -> None:
        """Take in packets, each behind those that wait already."""
        for _ in range(_HANDFUL):
            try:
                packet = os.read(self._source, _LARGEST_PACKET)
            except BlockingIOError:
                return
            if self._free_at - now > _BUFFER:
                continue
            self._free_at = max(now, self._free_at) + len(packet) * 8 / RATE
            self._under_way.append((self._free_at + DELAY, packet))

    def deliver(self, now: float) -> None:
        """Hand over the packets that have arrived."""
        while self._under_way and self._under_way[0][0] <= now:
            with suppress(OSError):  # the other end is not up yet, or not any more
                os.write(self._target, self._under_way.popleft()[1])


def _carry(near: int, far: int) -> None:
    """Carry packets both ways, for ever."""
    ways = {near: _Way(near, far), far: _Way(far, near)}
    while True:
        due = [way.due_at for way in ways.values() if way.due_at is not None]
        pause = max(0.0, min(due) - monotonic()) if due else None
        readable, _, _ = select.select(list(ways), [], [], pause)
        now = monotonic()
        for source in readable:
            ways[source].take(now)
        for way in ways.values():
            way.deliver(now)


def _device(name: str) -> int:
    """Make a tun device; it is there as long as the descriptor is open."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode("ascii"), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


def main() -> None:
    """Make the devices that the command line names, say so, and carry."""
    devices = [_device(name) for name in sys.argv[1:]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    # A line does not wait for the computers at its ends.
    with suppress(PermissionError):  # most containers forbid it
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    _carry(*devices)


if __name__ == "__main__":
    main()
