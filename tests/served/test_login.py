"""Logging in with the real sshd and real clients; a plain tree stands in the place of the mount."""

import hashlib
import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import inotify_simple
import pytest
import trio
from sqlalchemy import text

from jobfs import mounts
from jobfs.catalog import accounts, jobs
from jobfs.catalog.engine import Catalog
from jobfs.domain.jobs import JobStatus
from jobfs.login import connections, files, hostkeys, namespace, passwords, ports
from jobfs.login.refusals import AddressTakenError, SshdDiedError
from tests.served.login_studio import NOON, LoginStudio, login_studio
from tests.served.studio import PATIENCE


@pytest.fixture(scope="session")
def host_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's keys."""
    folder = tmp_path_factory.mktemp("server") / "hostkeys"
    hostkeys.make(folder)
    return folder


@pytest.fixture
def studio(catalog: Catalog, host_keys: Path) -> Iterator[LoginStudio]:
    """A studio without accounts."""
    with login_studio(catalog, host_keys) as studio:
        yield studio


# --- getting in ---


async def test_a_key_logs_its_account_in(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        answer = await studio.sftp("bob", "pwd", "ls -1")

    assert answer.status == 0, answer.said
    assert "Remote working directory: /" in answer.said
    assert answer.said.splitlines()[-1] == "job"


async def test_a_password_logs_its_account_in(studio: LoginStudio) -> None:
    studio.add("ann.b_c-d", password="grün 12")

    async with studio.serving():
        answer = await studio.sftp("ann.b_c-d", "ls -1", password="grün 12")

    assert answer.status == 0, answer.said
    assert "job" in answer.said


async def test_a_wrong_password_is_refused(studio: LoginStudio) -> None:
    studio.add("bob", password="right")

    async with studio.serving():
        answer = await studio.sftp("bob", "ls", password="wrong")

    assert answer.status != 0
    assert "Permission denied" in answer.said


async def test_no_password_opens_an_account_that_has_none(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        answers = [await studio.sftp("bob", "ls", password=guess) for guess in ("*", "!", "x")]
        with_key = await studio.sftp("bob", "ls")

    assert ["Permission denied" in answer.said for answer in answers] == [True] * 3
    assert with_key.status == 0, with_key.said


@pytest.mark.parametrize("name", ["root", "nobody", "www-data"])
async def test_an_account_of_the_system_is_refused(studio: LoginStudio, name: str) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        answer = await studio.sftp(name, "ls", identity="bob")

    assert "Permission denied" in answer.said


async def test_an_account_that_plain_sql_names_like_one_of_the_system_stays_out(
    studio: LoginStudio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.add("bob", key=True)
    with studio.catalog.writing() as connection:
        connection.execute(text("UPDATE account SET name = 'games'"))

    async with studio.serving():
        answer = await studio.sftp("games", "ls", identity="bob")

    assert "Permission denied" in answer.said
    assert "account games (uid 20001) cannot log in" in caplog.text


async def test_a_tree_that_is_not_mounted_lets_nobody_in(
    studio: LoginStudio, caplog: pytest.LogCaptureFixture
) -> None:
    """The bare mountpoint has no directories, so that it cannot swallow an upload."""
    studio.add("bob", key=True)
    (studio.config.mountpoint / "bob" / "job").rmdir()
    (studio.config.mountpoint / "bob").rmdir()

    async with studio.serving():
        answer = await studio.sftp("bob", "mkdir here")

    assert answer.status != 0
    assert list(studio.config.mountpoint.iterdir()) == []
    warnings = [it.message for it in caplog.records if it.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "chroot" in warnings[0]


async def test_twenty_clients_at_once_are_all_let_in(studio: LoginStudio) -> None:
    studio.add("bob", key=True)
    statuses = []

    async def one() -> None:
        command = ["sftp", *studio.options("bob"), "-b", "/dev/null", "bob@127.0.0.1"]
        statuses.append((await studio.run(command)).status)

    async with studio.serving():
        await studio.sftp("bob", "ls")  # the server's key is known from here on
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(one)

    assert statuses == [0] * 20


# --- once inside ---


async def test_two_accounts_cannot_see_each_other(studio: LoginStudio) -> None:
    studio.add("bob", key=True)
    studio.add("eve", key=True)
    (studio.config.mountpoint / "eve/job/secret.jpg").touch()

    async with studio.serving():
        answer = await studio.sftp("bob", "ls -1 /", "-ls /../eve", "-ls ../../eve/job", "-ls /eve")

    assert "secret" not in answer.said
    assert "eve" not in answer.said.replace("/eve", "").replace("../eve", "")


async def test_a_key_does_not_open_another_account(studio: LoginStudio) -> None:
    studio.add("bob", key=True)
    studio.add("eve", key=True)

    async with studio.serving():
        answer = await studio.sftp("eve", "ls", identity="bob")

    assert "Permission denied" in answer.said


async def test_what_is_sent_belongs_to_the_account_and_is_not_for_its_group(
    studio: LoginStudio,
) -> None:
    """Clients ask for the mode that the file has on their side."""
    studio.add("bob", key=True)
    photo = studio.home / "a.jpg"
    photo.touch()
    photo.chmod(0o666)

    async with studio.serving():
        answer = await studio.sftp("bob", f"put {photo} job/a.jpg")

    sent = (studio.config.mountpoint / "bob/job/a.jpg").stat()
    assert answer.status == 0, answer.said
    assert (sent.st_uid, sent.st_gid, sent.st_mode & 0o777) == (20001, 20001, 0o644)


@pytest.mark.parametrize("command", ["symlink job/a job/b", "ln job/a job/b"])
async def test_links_are_refused(studio: LoginStudio, command: str) -> None:
    studio.add("bob", key=True)
    (studio.config.mountpoint / "bob/job/a").touch()

    async with studio.serving():
        answer = await studio.sftp("bob", command)

    assert answer.status != 0
    assert not (studio.config.mountpoint / "bob/job/b").exists()


@pytest.mark.parametrize("arguments", [("id",), ("-tt",), ()], ids=["command", "terminal", "shell"])
async def test_a_shell_is_refused(studio: LoginStudio, arguments: tuple[str, ...]) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        answer = await studio.ssh("bob", *arguments)

    assert answer.status != 0
    assert "uid=" not in answer.said


async def test_old_scp_is_refused(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        options = studio.options("bob")
        answer = await studio.run(["scp", "-O", *options, "/etc/hostname", "bob@127.0.0.1:job/x"])

    assert answer.status != 0
    assert not (studio.config.mountpoint / "bob/job/x").exists()


async def test_forwarding_is_refused(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    async with studio.serving():
        through = await studio.run(
            ["ssh", *studio.options("bob"), "-W", f"127.0.0.1:{studio.port}", "bob@127.0.0.1"]
        )
        back = await studio.run(
            ["ssh", *studio.options("bob"), "-N", "-oExitOnForwardFailure=yes",
             "-R", "127.0.0.1:0:127.0.0.1:1", "bob@127.0.0.1"]
        )  # fmt: skip

    assert (through.status, back.status) == (255, 255)
    assert "administratively prohibited" in through.said or "forwarding" in through.said
    assert "remote port forwarding failed" in back.said


# --- in step with the database ---


async def test_an_account_added_while_sshd_runs_is_let_in(studio: LoginStudio) -> None:
    async with studio.serving() as service:
        studio.add("bob", password="secret")
        await service.taken()

        answer = await studio.sftp("bob", "ls -1", password="secret")

    assert answer.status == 0, answer.said


async def test_a_new_password_counts_and_the_old_one_does_not(studio: LoginStudio) -> None:
    bob = studio.add("bob", password="old")

    async with studio.serving() as service:
        with studio.catalog.writing() as connection:
            accounts.set_password(connection, bob, passwords.hash_password("new"))
        await service.taken()
        old = await studio.sftp("bob", "ls", password="old")
        new = await studio.sftp("bob", "ls", password="new")

    assert "Permission denied" in old.said
    assert new.status == 0, new.said


async def test_a_removed_key_is_refused_and_an_added_one_is_taken(studio: LoginStudio) -> None:
    bob = studio.add("bob")
    first = studio.add_key(bob, studio.home / "first")

    async with studio.serving() as service:
        with studio.catalog.writing() as connection:
            accounts.remove_key(connection, bob, first)
        studio.add_key(bob, studio.home / "second")
        await service.taken()
        old = await studio.sftp("bob", "ls", identity="first")
        new = await studio.sftp("bob", "ls", identity="second")

    assert "Permission denied" in old.said
    assert new.status == 0, new.said


async def test_disabling_an_account_ends_its_connections_and_no_others(studio: LoginStudio) -> None:
    bob = studio.add("bob", key=True)
    studio.add("eve", key=True)

    async with (
        studio.serving() as service,
        studio.connected("bob") as of_bob,
        studio.connected("eve") as of_eve,
    ):
        with studio.catalog.writing() as connection:
            accounts.set_enabled(connection, bob, enabled=False)
        await service.taken()
        await of_bob.wait()
        again = await studio.sftp("bob", "ls")
        config = studio.config
        left = connections.connections(connections.roots(config.sshd_config, config.extrausers))
        uids = {one.account_uid for one in left if one.process.is_running()}
        assert of_eve.poll() is None

    assert "Permission denied" in again.said
    assert uids == {0, 20002}


async def test_an_account_enabled_again_is_let_in(studio: LoginStudio) -> None:
    bob = studio.add("bob", key=True)

    async with studio.serving() as service:
        for enabled in (False, True):
            with studio.catalog.writing() as connection:
                accounts.set_enabled(connection, bob, enabled=enabled)
        await service.taken()
        answer = await studio.sftp("bob", "ls")

    assert answer.status == 0, answer.said


async def test_a_name_given_to_somebody_else_does_not_let_the_first_one_in(
    studio: LoginStudio,
) -> None:
    first = studio.add("bob", key=True)

    async with studio.serving() as service, studio.connected("bob") as connection_of_first:
        with studio.catalog.writing() as connection:
            accounts.remove(connection, first, now=NOON)
        studio.add("bob", password="second")
        await service.taken()
        await connection_of_first.wait()
        with_key = await studio.sftp("bob", "ls")
        with_password = await studio.sftp("bob", "ls -ln", password="second")

    assert "Permission denied" in with_key.said
    assert with_password.status == 0, with_password.said
    assert "20002" in with_password.said


async def test_events_of_other_kinds_are_passed_over_but_reported(studio: LoginStudio) -> None:
    async with studio.serving() as service:
        with studio.catalog.writing() as connection:
            jobs.add(connection, "School", status=JobStatus.PLANNED, now=NOON)

        await service.taken()


# --- starting and stopping ---


async def test_stopping_ends_every_connection(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    async with studio.serving() as service, studio.connected("bob") as client:
        service.stop()
        with trio.CancelScope(shield=True):
            await client.wait()


async def test_stopping_waits_for_uploads_under_way(studio: LoginStudio) -> None:
    studio.add("bob", key=True)
    photo = studio.home / "photo.jpg"
    photo.write_bytes(os.urandom(1_000_000))
    job = studio.config.mountpoint / "bob/job"
    slowly = ["sftp", *studio.options("bob"), "-l", "8000", "bob@127.0.0.1"]  # kbit/s

    with inotify_simple.INotify(nonblocking=True) as changes:
        changes.add_watch(job, inotify_simple.flags.CREATE)
        async with studio.serving(drain=timedelta(seconds=30)) as service:
            client = await trio.lowlevel.open_process(slowly, stdin=subprocess.PIPE)
            assert client.stdin is not None
            await client.stdin.send_all(f"put {photo} job/\n".encode())
            await client.stdin.aclose()
            await trio.lowlevel.wait_readable(changes.fileno())
            service.stop()
    await client.wait()

    assert digest(job / "photo.jpg") == digest(photo)


async def test_the_host_keys_stay_the_same(studio: LoginStudio) -> None:
    shutil.rmtree(studio.config.hostkeys)
    scan = ["ssh-keyscan", "-p", str(studio.port), "127.0.0.1"]
    scanned = []
    for _ in range(2):
        async with studio.serving():
            said = (await studio.run(scan)).said.splitlines()
        scanned.append(sorted(line for line in said if not line.startswith("#")))

    assert len(scanned[0]) == 3
    assert scanned[0] == scanned[1]


async def test_the_fingerprints_are_those_that_clients_see(studio: LoginStudio) -> None:
    async with studio.serving():
        scan = ["ssh-keyscan", "-p", str(studio.port), "127.0.0.1"]
        (studio.home / "scanned").write_text((await studio.run(scan)).said)
        shown = (await studio.run(["ssh-keygen", "-l", "-f", str(studio.home / "scanned")])).said

    known = hostkeys.known(studio.config.hostkeys)
    assert {key.kind for key in known} == {"ED25519", "RSA", "ECDSA"}
    assert all(key.fingerprint in shown for key in known)


async def test_a_taken_port_is_named(studio: LoginStudio) -> None:
    with (
        socket.create_server(("127.0.0.1", studio.port)),
        pytest.RaisesGroup(
            pytest.RaisesExc(AddressTakenError, match=f"127.0.0.1:{studio.port}"),
            flatten_subgroups=True,
        ),
    ):
        async with studio.serving():
            pass


async def test_an_address_that_is_let_go_a_moment_later_is_taken(
    studio: LoginStudio,
) -> None:
    """A process that was killed listens until the kernel has taken it apart."""
    studio.add("bob", key=True)
    earlier = socket.create_server(("127.0.0.1", studio.port))

    with _told(ports.log, "waiting for whoever listens on 127.0.0.1:", earlier.close):
        async with studio.serving():
            answer = await studio.sftp("bob", "ls")

    assert answer.status == 0, answer.said


@contextmanager
def _told(logger: logging.Logger, beginning: str, act: Callable[[], None]) -> Iterator[None]:
    """Act as soon as somebody logs a line that begins so; it must happen during the block."""
    seen = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(beginning):
                seen.append(record)
                act()

    reader = Reader()
    logger.addHandler(reader)
    try:
        yield
    finally:
        logger.removeHandler(reader)
    assert seen


async def test_the_death_of_sshd_is_told_and_ends_its_connections(studio: LoginStudio) -> None:
    studio.add("bob", key=True)

    death = pytest.RaisesExc(SshdDiedError, match="status -9")
    with pytest.RaisesGroup(death, flatten_subgroups=True):
        async with studio.serving(), studio.connected("bob") as client:
            os.kill(int(studio.config.pid_file.read_text()), signal.SIGKILL)
            with trio.CancelScope(shield=True):
                await client.wait()
            with trio.fail_after(PATIENCE):
                await trio.sleep_forever()  # until the role has told


async def test_what_an_earlier_run_left_is_ended_first(
    studio: LoginStudio, caplog: pytest.LogCaptureFixture
) -> None:
    """After kill -9 of the login role its sshd goes on, with the port and with its connections."""
    studio.add("bob", key=True)
    async with studio.serving():
        pass
    left = await trio.lowlevel.open_process(
        namespace.command(studio.config), env=namespace.ENVIRONMENT, stderr=subprocess.PIPE
    )
    assert left.stderr is not None
    while b"Server listening" not in await left.stderr.receive_some():
        assert left.returncode is None, "sshd has ended"

    async with studio.connected("bob") as client, studio.serving():
        await client.wait()
        await left.wait()
        answer = await studio.sftp("bob", "ls")

    assert answer.status == 0, answer.said
    assert "which an earlier run had left" in caplog.text


async def test_what_is_mounted_later_is_seen_by_sshd(studio: LoginStudio) -> None:
    """Here as where `/` is not shared: a mount must come and go beneath a running sshd."""
    studio.add("bob", key=True)
    tree = studio.config.mountpoint
    shared = mounts.share_parent(tree)
    try:
        async with studio.serving():
            mount(tree)
            own = tree / "bob"
            own.mkdir()
            (own / "mounted").mkdir()
            answer = await studio.sftp("bob", "ls -1")
            unmount(tree)
            after = await studio.sftp("bob", "ls -1")
    finally:
        if shared:
            mounts.unshare_parent(tree)

    assert "mounted" in answer.said
    assert "mounted" not in after.said
    assert "job" in after.said


# --- the machine ---


async def test_the_machine_s_own_files_stay_as_they_are(
    studio: LoginStudio, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Other tests may run at the same time, and mount what they like in their own folders.
    machine = partial(state_of_machine, studio, others=tmp_path_factory.getbasetemp().parent)
    before = machine()
    studio.add("bob", key=True)

    async with studio.serving():
        await studio.sftp("bob", "ls")
        during = machine()

    assert before == during == machine()


async def test_a_private_key_is_for_root_only(studio: LoginStudio) -> None:
    shutil.rmtree(studio.config.hostkeys)
    async with studio.serving():
        pass

    modes = {file.name: file.stat().st_mode & 0o777 for file in studio.config.hostkeys.iterdir()}
    assert {mode for name, mode in modes.items() if not name.endswith(".pub")} == {0o600}
    assert studio.config.folder.stat().st_mode & 0o077 == 0
    assert (studio.config.extrausers / "shadow").stat().st_mode & 0o777 == 0o600


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def state_of_machine(studio: LoginStudio, *, others: Path) -> dict[Path, str]:
    """Return what must not change: the machine's accounts, where it looks for them, its mounts."""
    own = studio.config.mountpoint.parent
    mounted = [
        mount
        for mount in mounts.table()
        if mount.at.is_relative_to(own)
        or not (mount.at.is_relative_to(others) or is_folder_of_a_test(mount.at))
    ]
    extrausers = [file for file in files.EXTRAUSERS.rglob("*") if file.is_file()]
    accounts_of_machine = [Path("/etc") / name for name in ("passwd", "shadow", "group", "gshadow")]
    known = [namespace.NSSWITCH, *accounts_of_machine, *extrausers]
    return {file: digest(file) for file in known} | {Path("/"): str(mounted)}


def is_folder_of_a_test(place: Path) -> bool:
    """Whether a place is in a folder that a test has made in /run."""
    return str(place).startswith("/run/jobfs-test")


def mount(place: Path) -> None:
    subprocess.run(["mount", "-n", "-t", "tmpfs", "-o", "mode=755", "test", place], check=True)


def unmount(place: Path) -> None:
    # Lazily, as jobfs does: a connection that has just been closed may still be there.
    subprocess.run(["umount", "-n", "--lazy", place], check=True)
