"""The next version of jobfs: today's with one more migration."""

import shutil
import subprocess
import sys
from pathlib import Path

from jobfs.catalog import migrate

_PACKAGE = Path(migrate.__file__).parents[1]
#: The revision that it migrates to.
REVISION = "9000"
_MIGRATION = f'''
"""One more column."""

import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{migrate.head()}"


def upgrade() -> None:
    op.add_column("studio", sa.Column("motto", sa.Text(), nullable=True))
'''


def make(folder: Path) -> None:
    """Put the next version into *folder*, from where Python takes it first."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_PACKAGE, folder / "jobfs", ignore=without)
    versions = folder / "jobfs/catalog/migrations/versions"
    (versions / f"{REVISION}_motto.py").write_text(_MIGRATION, encoding="utf-8")


def command(config_file: Path, *arguments: str) -> list[str]:
    """Return a command of jobfs, of whichever version lies in the working directory."""
    return [sys.executable, "-m", "jobfs", "--config", str(config_file), *arguments]


def run(folder: Path, config_file: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the version in *folder* to its end."""
    return subprocess.run(
        command(config_file, *arguments), cwd=folder, capture_output=True, text=True, check=False
    )
