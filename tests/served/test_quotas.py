"""A photographer whose account is nearly full, with real clients."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.served import clients
from tests.served.studio import Studio

_QUOTA = 1_000_000


@pytest.fixture
def limited(studio: Studio) -> Iterator[Studio]:
    """The studio, while anna may have 1 MB more than she has."""
    used = json.loads(studio.jobfs("account", "quota", "anna", "--json"))["used"]
    studio.jobfs("account", "quota", "anna", str(used + _QUOTA))
    yield studio
    studio.jobfs("account", "quota", "anna", "none")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A folder with one photo of 3 MB."""
    folder = tmp_path / "card"
    folder.mkdir()
    picture = Image.effect_noise((1900, 1900), 90)
    picture.save(folder / "large.jpg", "JPEG", quality=95)
    assert (folder / "large.jpg").stat().st_size > 3 * _QUOTA
    return folder


def scp(studio: Studio, folder: Path, job: str) -> clients.Answer:
    """OpenSSH's scp, which after a refused write declares the full size all the same."""
    target = f"anna@127.0.0.1:{job}/"
    command = ["scp", *clients.options(studio), "-P", str(studio.port), "-p"]
    return clients.run(studio, [*command, str(folder / "large.jpg"), target])


@pytest.mark.parametrize("send", [scp, clients.sftp])
def test_a_photo_that_does_not_fit_never_becomes_one_until_there_is_room(
    limited: Studio, card: Path, send: Callable[[Studio, Path, str], clients.Answer]
) -> None:
    job = limited.new_job()

    answer = send(limited, card, job)

    assert answer.status != 0
    limited.wait_for_state("large.jpg", "incomplete")
    [problem] = limited.listing("problems", job)
    assert (problem["path"], problem["kind"]) == ("large.jpg", "incomplete")
    assert problem["size"] <= _QUOTA
    assert "quota" in problem["text"]
    assert limited.listing("photo", "list", job) == []

    limited.jobfs("account", "quota", "anna", "none")
    assert send(limited, card, job).status == 0
    limited.wait_for_photos(job, 1)
    assert limited.listing("problems", job) == []
    with limited.connected("anna") as sftp:
        sftp.remove(f"{job}/large.jpg")


def test_df_shows_what_the_quota_leaves(limited: Studio) -> None:
    answer = clients.run(limited, clients.sftp_command(limited, "-b", "-"), typed="df\n")

    assert answer.status == 0, answer.said
    size, used, available, *_ = map(int, re.findall(r"\d+", answer.said.splitlines()[-1]))
    assert available == _QUOTA // 4096 * 4096 // 1024
    assert size == used + available


def test_a_full_account_is_seen_as_full(limited: Studio) -> None:
    used = json.loads(limited.jobfs("account", "quota", "anna", "--json"))["used"]
    limited.jobfs("account", "quota", "anna", str(used))

    answer = clients.run(limited, clients.sftp_command(limited, "-b", "-"), typed="df\n")

    assert answer.status == 0, answer.said
    if used:
        assert "100%" in answer.said
