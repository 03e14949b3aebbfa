"""A second studio on the same machine, with the same account names and uids, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.conftest import PostgreSQL
from tests.served import clients, folder
from tests.served.studio import Studio, running_studio


@pytest.fixture(scope="module")
def other_studio(postgresql: PostgreSQL) -> Iterator[Studio]:
    """A studio on PostgreSQL."""
    with running_studio(database=postgresql.new_database()) as studio:
        yield studio
        assert not studio.unexpected()


def test_a_folder_becomes_photos_on_postgresql(other_studio: Studio, tmp_path: Path) -> None:
    sent = folder.make(tmp_path)
    job = other_studio.new_job()

    answer = clients.sftp(other_studio, tmp_path, job)

    assert answer.status == 0, answer.said
    other_studio.wait_for_photos(job, len(sent))
    listed = other_studio.listing("photo", "list", job, "--all")
    told = [(photo["path"], photo["album"], photo["section"], photo["sha256"]) for photo in listed]
    assert sorted(told) == sorted((it.path, it.album, it.section, it.sha256) for it in sent)


def test_each_studio_shows_its_own_jobs_to_its_own_anna(
    studio: Studio, other_studio: Studio
) -> None:
    for name, at in (("Here", studio), ("There", other_studio)):
        at.jobfs("job", "add", name)

    with studio.connected("anna") as here, other_studio.connected("anna") as there:
        shown = {"Here", "There"} & {*here.listdir("/")}, {"Here", "There"} & {*there.listdir("/")}

    assert shown == ({"Here"}, {"There"})


def test_a_key_of_the_other_studio_opens_nothing(studio: Studio, other_studio: Studio) -> None:
    with (
        pytest.raises(paramiko.AuthenticationException),
        studio.connected("anna", key=other_studio.home / "anna"),
    ):
        pass


def test_disabling_an_account_of_one_studio_leaves_the_other_s_alone(
    studio: Studio, other_studio: Studio
) -> None:
    with other_studio.connected("ben") as sftp:
        studio.jobfs("account", "disable", "ben")

        assert sftp.listdir("/") == ["_NO_JOBS.txt"]
    studio.jobfs("account", "enable", "ben")


def test_ending_one_studio_leaves_the_other_s_connections_alone(
    studio: Studio, other_studio: Studio
) -> None:
    with studio.connected("anna") as sftp:
        assert other_studio.stop() == 0
        other_studio.assert_nothing_is_left()

        assert sftp.listdir("/")
