"""What `jobfs status` tells, as facts: JSON has them as they are."""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

import jobfs
from jobfs import supervisor
from jobfs.catalog import roles, tasks, underway
from jobfs.catalog.engine import Connection
from jobfs.catalog.roles import SILENCE, Role
from jobfs.catalog.underway import Stuck
from jobfs.cli import connections
from jobfs.cli.output import Facts
from jobfs.cli.queue import counts
from jobfs.cli.studio import Studio
from jobfs.daemon import login_config
from jobfs.login import served
from jobfs.mount import mountpoint
from jobfs.tree import tellings

#: Problems that fit on a screen.
_PROBLEMS = 5


def overview(studio: Studio, *, now: datetime) -> Facts:
    """Return everything; the uploads that are stuck, the oldest first."""
    config = studio.config
    with studio.reading() as connection:
        known = roles.known(connection)
        found = _in_catalog(connection, now=now)
    alive = [role for role in known if role.is_alive(now)]
    return {
        "studio": config.studio.name,
        "version": jobfs.__version__,
        "at": now,
        "mountpoint": str(config.jobfs.mountpoint),
        "mounted": mountpoint.mounted(config.jobfs.mountpoint),
        "missing": _missing(alive, supervisor.kinds(config)),
        "roles": [_role(role, now) for role in alive],
        "connections": [connections.facts(one) for one in served.listing(login_config(config))],
        "space": _space(studio),
        **found,
    }


def _in_catalog(connection: Connection, *, now: datetime) -> dict[str, object]:
    listed = sorted(tellings.problem_list(connection), key=itemgetter("at"), reverse=True)
    queue = {one.priority.word: counts(one) for one in tasks.backlogs(connection, now=now)}
    return {
        "arriving": underway.arriving(connection),
        "paused": tasks.is_paused(connection),
        "queue": queue,
        "problems": len(listed),
        "last_problems": listed[:_PROBLEMS],
        "stuck": [_stuck(one, now) for one in underway.stuck(connection, now=now)],
    }


def _missing(alive: Iterable[Role], wanted: Iterable[str]) -> list[str]:
    at_work = {role.kind for role in alive}
    return [kind for kind in wanted if kind not in at_work]


def _role(role: Role, now: datetime) -> Facts:
    state = "ready" if role.ready else "starting"
    return {
        "kind": role.kind, "machine": role.host.partition(" ")[0], "pid": role.process.pid,
        "state": "silent" if now - role.seen_at > SILENCE else state, "seen_at": role.seen_at,
    }  # fmt: skip


def _space(studio: Studio) -> Facts | None:
    """Return the store's room in bytes and in files; None if this machine does not have the store."""
    if not studio.config.jobfs.data.is_dir():
        return None
    room = studio.store.space()
    return {
        "total": room.total, "free": room.free, "files": room.files, "free_files": room.free_files
    }  # fmt: skip


def _stuck(one: Stuck, now: datetime) -> Facts:
    minutes = int((now - one.since).total_seconds()) // 60
    return {"upload": one.upload_id, "path": one.path, "since": one.since, "minutes": minutes}
