"""What processes load: as much as their work needs, since each holds it in memory for as long as it runs."""

import subprocess
import sys

_DECODING = (
    "cykooz_resizer", "numpy", "PIL", "pillow_heif", "rawpy", "simplejpeg", "zxingcpp",
)  # fmt: skip


def loaded(module: str, *watched: str) -> str:
    """Return which of the watched packages importing a module loads, in a process of its own."""
    ask = f"import sys, {module}; print(*(name for name in {watched} if name in sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", ask], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_worker_loads_nothing_that_decodes() -> None:
    assert loaded("jobfs.ingest.role, jobfs.daemon", *_DECODING) == ""


def test_a_role_loads_nothing_that_migrates_or_that_another_database_needs() -> None:
    rooms = "jobfs.daemon, jobfs.mount.role, jobfs.login.role, jobfs.ingest.role, jobfs.cli.role"
    assert loaded(rooms, "alembic", "mako", "psycopg") == ""


def test_a_command_loads_nothing_that_answers_prometheus() -> None:
    """Rooms count all the same; a role loads it when it begins to answer."""
    rooms = "jobfs.cli.main, jobfs.daemon, jobfs.supervisor, jobfs.mount.role, jobfs.ingest.role"
    assert loaded(rooms, "prometheus_client", "http.server") == ""


def test_a_decoder_loads_nothing_that_serves() -> None:
    assert loaded("jobfs.ingest.child", "trio", "sqlalchemy", "structlog") == ""
