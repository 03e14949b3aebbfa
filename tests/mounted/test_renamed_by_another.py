"""What the kernel still remembers of a name, when another account of the job has just changed it."""

import errno
import os
from pathlib import Path

import pytest

from tests.mounted.studio import (
    Account,
    Job,
    Studio,
    errno_of,
    on_both_databases,
    replace_file,
    until,
)

pytestmark = on_both_databases


@pytest.fixture
def shared(studio: Studio, anna: Account) -> Job:
    """A job of Anna's and Ben's."""
    return studio.add_job(anna, studio.account("ben"))


@pytest.fixture
def by_ben(studio: Studio, shared: Job) -> Path:
    """The job as Ben sees it, when Anna has just listed one.txt in it."""
    replace_file(shared.path / "one.txt", b"first")
    with os.scandir(shared.path) as listed:
        assert "one.txt" in {entry.name for entry in listed}
    return studio.mountpoint / "ben" / shared.name


def test_an_upload_to_a_name_that_another_account_took_away_is_a_file_of_its_own(
    shared: Job, by_ben: Path
) -> None:
    (by_ben / "one.txt").rename(by_ben / "two.txt")

    replace_file(shared.path / "one.txt", b"second")

    assert (by_ben / "two.txt").read_bytes() == b"first"
    assert (by_ben / "one.txt").read_bytes() == b"second"


def test_a_file_that_another_account_has_sent_anew_is_never_missing(
    shared: Job, by_ben: Path
) -> None:
    # From here on its attributes hold for less long than its name.
    os.utime(shared.path / "one.txt")
    (by_ben / "one.txt").unlink()
    replace_file(by_ben / "one.txt", b"second")

    while (shared.path / "one.txt").stat().st_size != len(b"second"):
        pass


def test_a_name_that_was_not_there_is_found_once_another_account_has_sent_it(
    shared: Job, by_ben: Path
) -> None:
    assert errno_of(os.stat, shared.path / "two.txt") == errno.ENOENT

    replace_file(by_ben / "two.txt", b"second")

    until((shared.path / "two.txt").exists)


def test_a_name_that_was_not_there_is_found_at_once_when_it_is_made_in_another_spelling(
    shared: Job,
) -> None:
    assert errno_of(os.stat, shared.path / "a\u0308.txt") == errno.ENOENT

    replace_file(shared.path / "ä.txt", b"first")

    assert (shared.path / "a\u0308.txt").read_bytes() == b"first"


def test_a_name_that_was_not_there_is_not_overwritten_when_another_account_has_sent_it(
    shared: Job, by_ben: Path
) -> None:
    assert errno_of(os.stat, shared.path / "two.txt") == errno.ENOENT
    replace_file(by_ben / "two.txt", b"second")

    assert errno_of(os.open, shared.path / "two.txt", os.O_CREAT | os.O_EXCL) == errno.EEXIST
    assert errno_of(os.mkdir, shared.path / "two.txt") == errno.EEXIST


def test_a_file_that_another_account_has_put_in_its_place_is_opened(
    shared: Job, by_ben: Path
) -> None:
    """Neither name is what it was; the kernel looks again once, and hears no second refusal."""
    replace_file(by_ben / "one.txt", b"first")
    replace_file(by_ben / "two.txt", b"second")
    assert len(list(shared.path.glob("*.txt"))) > 1, "its kernel knows both names"

    (by_ben / "two.txt").rename(by_ben / "one.txt")
    descriptor = os.open(shared.path / "one.txt", os.O_RDWR)

    assert os.read(descriptor, 10) == b"second"
    os.close(descriptor)


def test_what_was_refused_once_is_no_pass_to_what_bore_the_name_then(
    shared: Job, by_ben: Path
) -> None:
    replace_file(by_ben / "one.txt", b"first")
    replace_file(by_ben / "two.txt", b"Ben's")
    list(os.scandir(shared.path))
    (by_ben / "two.txt").rename(by_ben / "one.txt")
    os.close(os.open(shared.path / "one.txt", os.O_RDWR))
    assert (shared.path / "one.txt").stat().st_size == 5
    list(os.scandir(shared.path))

    (by_ben / "one.txt").rename(by_ben / "three.txt")
    replace_file(shared.path / "one.txt", b"Anna's")

    assert (by_ben / "three.txt").read_bytes() == b"Ben's"
    assert (by_ben / "one.txt").read_bytes() == b"Anna's"
