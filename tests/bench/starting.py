"""How soon photographers can work after a start, and after the death of the mount."""

import socket
from collections.abc import Callable, Iterator
from time import monotonic

from tests.bench import kept
from tests.bench.comparing import Figure, Options, Pair
from tests.served.clients import run, sftp_command
from tests.served.studio import PATIENCE, Studio, until


def _start(studio: Studio) -> float:
    """Return the seconds from the start of `jobfs up` to a listing; then end it."""
    began = monotonic()
    studio.begin()
    _wait_for_listing(studio)
    took = monotonic() - began
    assert studio.stop() == 0
    return took


def _recover(studio: Studio) -> float:
    """Return the seconds from the death of the mount to a listing; `jobfs up` runs already or is started."""
    if not studio.is_running:
        studio.start()
    mount = studio.role("mount")
    began = monotonic()
    studio.kill("mount")
    _wait_for_listing(studio)
    took = monotonic() - began
    studio.role("mount", other_than=mount)
    return took


def _wait_for_listing(studio: Studio) -> None:
    """Return when a photographer's client, which tries again and again, has listed the jobs."""
    until(lambda: _answers(studio) and _lists(studio))


def _answers(studio: Studio) -> bool:
    try:
        socket.create_connection(("127.0.0.1", studio.port), PATIENCE).close()
    except ConnectionError:
        return False
    return True


def _lists(studio: Studio) -> bool:
    answer = run(studio, sftp_command(studio, "-b", "-"), typed="ls\n")
    return answer.status == 0 and kept.JOB in answer.said


def _turns(measured: Callable[[Studio], float]) -> Callable[[Options], Iterator[Pair]]:
    def turns(options: Options) -> Iterator[Pair]:
        sizes = kept.crowded(options), kept.empty(options)
        with (
            kept.studio_with(options, sizes[0]) as large,
            kept.studio_with(options, sizes[1]) as small,
        ):
            while True:
                yield Pair(measured(large), measured(small))

    return turns


def _seconds(options: Options) -> Iterator[Pair]:
    with kept.studio_with(options, kept.crowded(options)) as studio:
        while True:
            yield Pair(_recover(studio))


_LARGE = "10,000 jobs, 1,000,000 photos and 200 accounts"

FIGURES = (
    Figure(
        name="start", what=f"jobfs up to the first SFTP listing with {_LARGE}",
        against="an empty studio", unit="s", goal=1.2, turns=_turns(_start),
    ),
    Figure(
        name="start-killed", what=f"kill -9 of the mount to the first SFTP listing with {_LARGE}",
        against="an empty studio", unit="s", goal=1.2, turns=_turns(_recover),
    ),
    Figure(
        name="recovery", what=f"kill -9 of the mount to the first SFTP listing with {_LARGE}",
        against=None, unit="s", goal=2.0, turns=_seconds,
    ),
)  # fmt: skip
