"""A login role with accounts and real clients, over a plain tree in the place of the mount."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio

from jobfs import mounts
from jobfs.bells import bell
from jobfs.catalog import accounts, feed, roles
from jobfs.catalog.engine import Catalog
from jobfs.database import Database
from jobfs.domain.accounts import uid_of
from jobfs.login import connections, keys, passwords, role
from jobfs.login.sshd import LoginConfig
from jobfs.processes import process

#: A client's first packet: length 5, type 1, version 3. Source: draft-ietf-secsh-filexfer-02.
SSH_FXP_INIT = b"\0\0\0\5\1\0\0\0\3"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a client ended, and what it said."""

    status: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The login role at work."""

    database: Database
    role_id: int
    stop: Callable[[], None]

    async def taken(self) -> None:
        """Return when the role has acted on everything that has happened so far."""
        happened = await self.database.read(feed.end)
        async with bell(self.database.catalog, nap=1) as rings:
            while await self._position() < happened:
                await rings.wait()

    async def _position(self) -> feed.Position:
        known = await self.database.read(roles.known, kind="login")
        return next(role.taken for role in known if role.id == self.role_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStudio:
    """One studio's accounts, and a client's side: the folder *home* holds its keys."""

    catalog: Catalog
    database: Database
    config: LoginConfig
    home: Path
    port: int

    def add(self, name: str, *, password: str | None = None, key: bool = False) -> int:
        """Make an account, and the directory that the mount would show it."""
        hashed = None if password is None else passwords.hash_password(password)
        with self.catalog.writing() as connection:
            account_id = accounts.add(connection, name, password_hash=hashed, now=NOON)
        if key:
            self.add_key(account_id, self.home / name)
        uid = uid_of(account_id)
        for folder, owner, mode in (("", 0, 0o750), ("job", uid, 0o755)):
            path = self.config.mountpoint / name / folder
            path.mkdir(exist_ok=True)
            os.chown(path, owner, uid)
            path.chmod(mode)
        return account_id

    def add_key(self, account_id: int, file: Path) -> str:
        """Make a key in *file* that logs an account in; returns its fingerprint."""
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
        subprocess.run(command, check=True)
        key = keys.parse(file.with_suffix(".pub").read_text())
        with self.catalog.writing() as connection:
            accounts.add_key(connection, account_id, key, now=NOON)
        return key.fingerprint

    @asynccontextmanager
    async def serving(self, *, drain: timedelta = timedelta(0)) -> AsyncIterator[Service]:
        """Run the login role during the block."""
        this = process(os.getpid())
        assert this is not None
        role_id = await self.database.write(roles.start, "login", this, now=NOON)
        async with bell(self.catalog) as rings, trio.open_nursery() as nursery:
            serve = partial(role.serve, self.database, rings, self.config, role_id, drain=drain)
            await nursery.start(serve)
            yield Service(database=self.database, role_id=role_id, stop=nursery.cancel_scope.cancel)
            nursery.cancel_scope.cancel()

    def options(self, identity: str | None) -> list[str]:
        """Return what ssh, sftp and scp need to take this server and no key but *identity*."""
        chosen = {
            "Port": self.port,
            "UserKnownHostsFile": self.home / "known_hosts",
            "StrictHostKeyChecking": "accept-new",
            "LogLevel": "ERROR",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "NumberOfPasswordPrompts": 1,
            "BatchMode": "yes" if identity else "no",
            "PubkeyAuthentication": "yes" if identity else "no",
            "IdentityFile": self.home / identity if identity else "none",
        }
        return ["-F", "none", *(f"-o{name}={value}" for name, value in chosen.items())]

    async def sftp(
        self, name: str, *commands: str, identity: str | None = None, password: str | None = None
    ) -> Answer:
        """Run commands of the real client as the account *name*; it ends at the first that fails."""
        batch = self.home / "batch"
        batch.write_text("".join(f"{command}\n" for command in commands))
        options = self.options(None if password else identity or name)
        return await self.run(
            ["sftp", *options, "-b", str(batch), f"{name}@127.0.0.1"], password=password
        )

    async def ssh(self, name: str, *arguments: str) -> Answer:
        """Run the real ssh as the account *name*, with its key."""
        return await self.run(["ssh", *self.options(name), f"{name}@127.0.0.1", *arguments])

    async def run(self, command: list[str], *, password: str | None = None) -> Answer:
        """Run a client; sshpass types the password."""
        environment = {"PATH": os.defpath, "HOME": str(self.home)}
        if password is not None:
            command = ["sshpass", "-e", *command]
            environment["SSHPASS"] = password
        done = await trio.run_process(
            command, capture_stdout=True, stderr=subprocess.STDOUT, check=False, env=environment
        )
        return Answer(done.returncode, done.stdout.decode())

    @asynccontextmanager
    async def connected(self, name: str) -> AsyncIterator[trio.Process]:
        """Keep a connection of the account *name* open, and idle, during the block.

        The client is ssh, which ends with its connection; sftp would wait for its next command.
        """
        command = ["ssh", *self.options(name), "-s", f"{name}@127.0.0.1", "sftp"]
        client = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert client.stdin is not None
        assert client.stdout is not None
        await client.stdin.send_all(SSH_FXP_INIT)
        assert await client.stdout.receive_some(), "the server closed the connection"
        try:
            yield client
        finally:
            client.kill()
            await client.wait()


@contextmanager
def login_studio(catalog: Catalog, host_keys: Path) -> Iterator[LoginStudio]:
    """Give a studio without accounts, in a folder that sshd accepts as a chroot's parent.

    Its server's keys are copied from *host_keys*, since making them takes most of a start.
    """
    folder = Path(tempfile.mkdtemp(prefix="jobfs-test-", dir="/run"))
    folder.chmod(0o755)
    (folder / "tree").mkdir(mode=0o755)
    (folder / "home").mkdir(mode=0o700)
    port = free_port()
    config = LoginConfig(
        folder=folder / "data/login", mountpoint=folder / "tree", listen=(f"127.0.0.1:{port}",)
    )
    shutil.copytree(host_keys, config.hostkeys)
    try:
        yield LoginStudio(
            catalog=catalog, database=Database(catalog), config=config, home=folder / "home",
            port=port,
        )  # fmt: skip
        left = connections.roots(config.sshd_config, config.extrausers)
        assert not [one for one in left if one.is_running()], "sshd is left behind"
        assert not [one for one in mounts.table() if one.at.is_relative_to(folder)]
    finally:
        connections.end_all(connections.roots(config.sshd_config, config.extrausers))
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody listens at.

    It is none of those that the system gives to whoever asks for any, so that no client of a test
    that runs at the same time gets it before the server has it, or while the server is restarted.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    while True:
        port = 10_000 + secrets.randbelow(lowest - 10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
