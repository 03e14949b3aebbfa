"""Waiting until the running roles have taken a change over, so that it holds from now on."""

import threading
from datetime import UTC, datetime
from time import monotonic

import click

from jobfs.catalog import roles
from jobfs.catalog.feed import Position
from jobfs.catalog.roles import Role
from jobfs.cli.studio import Studio

PATIENCE = 5.0  # seconds, after which the command ends and says who has not taken it over
_LOOK = 0.05  # seconds between two looks at the rows
_WORDS = {"login": "SFTP server", "mount": "mount"}


def wait_for_login(studio: Studio, position: Position) -> None:
    """Return when every running login role has acted on the feed up to *position*."""
    _wait_for("login", studio, position)


def wait_for_mounts(studio: Studio, position: Position) -> None:
    """Return when every running mount has acted on the feed up to *position*."""
    _wait_for("mount", studio, position)


def _wait_for(kind: str, studio: Studio, position: Position) -> None:
    never = threading.Event()
    give_up = monotonic() + PATIENCE
    while behind := _behind(kind, studio, position):
        if monotonic() > give_up:
            for role in behind:
                click.echo(_complaint(kind, role), err=True)
            return
        never.wait(_LOOK)


def _behind(kind: str, studio: Studio, position: Position) -> list[Role]:
    with studio.reading() as connection:
        known = roles.known(connection, kind=kind)
    now = datetime.now(UTC)
    return [role for role in known if role.taken < position and role.is_alive(now)]


def _complaint(kind: str, role: Role) -> str:
    machine = role.host.partition(" ")[0]
    return (
        f"the {_WORDS[kind]} on {machine} (process {role.process.pid}) has not taken the change over"
        f" within {PATIENCE:.0f} seconds; it will as soon as it can"
    )
