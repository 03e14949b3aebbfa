import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobfs.processes import Process, host, process

Child = subprocess.Popen[bytes]


@pytest.fixture
def child() -> Iterator[Child]:
    """A process that ends with the status it is told through its standard input."""
    script = "import sys; sys.exit(int(sys.stdin.readline()))"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_this_process_is_running() -> None:
    me = known(os.getpid())

    assert me.is_running()
    assert not me.is_ending_well()


def test_a_process_is_found_by_its_pid(child: Child) -> None:
    found = known(child.pid)

    assert found.pid == child.pid
    assert found == process(child.pid)
    assert found.is_running()
    assert not found.is_ending_well()


def test_a_later_process_has_a_later_start(child: Child) -> None:
    assert known(child.pid).start_tick >= known(os.getpid()).start_tick


def test_another_process_with_the_same_pid_is_not_the_same(child: Child) -> None:
    found = known(child.pid)
    earlier = Process(found.pid, found.start_tick - 1)

    assert not earlier.is_running()
    assert not earlier.is_ending_well()


def test_a_process_that_exits_has_ended_well_though_nobody_has_asked_yet(child: Child) -> None:
    found = known(child.pid)

    end(child, b"0\n")

    assert not found.is_running()
    assert found.is_ending_well()


@pytest.mark.parametrize("status", [1, 3])
def test_a_process_that_exits_with_an_error_has_not_ended_well(child: Child, status: int) -> None:
    found = known(child.pid)

    end(child, b"%d\n" % status)

    assert not found.is_running()
    assert not found.is_ending_well()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE])
def test_a_process_that_was_killed_has_not_ended_well(child: Child, number: signal.Signals) -> None:
    found = known(child.pid)

    child.send_signal(number)
    become_zombie(child)

    assert not found.is_running()
    assert not found.is_ending_well()


def test_a_process_that_is_gone_is_nobody(child: Child) -> None:
    found = known(child.pid)
    child.kill()
    child.wait()

    assert process(child.pid) is None
    assert not found.is_running()
    assert not found.is_ending_well()


def test_a_stopped_process_is_running(child: Child) -> None:
    """A client that a photographer has suspended with Ctrl-Z is not dead."""
    found = known(child.pid)

    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)

    assert found.is_running()


@pytest.mark.parametrize("name", ["a b", "x) Z 1 (y", ") 0 0 0 0 0 0"])
def test_a_process_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Its name stands unquoted in the line that tells about it."""
    program = tmp_path / name
    program.symlink_to("/bin/cat")

    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        echoes(child)
        comm = Path(f"/proc/{child.pid}/comm").read_text(encoding="utf-8")
        found = known(child.pid)

        assert comm.strip() == name[:15]
        assert found.is_running()
        assert found.start_tick >= known(os.getpid()).start_tick
    assert not found.is_running()


def test_a_pid_that_nobody_has_is_nobody() -> None:
    largest = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))

    assert process(largest + 1) is None


def test_the_host_is_known_by_its_boot() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    assert host().endswith(f" {boot}")
    assert host() == host()


def known(pid: int) -> Process:
    found = process(pid)
    assert found is not None
    return found


def echoes(child: Child) -> None:
    """Return when the child's program runs."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"x")
    child.stdin.flush()
    assert child.stdout.read(1) == b"x"


def end(child: Child, status: bytes) -> None:
    assert child.stdin is not None
    child.stdin.write(status)
    child.stdin.flush()
    become_zombie(child)


def become_zombie(child: Child) -> None:
    """Wait until the child is dead, and leave it unburied."""
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
