"""The machine that something is measured on, in words."""

import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from jobfs import mounts
from tests.bench.comparing import Options
from tests.bench.records import Run

_CHECKOUT = Path(__file__).parents[2]


def run(options: Options) -> Run:
    """Return when and on what the next figure is measured."""
    return Run(
        at=datetime.now(UTC).replace(microsecond=0), commit=_commit(), machine=_machine(options.folder),
        load=round(os.getloadavg()[0], 1), quick=options.quick, corpus=options.corpus is not None,
    )  # fmt: skip


def _machine(folder: Path) -> str:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} processors ({_processor()}), {pages * size / 2**30:.0f} GiB of memory,"
        f" Linux {platform.release()}, {_file_system(folder)}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}"
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").partition("model name")[2]
    return told.partition("\n")[0].lstrip("\t :") or platform.machine()


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on: that of the nearest mount above it."""
    above = [mount for mount in mounts.table() if folder.is_relative_to(mount.at)]
    return max(above, key=_depth).kind if above else "an unknown file system"


def _depth(mount: mounts.Mount) -> int:
    return len(mount.at.parts)


def _commit() -> str:
    if shutil.which("git") is None:
        return "unknown"
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=7", "--dirty=+"],
        cwd=_CHECKOUT, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    return described.strip() or "unknown"
