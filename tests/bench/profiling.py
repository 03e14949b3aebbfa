"""Say where the time of an upload goes: real files are sent over a real sshd into a real mount, thrice.

First undisturbed: how long the kernel waited for each kind of request, and CPU seconds. Then under strace:
requests, system calls, transactions and waits for the disk of each file; none of that depends on the
machine. And last under py-spy, which draws a flame graph of what the mount did meanwhile.
"""

import argparse
import re
import signal
import subprocess
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import sysconf
from pathlib import Path

from tests.bench.comparing import Options
from tests.bench.sending import Took, send
from tests.bench.sides import JobfsSide, jobfs_side
from tests.bench.sources import KB, MB, Load, loads
from tests.bench.tracing import Trace, traced

_SPY = Path(__file__).parents[2] / ".venv/py-spy/bin/py-spy"
#: Samples a second: a file of 60 KB takes about a millisecond.
_RATE = 500
_TICKS = sysconf("SC_CLK_TCK")
#: Fewer calls than this for each file are not told.
_RARE = 0.05
_WAIT = re.compile(
    r'jobfs_kernel_request_seconds_(?P<what>sum|count){request="(?P<kind>\w+)"} (?P<value>\S+)'
)


def main() -> None:
    """Profile what the command line names."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options = Options(corpus=asked.corpus, folder=Path(folder), pairs=0)
        for size, number in ((60 * KB, asked.small), (5 * MB, asked.large)):
            if number:
                load = loads(options, number=number, size=size)[0]
                with jobfs_side(options, durability=asked.durability) as side:
                    svg = asked.svg.with_stem(f"{asked.svg.stem}-{size // KB}-kb")
                    _profile(side, load, svg)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/profile", description=__doc__)
    parser.add_argument("what", choices=["upload"])
    parser.add_argument("--small", type=int, default=400, help="files of 60 KB; 400. 0: none")
    parser.add_argument("--large", type=int, default=40, help="files of 5 MB; 40. 0: none")
    parser.add_argument("--durability", choices=["process", "power"], default="process")
    parser.add_argument("--corpus", type=Path, help="a folder of real files; else made ones")
    parser.add_argument("--folder", type=Path, default="/var/tmp", help="where data is; /var/tmp")
    parser.add_argument(
        "--svg", type=Path, default=Path("upload.svg"), metavar="FILE",
        help="where the flame graphs go, the size of the files in their names; upload.svg",
    )  # fmt: skip
    return parser.parse_args()


def _profile(side: JobfsSide, load: Load, svg: Path) -> None:
    mount = side.studio.role("mount")
    send(side, [load])  # a first one fills caches
    _say(f"\n== {load.number} files of {load.size / load.number / KB:,.0f} KB ==")
    before, cpu = _waits(side), _cpu(mount)
    took = send(side, [load])
    after, more = _waits(side), _cpu(mount)
    _tell_times(load, took, [new - old for new, old in zip(more, cpu, strict=True)])
    _tell_waits(load, after - before)
    with traced(mount) as trace:
        send(side, [load])
    _tell_counts(load, trace)
    with _flames(mount, svg):
        send(side, [load])
    _say(f"flame graph of the mount: {svg}")


# --- undisturbed ---


def _cpu(pid: int) -> tuple[float, float]:
    """Return the CPU seconds that a process has taken, its own and the kernel's for it."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    return int(fields[14 - 3]) / _TICKS, int(fields[15 - 3]) / _TICKS


def _waits(side: JobfsSide) -> Counter[tuple[str, str]]:
    """Return how often, and for how many microseconds, the kernel has waited for what, so far."""
    address = next((word for line in side.studio.log.since() for word in _addresses(line)), None)
    if address is None:
        return Counter()
    with urllib.request.urlopen(address) as answer:  # noqa: S310 (of http://, see below)
        text = answer.read().decode()
    found = _WAIT.finditer(text)
    scale = {"sum": 1_000_000, "count": 1}
    return Counter(
        {(one["what"], one["kind"]): int(float(one["value"]) * scale[one["what"]]) for one in found}
    )


def _addresses(line: dict[str, object]) -> Iterator[str]:
    """Yield the address of the mount's metrics if a line of the log tells it."""
    told = re.search(r"metrics at (http://\S+)", str(line["event"]))
    if told is not None and line.get("role") == "mount":
        yield told[1]


def _tell_times(load: Load, took: Took, mount: list[float]) -> None:
    each = 1000 / load.number
    _say(
        f"milliseconds for a file: {took.seconds * each:.2f} in all; CPU of the mount"
        f" {mount[0] * each:.2f} of its own and {mount[1] * each:.2f} in the kernel"
    )
    if took.cpu is not None:
        _say(f"CPU of all of jobfs's processes, sshd's too: {took.cpu * each:.2f}")


def _tell_waits(load: Load, waits: Counter[tuple[str, str]]) -> None:
    if not waits:
        _say("how long the kernel waits is not known: the mount's metrics have no port")
        return
    _say("\nrequest          times a file  microseconds each  microseconds a file")
    for kind in sorted(kind for what, kind in waits if what == "count"):
        times, micros = waits["count", kind], waits["sum", kind]
        if times / load.number >= _RARE:
            _say(
                f"{kind:<16} {times / load.number:12.2f} {micros / times:18.0f} {micros / load.number:20.0f}"
            )


# --- under strace ---


def _tell_counts(load: Load, trace: Trace) -> None:
    number = load.number
    _say("\nof each file: requests of the kernel, forgetting among them")
    _tell(trace.requests, number)
    _say(f"transactions that change the database (SQLite): {trace.commits / number:.2f}")
    _say("waits for the disk, by what is waited for")
    _tell(trace.syncs, number)
    _say(f"system calls of the mount: {trace.calls.total() / number:.1f}")
    _tell(Counter({f"{name} ({on})": times for (name, on), times in trace.places.items()}), number)
    _say("bytes moved for each byte that was sent")
    for (name, on), moved in trace.moved.most_common():
        if moved > load.size / 1000:
            _say(f"  {moved / load.size:8.3f} {name} ({on})")


def _tell(times: Counter[str], number: int) -> None:
    for what, often in times.most_common():
        if often / number >= _RARE:
            _say(f"  {often / number:8.2f} {what}")


# --- under py-spy ---


@contextmanager
def _flames(pid: int, svg: Path) -> Iterator[None]:
    """Draw what a process does in the block."""
    command = [
        str(_SPY), "record", "--format", "flamegraph", "--rate", str(_RATE), "--threads", "--gil",
        "--output", str(svg), "--pid", str(pid),
    ]  # fmt: skip
    spy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (that is its purpose)


if __name__ == "__main__":
    main()
