"""What a mount asks of the kernel and is asked by it: its system calls, as strace tells them.

Counts depend on neither the machine nor its load, times under strace do: so times are taken elsewhere.
"""

import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.served.studio import until

#: Requests by their number. Source: enum fuse_opcode in include/uapi/linux/fuse.h.
_REQUESTS = {
    1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 6: "symlink", 8: "mknod",
    9: "mkdir", 10: "unlink", 11: "rmdir", 12: "rename", 13: "link", 14: "open", 15: "read",
    16: "write", 17: "statfs", 18: "release", 20: "fsync", 21: "setxattr", 22: "getxattr",
    23: "listxattr", 24: "removexattr", 25: "flush", 26: "init", 27: "opendir", 28: "readdir",
    29: "releasedir", 30: "fsyncdir", 34: "access", 35: "create", 36: "interrupt", 42: "forget",
    43: "fallocate", 44: "readdirplus", 45: "rename", 46: "lseek", 47: "copy_file_range",
    50: "syncfs", 51: "tmpfile", 52: "statx",
}  # fmt: skip
#: Of a request are told its head, which ends behind this, and the beginning of a name it may be about.
_HEAD, _TOLD = 40, 80
#: A page's head in SQLite's log: 24 bytes, whose second four are not 0 where a transaction ends.
#: Source: https://www.sqlite.org/fileformat2.html#walformat
_PAGE_HEAD = 24
_CALL = re.compile(r"(?P<name>\w+)\((?P<rest>.*)", re.DOTALL)
_ON = re.compile(r"\d+<(?P<path>[^>]*)>")
_BYTES = re.compile(r'"(?P<hex>(?:\\x[0-9a-f]{2})*)"')
_RESULT = re.compile(r"= (?P<result>-?\d+)(?!.*= )")
_SYNCING = {"fsync", "fdatasync", "sync_file_range", "syncfs", "msync"}


@dataclass(slots=True)
class Trace:
    """What a mount has done while it was traced.

    requests   of the kernel, by kind
    looks      lookups of the kernel, by the name that it looks for
    calls      system calls by name
    places     system calls by name and what they were made on: kernel, blob, folder, database, log, rest
    moved      bytes by the same
    syncs      waits for the disk, by the same
    commits    transactions that have changed the SQLite database
    """

    requests: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    syncs: Counter[str] = field(default_factory=Counter)
    commits: int = 0


@contextmanager
def traced(pid: int) -> Iterator[Trace]:
    """Trace a process during the block; what it has done is known behind it."""
    trace = Trace()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace"
        command = ["strace", "-f", "-yy", "-xx", "-s", str(_TOLD), "-o", str(file), "-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _is_traced(pid, tracer.pid))
            yield trace
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        for name, rest in _calls(file):
            _note(trace, name, rest)


def _is_traced(pid: int, tracer: int) -> bool:
    """Whether every thread of a process is traced."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all(f"TracerPid:\t{tracer}\n" in (one / "status").read_text("utf-8") for one in threads)


def _calls(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and the rest of the line of each call, put together where others came between."""
    begun: dict[str, str] = {}
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            thread, _, text = line.rstrip("\n").partition(" ")
            text = text.lstrip()
            if text.startswith("<... "):
                text = begun.pop(thread, "") + text.partition(" resumed>")[2]
            elif text.endswith("<unfinished ...>"):
                begun[thread] = text.removesuffix("<unfinished ...>")
                continue
            if (call := _CALL.match(text)) is not None:
                yield call["name"], call["rest"]


def _note(trace: Trace, name: str, rest: str) -> None:
    place = _place(rest)
    trace.calls[name] += 1
    trace.places[name, place] += 1
    done = _done(rest)
    if done > 0 and name in {"read", "write", "writev", "pread64", "pwrite64", "splice"}:
        trace.moved[name, place] += done
    if name in _SYNCING:
        trace.syncs[place] += 1
    if name == "read" and place == "kernel" and done > 0:
        kind = _REQUESTS.get(_word(rest, 1), "other")
        trace.requests[kind] += 1
        if kind == "lookup":
            trace.looks[_told(rest)[_HEAD:].partition(b"\0")[0].decode()] += 1
    if name == "pwrite64" and place == "log" and done == _PAGE_HEAD and _word(rest, 1, "big"):
        trace.commits += 1


def _place(rest: str) -> str:
    """Return what the first descriptor of a call is."""
    found = _ON.match(rest)
    path = "" if found is None else _plain(found["path"])
    if path.startswith("/dev/fuse"):
        return "kernel"
    if "/blobs/" in path:
        return "folder" if re.search(r"/blobs/[0-9a-f]{2}$", path) else "blob"
    if path.endswith("-wal"):
        return "log"
    return "database" if ".sqlite3" in path else "rest"


def _plain(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _word(rest: str, place: int, order: str = "little") -> int:
    """Return one of the first words of what was read or written."""
    word = _told(rest)[4 * place : 4 * place + 4]
    return int.from_bytes(word, "big" if order == "big" else "little")


def _told(rest: str) -> bytes:
    """Return the beginning of what was read or written."""
    found = _BYTES.search(rest)
    return b"" if found is None else bytes.fromhex(found["hex"].replace("\\x", ""))


def _done(rest: str) -> int:
    found = _RESULT.search(rest)
    return -1 if found is None else int(found["result"])
