"""What commands and plain SQL do to photographers who are connected."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import paramiko
import pytest

from tests.served import folder
from tests.served.studio import Studio, make_key, until

JPEG = folder.jpeg(1)


@pytest.fixture
def filled_job(studio: Studio) -> str:
    """A job with an album and two photos."""
    job = studio.new_job()
    with studio.connected("anna") as sftp:
        sftp.mkdir(f"{job}/Class 1")
        for number, name in enumerate(("Class 1/a.jpg", "b.jpg")):
            send(sftp, f"{job}/{name}", folder.jpeg(number))
            sftp.utime(f"{job}/{name}", (1_780_000_000, 1_780_000_000 + number))
    return job


def by_command(studio: Studio, job: str, status: str) -> None:
    studio.jobfs("job", "status", job, status)


def by_sql(studio: Studio, job: str, status: str) -> None:
    """Do what a studio's own job system would."""
    assert studio.catalog.file is not None
    with closing(sqlite3.connect(studio.catalog.file, timeout=30)) as connection, connection:
        connection.execute("UPDATE job SET status = ? WHERE name = ?", (status, job))
    shown = studio.mountpoint / "anna" / job
    until(lambda: shown.exists() == (status == "planned"))  # nobody tells, and 0.1 s may pass


SetStatus = Callable[[Studio, str, str], None]
both_ways = pytest.mark.parametrize("set_status", [by_command, by_sql])


# --- jobs ---


@both_ways
def test_a_job_that_is_sold_is_gone_at_a_client_s_next_request(
    studio: Studio, filled_job: str, set_status: SetStatus
) -> None:
    with studio.connected("anna") as sftp:
        sftp.chdir(f"{filled_job}/Class 1")
        assert filled_job in sftp.listdir("/")

        set_status(studio, filled_job, "selling")

        assert filled_job not in sftp.listdir("/")
        for request in (
            lambda: sftp.stat(f"/{filled_job}"),
            lambda: sftp.stat(f"/{filled_job}/Class 1/a.jpg"),
            lambda: sftp.stat("a.jpg"),
            lambda: sftp.open(f"/{filled_job}/b.jpg"),
            lambda: sftp.open(f"/{filled_job}/c.jpg", "w"),
            lambda: sftp.mkdir(f"/{filled_job}/Class 2"),
            lambda: sftp.mkdir("Class 2"),
            lambda: sftp.listdir("."),
        ):
            with pytest.raises(FileNotFoundError):
                request()


@both_ways
def test_a_job_that_is_planned_again_is_as_it_was(
    studio: Studio, filled_job: str, set_status: SetStatus
) -> None:
    before = studio.seen_as_root("anna", filled_job)
    set_status(studio, filled_job, "selling")
    assert not (studio.mountpoint / "anna" / filled_job).exists()

    set_status(studio, filled_job, "planned")

    assert studio.seen_as_root("anna", filled_job) == before


def test_an_upload_under_way_may_finish_when_its_job_closes(studio: Studio) -> None:
    job = studio.new_job()
    with studio.connected("anna") as sftp, sftp.open(f"{job}/late.jpg", "w") as file:
        file.write(JPEG[:1000])

        studio.jobfs("job", "status", job, "selling")

        file.write(JPEG[1000:])
    studio.wait_for_photos(job, 1)


def test_a_renamed_job_has_its_new_name_at_the_next_request(
    studio: Studio, filled_job: str
) -> None:
    with studio.connected("anna") as sftp:
        studio.jobfs("job", "rename", filled_job, f"{filled_job} b")

        names = sftp.listdir("/")

    assert f"{filled_job} b" in names
    assert filled_job not in names


# --- accounts ---


def test_an_account_can_log_in_as_soon_as_it_was_added(studio: Studio) -> None:
    make_key(studio.home / "eve")

    studio.jobfs("account", "add", "eve", "--key", str(studio.home / "eve.pub"))

    with studio.connected("eve") as sftp:
        assert sftp.listdir("/") == ["_NO_JOBS.txt"]


def test_a_new_password_counts_at_once(studio: Studio) -> None:
    studio.jobfs("account", "passwd", "ben", "--password-stdin", typed="one\n")
    with studio.connected("ben", password="one"):
        pass

    studio.jobfs("account", "passwd", "ben", "--password-stdin", typed="another one\n")

    with studio.connected("ben", password="another one"):
        pass
    with (
        pytest.raises(paramiko.AuthenticationException),
        studio.connected("ben", password="one"),
    ):
        pass


def test_disabling_an_account_ends_its_connections_and_keeps_it_out(studio: Studio) -> None:
    with studio.connected("anna") as bystander, studio.connected("ben") as sftp:
        sftp.listdir("/")

        studio.jobfs("account", "disable", "ben")

        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            sftp.listdir("/")
        with pytest.raises(paramiko.AuthenticationException), studio.connected("ben"):
            pass
        assert bystander.listdir("/")
    studio.jobfs("account", "enable", "ben")
    with studio.connected("ben"):
        pass


# --- grants ---


def test_a_granted_job_is_there_at_the_next_request(studio: Studio) -> None:
    job = studio.new_job()
    with studio.connected("ben") as sftp:
        assert job not in sftp.listdir("/")

        studio.jobfs("grant", "ben", job)

        assert job in sftp.listdir("/")
        send(sftp, f"{job}/a.jpg", JPEG)


def test_a_revoked_job_is_gone_and_what_is_open_in_it_fails(studio: Studio) -> None:
    job = studio.new_job()
    studio.jobfs("grant", "ben", job)
    with studio.connected("ben") as sftp, sftp.open(f"{job}/a.jpg", "w") as file:
        file.write(JPEG[:1000])

        studio.jobfs("revoke", "ben", job)

        assert job not in sftp.listdir("/")
        with pytest.raises(FileNotFoundError):
            sftp.stat(job)
        until(lambda: fails(lambda: file.write(JPEG[1000:])))  # the mount hears of it by itself


def test_a_right_that_is_lessened_fails_what_is_open_for_writing(studio: Studio) -> None:
    job = studio.new_job()
    studio.jobfs("grant", "ben", job)
    with studio.connected("ben") as sftp, sftp.open(f"{job}/a.jpg", "w") as file:
        file.write(JPEG[:1000])

        studio.jobfs("grant", "ben", job, "--right", "read")

        with pytest.raises(PermissionError):
            sftp.open(f"{job}/b.jpg", "w")
        until(lambda: fails(lambda: file.write(JPEG[1000:])))


def send(sftp: paramiko.SFTPClient, path: str, content: bytes) -> None:
    with sftp.open(path, "w") as file:
        file.write(content)


def fails(request: Callable[[], object]) -> bool:
    """Tell whether a request is answered with a refusal."""
    try:
        request()
    except OSError:
        return True
    return False
