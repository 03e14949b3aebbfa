"""Many small operations on the mount, against the example that comes with pyfuse3.

Durability is "process", as the example's is. Both show folders of the same disk. The example is taken
from pyfuse3's source distribution, whose hash requirements.lock tells.
"""

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic

from jobfs import mounts
from jobfs.mount import mountpoint as places
from tests.bench.comparing import Figure, MissingPeerError, Options, Pair
from tests.mounted.studio import Studio
from tests.served.studio import until

_CHECKOUT = Path(__file__).parents[2]
#: Of postmark, and what part of it a quick run does.
_FILES, _TRANSACTIONS, _QUICK = 2_000, 5_000, 8
#: Seconds that dbench runs, behind a fifth of them for warming up: until then it writes large files.
_DBENCH = 10
_EXAMPLE = "examples/passthroughfs.py"

_numbers = count(1)


def postmark(folder: Path, options: Options) -> float:
    """Return the seconds that postmark takes to create, change, read and delete files of 0.5 to 10 kB."""
    part = _QUICK if options.quick else 1
    settings = (
        f"set location {folder}\nset number {_FILES // part}\n"
        f"set transactions {_TRANSACTIONS // part}\nrun\nquit\n"
    )
    began = monotonic()
    done = _run(["postmark"], typed=settings)
    took = monotonic() - began
    assert "Deleting files...Done" in done, done
    return took


def dbench(folder: Path, _options: Options) -> float:
    """Return the seconds that dbench takes for a megabyte of a file server's load by one client."""
    done = _run(["dbench", "-D", str(folder), "-t", str(_DBENCH), "1"])
    found = re.search(r"Throughput ([0-9.]+) MB/sec", done)
    assert found, done
    return 1 / float(found[1])


def _run(command: list[str], typed: str = "") -> str:
    if shutil.which(command[0]) is None:
        raise MissingPeerError(f"{command[0]}; tests/bench/install installs it")
    return subprocess.run(
        command,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def _turns(
    measured: Callable[[Path, Options], float],
) -> Callable[[Options], Iterator[Pair]]:
    def turns(options: Options) -> Iterator[Pair]:
        with job_folder(options) as job, example(options) as folder:
            while True:
                yield Pair(measured(new(job), options), measured(new(folder), options))

    return turns


def new(folder: Path) -> Path:
    """Make a folder for one turn."""
    made = folder / f"d{next(_numbers)}"
    made.mkdir()
    return made


@contextmanager
def job_folder(options: Options) -> Iterator[Path]:
    """Give a job's directory on a mount."""
    data = options.folder / "small-ops"
    data.mkdir()
    studio = Studio(data)
    settings = studio.config_file.read_text("utf-8")
    studio.config_file.write_text(f'{settings}durability = "process"\n', encoding="utf-8")
    try:
        job = studio.add_job(studio.account("anna"), name="Job")
        studio.start()
        yield job.path
        studio.stop()
    finally:
        studio.remove()
        shutil.rmtree(data)


@contextmanager
def example(options: Options) -> Iterator[Path]:
    """Give a folder that pyfuse3's example shows."""
    with ExitStack() as stack:
        place = options.folder / "example"
        stack.callback(shutil.rmtree, place)
        for name in ("source", "shown"):
            (place / name).mkdir(parents=True)
        program, shown = _example_program(place), place / "shown"
        process = subprocess.Popen(
            [sys.executable, str(program), str(place / "source"), str(shown)],
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_end, process, shown)
        until(lambda: _is_mounted(shown))
        yield shown


def _is_mounted(place: Path) -> bool:
    return any(mount.at == place for mount in mounts.table())


def _end(process: subprocess.Popen[bytes], shown: Path) -> None:
    while _is_mounted(shown):
        places.unmount(shown)
    process.terminate()
    process.wait()


def _example_program(place: Path) -> Path:
    """Fetch pyfuse3's sources in the version that jobfs runs with; return its example's path."""
    pinned = re.search(
        r"^pyfuse3==\S+ \\\n(?: +--hash=\S+(?: \\)?\n)+",
        (_CHECKOUT / "requirements.lock").read_text("utf-8"),
        re.MULTILINE,
    )
    assert pinned, "requirements.lock names no pyfuse3"
    wanted = place / "wanted.txt"
    wanted.write_text(pinned[0], encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-binary", "pyfuse3", "--require-hashes", "--requirement", str(wanted),
        "--dest", str(place),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingPeerError(f"pyfuse3's sources cannot be downloaded: {done.stderr.strip()}")
    (archive,) = place.glob("pyfuse3-*.tar.gz")
    program = place / "example.py"
    with tarfile.open(archive) as files:
        (name,) = [name for name in files.getnames() if name.endswith(f"/{_EXAMPLE}")]
        found = files.extractfile(name)
        assert found is not None, "the example is a file"
        program.write_bytes(found.read())
    return program


FIGURES = (
    Figure(
        name="small-ops-postmark",
        what=f"postmark with {_FILES:,} files and {_TRANSACTIONS:,} transactions, on the mount",
        against="pyfuse3's example passthroughfs.py on the same disk",
        unit="s", goal=3.0, is_speed=True, turns=_turns(postmark),
    ),
    Figure(
        name="small-ops-dbench", what="dbench with one client, seconds for a megabyte, on the mount",
        against="pyfuse3's example passthroughfs.py on the same disk",
        unit="s", goal=3.0, is_speed=True, turns=_turns(dbench),
    ),
)  # fmt: skip
