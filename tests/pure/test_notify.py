"""What a service manager's variables mean: sd_notify(3), sd_watchdog_enabled(3)."""

import pytest

from jobfs.notify import Manager, told_by

SOCKET = "/run/systemd/notify"


def test_without_a_service_manager_nobody_is_told() -> None:
    assert told_by({}, pid=7) == Manager(address="", watchdog=None)


def test_it_is_told_twice_within_the_silence_that_it_bears() -> None:
    variables = {"NOTIFY_SOCKET": SOCKET, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}

    assert told_by(variables, pid=7) == Manager(address=SOCKET, watchdog=30.0)


def test_a_watchdog_without_a_pid_means_whoever_reads_it() -> None:
    variables = {"NOTIFY_SOCKET": SOCKET, "WATCHDOG_USEC": "3000000"}

    assert told_by(variables, pid=7).watchdog == 1.5


@pytest.mark.parametrize(
    "variables",
    [
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"},
        {"WATCHDOG_USEC": "0", "WATCHDOG_PID": "7"},
        {"WATCHDOG_USEC": "soon"},
        {},
    ],
)
def test_a_watchdog_that_is_not_for_this_process_is_none(variables: dict[str, str]) -> None:
    assert told_by({"NOTIFY_SOCKET": SOCKET, **variables}, pid=7) == Manager(address=SOCKET)
