"""Is the database fit, and do all clocks agree?"""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobfs.catalog import clock, roles
from jobfs.catalog.refusals import (
    BadDatabaseUrlError,
    CatalogUnavailableError,
    MissingSchemaError,
    NewerSchemaError,
    OlderSchemaError,
)
from jobfs.cli.checks import places
from jobfs.cli.checks.findings import Finding, ok, unfit, warning
from jobfs.cli.studio import Studio
from jobfs.processes import host

#: By how much clocks may differ; beyond the second, orders of events are wrong.
_SLIGHTLY, _BADLY = timedelta(seconds=2), timedelta(minutes=1)


def database(studio: Studio) -> Iterator[Finding]:
    """Look whether the database answers, with the schema of this version, and what time it has."""
    name = "the SQLite file" if not studio.config.jobfs.database else "the database"
    try:
        with studio.reading() as connection:
            servers, ours = clock.now(connection), datetime.now(UTC)
            latest = clock.latest(connection)
    except (CatalogUnavailableError, BadDatabaseUrlError) as error:
        yield unfit("database", str(error))
    except OlderSchemaError as error:
        yield ok("database", f"{name} answers")
        yield warning("schema", str(error))
    except NewerSchemaError as error:
        yield ok("database", f"{name} answers")
        yield unfit("schema", str(error))
    except MissingSchemaError:
        yield ok("database", f"{name} has nothing in it yet: `jobfs init` makes it")
    else:
        yield ok("database", f"{name} answers")
        yield ok("schema", "it is this version's")
        if servers is not None:
            yield differing("database server", servers - ours)
        if latest is not None and latest - datetime.now(UTC) > _BADLY:
            yield warning("clock", f"the newest event is of {_told(latest)}, in the future")


def files(data: Path) -> Iterator[Finding]:
    """Compare the clock with that of the data's file system, which may be a server's."""
    if not data.is_dir():
        return
    try:
        with tempfile.TemporaryFile(dir=data) as trial:
            trial.write(b"jobfs")
            trial.flush()
            os.fsync(trial.fileno())  # so that a file server has set its own time
            changed = os.fstat(trial.fileno()).st_mtime
    except OSError:
        return  # another check tells
    yield differing("file system", datetime.fromtimestamp(changed, UTC) - datetime.now(UTC))
    last = places.newest([data, data / "login", data / "blobs", data / "renditions"])
    if last is not None and last[1] > (datetime.now(UTC) + _BADLY).timestamp():
        at = _told(datetime.fromtimestamp(last[1], UTC))
        yield warning("clock", f"{last[0]} was changed at {at}, in the future")


def differing(what: str, ahead: timedelta) -> Finding:
    """Judge by how much a clock is ahead of this machine's."""
    seconds = abs(ahead).total_seconds()
    text = f"the {what}'s and this machine's differ by {seconds:.1f} s"
    if abs(ahead) > _BADLY:
        return unfit("clock", text)
    return warning("clock", text) if abs(ahead) > _SLIGHTLY else ok("clock", text)


def mount_here(studio: Studio) -> int | None:
    """Return the process of the mount that is at work on this machine; None if there is none."""
    try:
        with studio.reading() as connection:
            known = roles.known(connection, kind="mount")
    except (CatalogUnavailableError, BadDatabaseUrlError, MissingSchemaError, NewerSchemaError):
        return None
    now = datetime.now(UTC)
    ours = [role.process.pid for role in known if role.host == host() and role.is_alive(now)]
    return ours[0] if ours else None


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
