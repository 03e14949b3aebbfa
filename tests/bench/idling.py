"""What a studio costs while nobody does anything."""

import threading
import time
from collections.abc import Iterator

from tests.bench import kept, memory
from tests.bench.comparing import Figure, Options, Pair

#: Seconds of a turn. Roles look at their rows every few seconds, and every minute.
_TURN, _QUICK_TURN = 60, 20
_HOUR = 3600


def _idle(options: Options) -> Iterator[Pair]:
    with kept.studio_with(options, kept.empty(options)) as studio:
        studio.start()
        never, turn = threading.Event(), _QUICK_TURN if options.quick else _TURN
        while True:
            pids = memory.pids(studio)
            before, began = _seconds(pids), time.monotonic()
            never.wait(turn)
            used, took = _seconds(pids) - before, time.monotonic() - began
            assert memory.pids(studio) == pids, "a process has come or gone"
            yield Pair(used / took * _HOUR)


def _seconds(pids: list[int]) -> float:
    """Return the CPU seconds that processes have taken, to the nanosecond.

    The clock of a process has a number made of its pid. Source: the kernel's posix-timers_types.h,
    MAKE_PROCESS_CPUCLOCK and CPUCLOCK_SCHED.
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


FIGURES = (
    Figure(
        name="idle", what="CPU seconds an hour of a studio with 10 jobs and no connection",
        against=None, unit="s", goal=10.0, fewest=2, turns=_idle,
    ),
)  # fmt: skip
