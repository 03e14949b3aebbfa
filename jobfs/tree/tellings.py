"""What the files of `.jobfs` tell: a JSON object a line, with the names that `--json` has in commands.

Times are UTC, sizes bytes.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from jobfs.blobs.store import Space
from jobfs.catalog import jobs, problems, roles, tasks
from jobfs.catalog.engine import Connection
from jobfs.catalog.roles import SILENCE, Role

Facts = Mapping[str, Any]

#: Without one of each, photographers are not served, or their photos not ingested.
_NEEDED = ("mount", "login", "worker")


def queue(connection: Connection) -> list[Facts]:
    """Return the tasks that are not done, in the order of their turns."""
    return [
        {
            "id": task.id, "priority": task.priority.word, "state": task.state, "path": task.path,
            "attempts": task.attempts, "not_before": task.not_before,
            "claimed_by": task.claimed_by, "claimed_until": task.claimed_until,
            "failed_at": task.failed_at, "error": task.error,
        }
        for task in tasks.listing(connection)
    ]  # fmt: skip


def problem_list(connection: Connection, job_id: int | None = None) -> list[Facts]:
    """Return what went wrong in every job, or in one, and what to do about it."""
    return [
        {
            "job": one.job, "path": one.path, "kind": one.kind, "text": one.text,
            "advice": one.advice, "size": one.size, "uploader": one.uploader, "at": one.at,
        }
        for one in problems.listing(connection, job_id)
    ]  # fmt: skip


def job_list(connection: Connection, job_id: int | None = None) -> list[Facts]:
    """Return every job, whatever its status, or one."""
    return [
        {
            "id": one.job.id, "name": one.job.name, "title": one.job.title,
            "status": one.job.status, "files": one.files, "photos": one.photos,
            "problems": one.problems, "created_at": one.job.created_at,
        }
        for one in jobs.listing(connection, job_id)
    ]  # fmt: skip


def health(connection: Connection, *, space: Space, now: datetime) -> list[Facts]:
    """Return what is at work and what is not: the database, each role, the queue and the store."""
    known = roles.known(connection)
    missing = [
        {"name": kind, "healthy": False, "text": f"no {kind} is at work"}
        for kind in _NEEDED
        if not any(role.kind == kind and role.is_alive(now) for role in known)
    ]
    return [
        {"name": "database", "healthy": True, "text": "answers"},
        *(_role(role, now) for role in known if role.is_alive(now)), *missing,
        _backlog(connection, now), _store(space),
    ]  # fmt: skip


def health_without_database(refusal: str, *, space: Space) -> list[Facts]:
    """Return the same while the database does not answer."""
    return [{"name": "database", "healthy": False, "text": refusal}, _store(space)]


def lines(facts: Iterable[Facts]) -> bytes:
    """Return facts as JSON lines, in ASCII: no name in them can speak to a terminal."""
    return b"".join(json.dumps(one, default=_instant).encode() + b"\n" for one in facts)


def _role(role: Role, now: datetime) -> Facts:
    silence = now - role.seen_at
    is_silent = silence > SILENCE
    text = "is ready" if role.ready else "is not ready yet"
    if is_silent:
        text = f"is silent for {silence.total_seconds():.0f} s"
    return {
        "name": role.kind, "healthy": role.ready and not is_silent, "text": text,
        "host": role.host.partition(" ")[0], "pid": role.process.pid, "seen_at": role.seen_at,
    }  # fmt: skip


def _backlog(connection: Connection, now: datetime) -> Facts:
    backlogs = tasks.backlogs(connection, now=now)
    ages = [one.age for one in backlogs if one.age is not None]
    is_paused = tasks.is_paused(connection)
    return {
        "name": "queue", "healthy": True, "text": "is paused" if is_paused else "is worked on",
        "waiting": sum(one.waiting for one in backlogs),
        "working": sum(one.working for one in backlogs),
        "failed": sum(one.failed for one in backlogs),
        "age": int(max(ages).total_seconds()) if ages else None,
    }  # fmt: skip


def _store(space: Space) -> Facts:
    is_full = space.free == 0 or (space.files > 0 and space.free_files == 0)
    return {
        "name": "store", "healthy": not is_full, "text": "is full" if is_full else "has room",
        "free": space.free, "total": space.total,
    }  # fmt: skip


def _instant(value: object) -> str:
    assert isinstance(value, datetime), f"no type of JSON: {value!r}"
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
