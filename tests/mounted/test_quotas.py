"""Quotas, as those who write through the mount meet them."""

import errno
import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from jobfs.catalog import accounts, usage
from jobfs.domain.accounts import uid_of
from jobfs.domain.quotas import Usage
from tests.mounted.actor import Actor
from tests.mounted.studio import Account, Job, Studio, errno_of, on_both_databases, replace_file
from tests.pure.pictures import noise, saved

pytestmark = on_both_databases

_QUOTA = 1_000_000
_JPEG = saved(noise(400, 300), "JPEG")
_numbers = count(1)
_BLOCK = 100_000  # bytes of one write, fewer than the kernel passes on at once


@pytest.fixture
def cleo(studio: Studio) -> Account:
    """A photographer with a quota, and nothing sent yet: one of a test's own."""
    account = studio.account(f"cleo{next(_numbers)}")
    with studio.catalog.writing() as connection:
        accounts.set_quota(connection, account.id, _QUOTA)
    return account


@pytest.fixture
def full_job(studio: Studio, job: Job, cleo: Account) -> Job:
    """A job of hers; of which the log is looked at as for any other."""
    del job
    return studio.add_job(cleo)


@pytest.fixture
def sender(cleo: Account, actors: Callable[[int], Actor]) -> Actor:
    """A connection of hers."""
    return actors(cleo.uid)


def _create(actor: Actor, path: Path, flags: int = os.O_CREAT) -> int:
    descriptor: int = actor.do("open", str(path), os.O_WRONLY | flags, 0o644)
    return descriptor


def _write_until_refused(actor: Actor, descriptor: int) -> tuple[int, int | None]:
    """Write block after block; return how many bytes were taken, and the errno of the first that was not."""
    for written in range(0, 10 * _QUOTA, _BLOCK):
        number = errno_of(actor.do, "pwrite", descriptor, b"x" * _BLOCK, written)
        if number is not None:
            return written, number
    raise AssertionError("never refused")


def _usage(studio: Studio, account: Account) -> Usage:
    with studio.catalog.reading() as connection:
        return usage.of_account(connection, account.id)


def _free(actor: Actor, path: Path) -> int:
    room = actor.do("statvfs", str(path))
    return int(room.f_bavail * room.f_frsize)


def test_the_write_that_crosses_the_quota_is_refused_and_none_before(
    studio: Studio, full_job: Job, cleo: Account, sender: Actor
) -> None:
    descriptor = _create(sender, full_job.path / "a.bin")

    assert _write_until_refused(sender, descriptor) == (_QUOTA, errno.EDQUOT)
    assert sender.do("fstat", descriptor).st_size == _QUOTA
    errno_of(sender.do, "close", descriptor)
    assert _usage(studio, cleo) == Usage(_QUOTA, _QUOTA)


def test_what_is_refused_is_a_problem_that_names_the_quota(
    studio: Studio, full_job: Job, sender: Actor
) -> None:
    descriptor = _create(sender, full_job.path / "a.jpg")
    _write_until_refused(sender, descriptor)
    errno_of(sender.do, "close", descriptor)

    assert studio.states(full_job.path / "a.jpg") == ["incomplete"]
    [problem] = json.loads(studio.jobfs("problems", full_job.path.name, "--json"))
    assert (problem["path"], problem["kind"]) == ("a.jpg", "incomplete")
    assert "quota of 1 MB is used up; 1,000,000 bytes of the file arrived" in problem["text"]
    assert "ask the studio for more room" in problem["advice"]


def test_a_file_for_which_there_is_no_room_at_all_is_a_problem_too(
    studio: Studio, full_job: Job, sender: Actor
) -> None:
    sender.do("put", str(full_job.path / "a.bin"), b"x" * _QUOTA)
    descriptor = _create(sender, full_job.path / "b.jpg")

    assert errno_of(sender.do, "write", descriptor, b"y") == errno.EDQUOT
    errno_of(sender.do, "close", descriptor)
    assert studio.states(full_job.path / "b.jpg") == ["incomplete"]


def test_two_files_that_are_written_at_once_share_the_quota(full_job: Job, sender: Actor) -> None:
    one, other = (_create(sender, full_job.path / name) for name in ("a", "b"))
    sender.do("pwrite", one, b"x" * _BLOCK, 0)

    assert _write_until_refused(sender, other) == (_QUOTA - _BLOCK, errno.EDQUOT)
    assert errno_of(sender.do, "pwrite", one, b"x", _BLOCK) == errno.EDQUOT
    sender.do("pwrite", one, b"y" * _BLOCK, 0)  # it has that already


def test_growing_a_file_by_truncation_counts(full_job: Job, sender: Actor) -> None:
    path = str(full_job.path / "a")
    sender.do("put", path, b"x")

    assert errno_of(sender.do, "truncate", path, _QUOTA + 1) == errno.EDQUOT
    sender.do("truncate", path, _QUOTA)
    sender.do("truncate", path, 10)
    sender.do("put", str(full_job.path / "b"), b"x" * (_QUOTA - 10))


def test_appending_counts(full_job: Job, sender: Actor) -> None:
    path = str(full_job.path / "a")
    sender.do("put", path, b"x" * (_QUOTA - 10))
    descriptor = _create(sender, full_job.path / "a", os.O_APPEND)

    sender.do("write", descriptor, b"y" * 10)
    assert errno_of(sender.do, "write", descriptor, b"z") == errno.EDQUOT


def test_a_deletion_gives_room_even_to_a_file_that_is_open(full_job: Job, sender: Actor) -> None:
    sender.do("put", str(full_job.path / "a"), b"x" * (_QUOTA - _BLOCK))
    descriptor = _create(sender, full_job.path / "b")
    assert _write_until_refused(sender, descriptor) == (_BLOCK, errno.EDQUOT)

    sender.do("unlink", str(full_job.path / "a"))

    assert sender.do("pwrite", descriptor, b"x" * _BLOCK, _BLOCK) == _BLOCK


def test_overwriting_a_file_takes_its_room_again(
    studio: Studio, full_job: Job, cleo: Account, sender: Actor
) -> None:
    path = str(full_job.path / "a")
    for _ in range(3):
        sender.do("put", path, b"x" * _QUOTA)
        sender.do("put", path, b"y" * _QUOTA, 0)  # in place, as scp does

    assert _usage(studio, cleo).used == _QUOTA


def test_a_quota_that_changes_holds_for_files_that_are_open(
    studio: Studio, full_job: Job, cleo: Account, sender: Actor
) -> None:
    descriptor = _create(sender, full_job.path / "a")
    sender.do("pwrite", descriptor, b"x" * _BLOCK, 0)

    studio.jobfs("account", "quota", cleo.name, str(_BLOCK))
    assert errno_of(sender.do, "pwrite", descriptor, b"x", _BLOCK) == errno.EDQUOT
    studio.jobfs("account", "quota", cleo.name, "none")
    assert sender.do("pwrite", descriptor, b"x" * _BLOCK, _BLOCK) == _BLOCK


def test_writing_over_somebody_else_s_file_counts_for_who_writes(
    studio: Studio, full_job: Job, cleo: Account, sender: Actor, anna: Account
) -> None:
    shared = studio.add_job(cleo, anna)
    theirs = studio.mountpoint / anna.name / shared.name
    replace_file(theirs / "a.jpg", _JPEG)
    before = _usage(studio, anna).used
    sender.do("put", str(full_job.path / "b"), b"x" * (_QUOTA - len(_JPEG)))

    sender.do("put", str(shared.path / "a.jpg"), _JPEG[:10], 0)
    assert _usage(studio, cleo).left == 0
    assert _usage(studio, anna).used == before - len(_JPEG)


def test_somebody_else_s_file_that_is_too_large_is_not_copied_to_be_rewritten(
    studio: Studio, full_job: Job, cleo: Account, sender: Actor, anna: Account
) -> None:
    shared = studio.add_job(cleo, anna)
    theirs = studio.mountpoint / anna.name / shared.name / "a.jpg"
    replace_file(theirs, _JPEG)
    sender.do("put", str(full_job.path / "b"), b"x" * (_QUOTA - 10))
    descriptor = _create(sender, shared.path / "a.jpg", 0)

    assert errno_of(sender.do, "pwrite", descriptor, b"x", 0) == errno.EDQUOT
    assert studio.states(theirs) == ["received"]


def test_the_free_space_is_what_the_quota_leaves(
    full_job: Job, sender: Actor, photographer: Actor, anna: Account, studio: Studio
) -> None:
    descriptor = _create(sender, full_job.path / "a")
    before = _free(sender, full_job.path)
    sender.do("pwrite", descriptor, b"x" * 4096 * 10, 0)
    while_it_is_open = _free(sender, full_job.path)
    sender.do("close", descriptor)

    room = sender.do("statvfs", str(full_job.path))
    assert before == _QUOTA // 4096 * 4096
    assert before - while_it_is_open == 4096 * 10
    assert _free(sender, full_job.path) == while_it_is_open
    assert room.f_blocks == _QUOTA // 4096
    assert _free(photographer, studio.mountpoint / anna.name) > _QUOTA
    as_root = os.statvfs(studio.mountpoint)
    assert as_root.f_bavail * as_root.f_frsize > _QUOTA


def test_a_full_account_has_no_room_but_its_size(full_job: Job, sender: Actor) -> None:
    sender.do("put", str(full_job.path / "a"), b"x" * _QUOTA)

    room = sender.do("statvfs", str(full_job.path))
    assert (room.f_bavail, room.f_bfree) == (0, 0)
    assert room.f_blocks == _QUOTA // 4096


def test_a_dropped_connection_that_was_refused_has_the_quota_as_its_problem(
    studio: Studio, full_job: Job, sender: Actor
) -> None:
    """Some clients, rclone among them, give up upon a refused write, and end without closing."""
    descriptor = _create(sender, full_job.path / "a.jpg")
    _write_until_refused(sender, descriptor)
    sender.kill()

    assert studio.states(full_job.path / "a.jpg") == ["interrupted"]
    [problem] = json.loads(studio.jobfs("problems", full_job.path.name, "--json"))
    assert "quota of 1 MB is used up" in problem["text"]


def test_uids_of_accounts_that_are_not_there_see_the_store(
    studio: Studio, actors: Callable[[int], Actor]
) -> None:
    nobody = actors(uid_of(99_999))

    assert _free(nobody, studio.mountpoint) > _QUOTA
