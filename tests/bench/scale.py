"""What a large studio's photographers wait for, over what those of an empty one do."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic

from PIL import Image

from tests.bench import kept, memory
from tests.bench.comparing import Figure, Options, Pair
from tests.served.clients import run, sftp_command
from tests.served.studio import Studio

#: Of each in a turn: enough to measure, and few enough for both sides to have the same machine.
LOGINS, _FILES, _LOOKS = 3, 100, 1000

_numbers = count(1)


def login(studio: Studio) -> float:
    """Return the seconds of logins that each list the jobs."""
    began = monotonic()
    for _ in range(LOGINS):
        answer = run(studio, sftp_command(studio, "-b", "-"), typed="ls\n")
        assert kept.JOB in answer.said, answer
    return monotonic() - began


def _close(studio: Studio) -> float:
    """Return the seconds it takes to create, write and close new files."""
    folder, data, number = _job(studio), picture(), next(_numbers)
    began = monotonic()
    for file in range(_FILES):
        (folder / f"N{number:04}_{file:04}.JPG").write_bytes(data)
    return monotonic() - began


def _lookup(studio: Studio) -> float:
    """Return the seconds it takes to look at a file again and again."""
    file = _job(studio) / "looked-at.JPG"
    if not file.exists():
        file.write_bytes(picture())
    began = monotonic()
    for _ in range(_LOOKS):
        file.stat()
    return monotonic() - began


def _memory(studio: Studio) -> float:
    """Return the MiB of the mount after some work."""
    login(studio)
    _close(studio)
    _lookup(studio)
    return next(held.resident for held in memory.of(studio) if held.name == "mount")


def _job(studio: Studio) -> Path:
    return studio.mountpoint / "anna" / kept.JOB


def picture() -> bytes:
    """Return a JPEG of less than a kilobyte."""
    made = io.BytesIO()
    Image.new("RGB", (64, 64), "gray").save(made, "JPEG")
    return made.getvalue()


@contextmanager
def _both(options: Options) -> Iterator[tuple[Studio, Studio]]:
    """Give the large studio and the empty one, both at work."""
    sizes = kept.crowded(options), kept.empty(options)
    with kept.studio_with(options, sizes[0]) as large, kept.studio_with(options, sizes[1]) as small:
        large.start()
        small.start()
        yield large, small


def _turns(measured: Callable[[Studio], float]) -> Callable[[Options], Iterator[Pair]]:
    def turns(options: Options) -> Iterator[Pair]:
        with _both(options) as (large, small):
            while True:
                yield Pair(measured(large), measured(small))

    return turns


_EMPTY = "the same with 10 jobs and no photos"
_LARGE = "10,000 jobs (100 planned), 1,000,000 photos, 200 accounts"

FIGURES = (
    Figure(
        name="scale-login", what=f"login and listing of all jobs with {_LARGE}", against=_EMPTY,
        unit="s", goal=1.1, turns=_turns(login),
    ),
    Figure(
        name="scale-close", what=f"create, write and close of {_FILES} files with {_LARGE}",
        against=_EMPTY, unit="s", goal=1.1, together=5, turns=_turns(_close),
    ),
    Figure(
        name="scale-lookup", what=f"{_LOOKS} stats of a file with {_LARGE}", against=_EMPTY,
        unit="s", goal=1.1, together=5, turns=_turns(_lookup),
    ),
    Figure(
        name="scale-memory", what=f"the mount's resident memory with {_LARGE}", against=_EMPTY,
        unit="MiB", goal=1.2, turns=_turns(_memory),
    ),
)  # fmt: skip
