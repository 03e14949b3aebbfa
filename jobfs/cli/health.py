"""`jobfs health`: whether photographers are served, found out by being one of them."""

import json
import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from jobfs import supervisor
from jobfs.catalog import accounts, feed, tasks
from jobfs.catalog.accounts import PublicKey
from jobfs.catalog.engine import Connection
from jobfs.catalog.refusals import NoSuchAccountError
from jobfs.catalog.roles import SILENCE, Role
from jobfs.cli.output import json_option
from jobfs.cli.queue import PAUSED
from jobfs.cli.refusals import UnhealthyError
from jobfs.cli.studio import Studio
from jobfs.cli.takeover import wait_for_login
from jobfs.daemon import KINDS, login_config
from jobfs.domain.accounts import HEALTH_ACCOUNT
from jobfs.ingest.confinement import Layer
from jobfs.login import hostkeys, keys

#: What sftp knows the server by, whatever address it listens on.
_SERVER = "jobfs"
#: Where a server that listens on every address is reached from its own machine.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


@click.command()
@click.argument("roles", metavar="[ROLE]...", nargs=-1, type=click.Choice(KINDS))
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=15, show_default=True,
    metavar="SECONDS", help="How long the login and the listing may take.",
)  # fmt: skip
@json_option
@click.pass_obj
def health(studio: Studio, *, roles: tuple[str, ...], timeout: float, as_json: bool) -> None:
    """Find out whether photographers are served.

    Every ROLE (mount, login, worker) must be at work on this machine; without one, those that `jobfs
    up` runs. If login is among them, the account jobfs-health logs in over SFTP and lists its root.
    That account is made for this at the first time: it has no jobs and no password, and only root can
    read its key. Exit status 1 and a sentence if something is wrong. A paused queue is what somebody
    wants, and only mentioned; so is what the kernel lacks to confine decoders with.
    """
    wanted = roles or supervisor.kinds(studio.config)
    with studio.reading() as connection:
        alive = supervisor.alive(connection)
        is_paused = tasks.is_paused(connection)
    for kind in wanted:
        _check([role for role in alive if role.kind == kind], kind, now=datetime.now(UTC))
    if "login" in wanted:
        _list_root(studio, timeout)
    facts: dict[str, Any] = {"healthy": list(wanted)}
    if "worker" in wanted:
        facts |= {"paused": is_paused, "confinement": _confinement(alive)}
    _say(facts, as_json=as_json)


def _say(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(f"healthy: {', '.join(facts['healthy'])}")
    if lacking := sorted(set(Layer) - set(facts.get("confinement", Layer))):
        click.echo(f"Decoders go without {', '.join(lacking)}.", err=True)
    if facts.get("paused"):
        click.echo(PAUSED, err=True)


def _confinement(alive: Iterable[Role]) -> list[str]:
    """Return what the decoders of every worker are confined by."""
    each = [set(role.confinement or ()) for role in alive if role.kind == "worker" and role.ready]
    return sorted(set.intersection(*each)) if each else []


def _check(alive: Iterable[Role], kind: str, *, now: datetime) -> None:
    """Raise UnhealthyError unless one of the roles of this kind is ready and shows signs of life."""
    ready = [role for role in alive if role.ready]
    if not ready:
        raise UnhealthyError(f"no {kind} is at work on this machine, or not ready yet")
    last = max(ready, key=_seen_at)
    if now - last.seen_at > SILENCE:
        silence = (now - last.seen_at).total_seconds()
        raise UnhealthyError(f"{kind} (process {last.process.pid}) is silent for {silence:.0f} s")


def _seen_at(role: Role) -> datetime:
    return role.seen_at


def _list_root(studio: Studio, timeout: float) -> None:
    """Log in over SFTP and list the root; raises UnhealthyError."""
    config = login_config(studio.config)
    key_file = _key_file(config.folder / "health")
    _admit(studio, keys.parse(hostkeys.public(key_file).read_text("ascii")))
    known_hosts = _known_hosts(key_file.parent, config.hostkeys)
    command = _command(config.listen[0], key_file, known_hosts)
    try:
        listing = subprocess.run(
            command, input="ls -la /\n", capture_output=True, text=True, check=False,
            timeout=timeout, env={"PATH": os.defpath},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UnhealthyError(f"a listing over SFTP takes longer than {timeout:g} s") from None
    if listing.returncode != 0:
        said = listing.stderr.strip().splitlines() or ["it said nothing"]
        raise UnhealthyError(f"a listing over SFTP has failed: {said[-1]}")


def _key_file(folder: Path) -> Path:
    """Return the private key of the account that looks, which is made if it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = folder / "id_ed25519"
    if not key_file.exists():
        hostkeys.make_pair(key_file, "-t", "ed25519")
    return key_file


def _admit(studio: Studio, key: PublicKey) -> None:
    """Make the account, and let the key log it in, unless that is so already."""
    with studio.reading() as connection:
        if _is_admitted(connection, key):
            return
    now = datetime.now(UTC)
    with studio.writing() as connection:
        account_id = _account_id(connection, now=now)
        accounts.add_key(connection, account_id, key, now=now)
        position = feed.last_of_transaction(connection)
    wait_for_login(studio, position)


def _is_admitted(connection: Connection, key: PublicKey) -> bool:
    """Tell whether the key logs in; raises UnhealthyError if somebody has disabled the account."""
    try:
        account = accounts.by_name(connection, HEALTH_ACCOUNT)
    except NoSuchAccountError:
        return False
    if not account.enabled:
        raise UnhealthyError(
            f"the account that looks is disabled: `jobfs account enable {HEALTH_ACCOUNT}`"
        )
    return key.fingerprint in {known.fingerprint for known in account.keys}


def _account_id(connection: Connection, *, now: datetime) -> int:
    try:
        return accounts.by_name(connection, HEALTH_ACCOUNT).id
    except NoSuchAccountError:
        return accounts.add(connection, HEALTH_ACCOUNT, now=now)


def _known_hosts(folder: Path, host_keys: Path) -> Path:
    """Write down the server's keys, so that no other server is taken for it."""
    public = [hostkeys.public(file) for file in hostkeys.files(host_keys)]
    file = folder / "known_hosts"
    file.write_text("".join(f"{_SERVER} {one.read_text('ascii')}" for one in public), "ascii")
    return file


def _command(address: str, key_file: Path, known_hosts: Path) -> list[str]:
    """Return the call of OpenSSH's own client, free of anybody's configuration."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    options = {
        "HostName": _LOOPBACK.get(host, host),
        "Port": port,
        "HostKeyAlias": _SERVER,
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "IdentityFile": f'"{key_file}"',
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "LogLevel": "ERROR",
    }
    chosen = [f"-o{name}={value}" for name, value in options.items()]
    return ["sftp", "-F", "none", *chosen, "-b", "-", f"{HEALTH_ACCOUNT}@{_SERVER}"]
