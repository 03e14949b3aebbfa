"""What dead mounts have left open: whose it is, and when it is settled."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, cast

import pytest
from sqlalchemy import select, update

from jobfs import processes
from jobfs.blobs.store import BlobStore
from jobfs.blobs.writers import Writers
from jobfs.catalog import roles, uploads
from jobfs.catalog.engine import Catalog
from jobfs.catalog.schema import RoleRow
from jobfs.database import Database
from jobfs.domain.uploads import UploadState
from jobfs.mount.sweeping import Sweeper
from tests.stored.sending import Sender, now

_CHECKOUT = Path(__file__).parents[2]
_THIS_BOOT = processes.host().rpartition(" ")[2]
_NEW_CONTAINER = f"4f1c2e {_THIS_BOOT}"
_ANOTHER_MACHINE = "web2 0d9a4a14-3c0e-4d0c-9f6f-2f6a9d0f0c11"
#: No process has it. Source: PID_MAX_LIMIT in include/linux/threads.h.
_NO_PID = 2**22 + 1

#: Write as role 7 below the folder that is named, until killed.
_HOLD = """
import pathlib, sys
from jobfs.blobs.writers import Writers
with Writers(pathlib.Path(sys.argv[1])).present(7):
    print("present", flush=True)
    sys.stdin.read()
"""

#: The id of no role: these sweeps are about what others have left.
_NOBODY = 0


@pytest.fixture
def sender(catalog: Catalog, store: BlobStore) -> Sender:
    """Somebody whose files come through a mount that was not ours."""
    return Sender(catalog, store)


def _pretend(sender: Sender, *, host: str, silent: timedelta = timedelta(0)) -> None:
    """Make the sender's mount one that ran on *host* and has been *silent* since."""
    mount = update(RoleRow).where(RoleRow.id == sender.role_id)
    with sender.catalog.writing() as connection:
        connection.execute(mount.values(host=host, pid=_NO_PID, seen_at=now() - silent))


def _state(sender: Sender, upload_id: int) -> tuple[UploadState, int]:
    with sender.catalog.reading() as connection:
        upload = uploads.get(connection, upload_id)
    return upload.state, upload.size


def _roles(sender: Sender) -> list[int]:
    with sender.catalog.reading() as connection:
        return list(connection.scalars(select(RoleRow.id)))


async def _sweep(sender: Sender) -> None:
    await Sweeper(Database(sender.catalog), sender.store, _NOBODY, _is_live).sweep()


def _has_written_here(sender: Sender) -> None:
    with sender.store.writers.present(sender.role_id):
        pass


@contextmanager
def _writer(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Give a process that writes as role 7."""
    command = [sys.executable, "-c", _HOLD, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=_CHECKOUT) as process:
        assert cast("IO[str]", process.stdout).readline() == "present\n"
        yield process
        process.kill()


# -- who lives -------------------------------------------------------------------------------------


def test_a_writer_lives_as_long_as_its_process(tmp_path: Path) -> None:
    writers = Writers(tmp_path / "mounts")

    with _writer(tmp_path / "mounts") as process:
        assert writers.is_alive(7) is True
        process.kill()
        process.wait()
        assert writers.is_alive(7) is False

    assert writers.known() == [7]


def test_a_writer_that_ends_well_is_known_until_it_is_forgotten(tmp_path: Path) -> None:
    writers = Writers(tmp_path / "mounts")
    assert writers.known() == []
    assert writers.is_alive(7) is None

    with writers.present(7):
        assert writers.is_alive(7) is True
    assert writers.is_alive(7) is False
    writers.forget(7)

    assert writers.is_alive(7) is None
    assert writers.known() == []


def test_asking_for_a_writer_does_not_keep_it_from_coming(tmp_path: Path) -> None:
    writers = Writers(tmp_path / "mounts")
    with writers.present(7):
        pass

    assert writers.is_alive(7) is False
    with writers.present(7):
        assert writers.is_alive(7) is True


# -- what is settled -------------------------------------------------------------------------------


async def test_a_dead_mount_of_this_host_is_settled(sender: Sender) -> None:
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=processes.host())
    _has_written_here(sender)

    await _sweep(sender)

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 5)
    assert _roles(sender) == []
    assert sender.store.writers.known() == []


async def test_a_container_that_was_replaced_is_settled_at_once(sender: Sender) -> None:
    """The new one has another host name, and the old one was heard of a moment ago."""
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=_NEW_CONTAINER)
    _has_written_here(sender)

    await _sweep(sender)

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 5)


@pytest.mark.parametrize("host", [processes.host(), _NEW_CONTAINER, _ANOTHER_MACHINE])
async def test_a_living_mount_is_left_alone_however_silent(sender: Sender, host: str) -> None:
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=host, silent=timedelta(days=1))

    with sender.store.writers.present(sender.role_id):
        await _sweep(sender)

    assert _state(sender, upload)[0] is UploadState.RECEIVING
    assert _roles(sender) == [sender.role_id]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_another_machines_mount_on_the_same_store_is_settled_once_it_is_silent(
    sender: Sender,
) -> None:
    upload = sender.begin("photo.jpg", b"begun")
    _has_written_here(sender)
    sweeper = Sweeper(Database(sender.catalog), sender.store, _NOBODY, _is_live)

    _pretend(sender, host=_ANOTHER_MACHINE)
    await sweeper.sweep()
    assert _state(sender, upload)[0] is UploadState.RECEIVING
    _pretend(sender, host=_ANOTHER_MACHINE, silent=roles.SILENCE)
    await sweeper.sweep()

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 5)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_another_machine_keeps_is_left_to_it_and_said_once(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    begun = [sender.begin(f"{number}.jpg", b"begun") for number in range(7)]
    _pretend(sender, host=_ANOTHER_MACHINE, silent=roles.SILENCE)
    sweeper = Sweeper(Database(sender.catalog), sender.store, _NOBODY, _is_live)

    await sweeper.sweep()
    await sweeper.sweep()

    assert {_state(sender, upload)[0] for upload in begun} == {UploadState.RECEIVING}
    (warning,) = [one.message for one in caplog.records if one.levelno == logging.WARNING]
    assert warning.startswith("a mount on web2, silent since ")
    assert "has left 7 uploads open" in warning
    assert "'0.jpg', '1.jpg', '2.jpg', '3.jpg', '4.jpg', and 2 more" in warning
    assert "Start `jobfs mount` there again" in warning


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_database_of_one_machine_leaves_nothing_to_others(sender: Sender) -> None:
    """As after its folder was moved to another machine, or restored from a backup."""
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=_ANOTHER_MACHINE, silent=roles.SILENCE)

    await _sweep(sender)

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 5)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_machine_that_was_rebooted_does_not_wait_for_silence(sender: Sender) -> None:
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=_ANOTHER_MACHINE)
    _has_written_here(sender)

    await _sweep(sender)

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 5)


async def test_a_blob_that_a_power_cut_took_leaves_an_upload_of_nothing(sender: Sender) -> None:
    upload = sender.begin("photo.jpg", b"begun")
    _pretend(sender, host=processes.host())
    _has_written_here(sender)
    with sender.catalog.reading() as connection:
        sender.store.drop_original(uploads.get(connection, upload).blob_key)

    await _sweep(sender)

    assert _state(sender, upload) == (UploadState.INTERRUPTED, 0)


async def test_a_writer_whose_role_is_gone_is_forgotten(sender: Sender) -> None:
    with sender.store.writers.present(1000):
        pass

    await _sweep(sender)

    assert sender.store.writers.known() == []


def _is_live(_upload_id: int) -> bool:
    """Nothing is open in the mount that sweeps."""
    return False
