"""Counting: what every request pays for, and what threads must not lose."""

import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from jobfs.metrics import Counter, Durations, Timer


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hurried")
def test_nothing_is_lost_when_threads_count_at_the_same_time() -> None:
    number, durations = Counter("a_total", "a").of(), Durations((1.0,))

    def count() -> None:
        for _ in range(10_000):
            number.add()
            durations.note(0.5)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert number.value == 40_000
    assert durations.read() == ([40_000, 0], 20_000.0)


def test_a_duration_counts_up_to_the_first_bound_that_it_does_not_exceed() -> None:
    durations = Durations((0.1, 1.0))

    for seconds in (0.0, 0.1, 0.11, 1.0, 1.01, 60.0):
        durations.note(seconds)

    assert durations.read()[0] == [2, 2, 2]


def test_who_asks_twice_for_a_number_gets_the_same_one() -> None:
    counter, timer = Counter("a_total", "a", "kind"), Timer("a_seconds", "a", "kind", bounds=(1,))

    assert counter.of("x") is counter.of("x")
    assert timer.of("x") is not timer.of("y")
    assert [labels for labels, _ in timer] == [("x",), ("y",)]


def test_a_block_is_measured_even_if_it_fails() -> None:
    durations = Durations((60.0,))

    with pytest.raises(RuntimeError), durations.measure():
        raise RuntimeError

    assert durations.read()[0] == [1, 0]
