"""The units of deploy/systemd, by systemd's own judgement; tests/prove-systemd boots them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobfs.cli.main import main
from jobfs.domain.accounts import FIRST_UID

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))

#: What gives a service a mount namespace, see systemd.exec(5). What is mounted in one is seen in no other.
NAMESPACED = re.compile(
    r"^(Protect(System|Home|Proc|KernelTunables|KernelModules|KernelLogs|ControlGroups)|Private(Tmp|Devices"
    r"|Mounts|Network|Users|IPC)|ProcSubset|RootDirectory|RootImage|BindPaths|BindReadOnlyPaths"
    r"|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|TemporaryFileSystem|MountFlags|DynamicUser)=",
    re.MULTILINE,
)


def exposure(unit: Path, limit: float) -> subprocess.CompletedProcess[str]:
    """Ask `systemd-analyze security` whether the exposure of a unit is at most *limit* of 10."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    return subprocess.run(
        [*command, f"--threshold={limit * 10:.0f}", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "limit"),
    [("jobfs-worker@.service", 3.0), ("jobfs-mount.service", 5.0), ("jobfs-login.service", 5.0)],
)
def test_a_unit_exposes_no_more_than_it_must(name: str, limit: float) -> None:
    judged = exposure(UNITS / name, limit)

    assert judged.returncode == 0, judged.stdout[-300:]


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """Programs must be there for it; so the units name, for once, those of the tests."""
    names = [file.name for file in (*SERVICES, UNITS / "jobfs.target")]
    for name in names:
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/jobfs/bin/jobfs", sys.executable))

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    ours = [line for line in verified.stderr.splitlines() if "jobfs" in line]
    assert (verified.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_with_options_that_there_are(unit: Path) -> None:
    starts = re.findall(
        r"^ExecStart=/opt/jobfs/bin/jobfs (\S+)(.*)$", unit.read_text(), re.MULTILINE
    )

    ((name, options),) = starts
    command = main.lazy[name]
    assert command.place.startswith("jobfs.cli.role:")
    shown = subprocess.run(
        [sys.executable, "-m", "jobfs", name, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(option in shown.stdout for option in options.split())


def test_what_the_mount_mounts_can_be_seen_by_others() -> None:
    assert not NAMESPACED.search((UNITS / "jobfs-mount.service").read_text())


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_is_watched_and_not_tried_again_with_wrong_settings(unit: Path) -> None:
    lines = unit.read_text().splitlines()

    for line in (
        "Type=notify",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
    ):
        assert line in lines
    # login lets uploads end for half a minute
    assert "TimeoutStopSec=60" in lines


def test_the_uid_of_decoders_is_nobody_elses() -> None:
    assert f"u jobfs-decoder {FIRST_UID} " in (UNITS / "jobfs.sysusers").read_text()


def test_the_page_speaks_of_every_unit() -> None:
    page = (ROOT / "docs" / "systemd.md").read_text()

    assert [file.name for file in UNITS.iterdir() if f"`{file.name}`" not in page] == []


def test_install_tells_how_it_is_used() -> None:
    told = subprocess.run(
        [ROOT / "deploy/install", "--help"], capture_output=True, text=True, check=True
    )

    assert "--systemd" in told.stdout
