import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfs.domain.accounts import FIRST_UID, account_of, uid_of
from jobfs.domain.inodes import MAX_ACCOUNT
from jobfs.domain.quotas import WARNINGS, Usage, nearness, parse_size, size_in_words
from jobfs.domain.refusals import BadSizeError

SIZES = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17b", 17),
        ("500MB", 500_000_000),
        (" 500 mb ", 500_000_000),
        ("2 GiB", 2 * 2**30),
        ("2gib", 2 * 2**30),
        ("1.5TB", 1_500_000_000_000),
        ("1.5 KiB", 1536),
        ("3k", 3000),
        ("1P", 10**15),
        ("0.5B", 0),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "MB", "-4", "+4", "1.", ".5GB", "1,5GB", "1e9", "4iB", "5X", "5 M B", "٣MB", "1\n2"],
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSizeError, match="is no size: say it like 500MB") as refusal:
        parse_size(text)

    assert refusal.value.errno == errno.EINVAL


def test_a_size_that_no_column_holds_is_refused() -> None:
    assert parse_size(str(2**63 - 1)) == 2**63 - 1
    for text in (str(2**63), "10000PB", "9" * 400):
        with pytest.raises(BadSizeError, match="more than jobfs can count"):
            parse_size(text)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_500_000, "1.5 MB"),
        (2_147_483_648, "2.1 GB"),
        (2**63 - 1, "9223.4 PB"),
    ],
)
def test_a_size_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words


@given(st.integers(0, 9 * 10**18))
def test_words_are_read_as_nearly_the_same_size(size: int) -> None:
    assert abs(parse_size(size_in_words(size)) - size) <= size * 0.05


@given(SIZES, SIZES, st.integers(-100, 2**63))
def test_bytes_fit_exactly_until_the_quota_is_reached(used: int, quota: int, more: int) -> None:
    found = Usage(used, quota)

    assert found.has_room_for(more) == (more <= 0 or used + more <= quota)
    assert found.left is not None
    assert found.has_room_for(found.left)
    assert not found.has_room_for(found.left + 1)


def test_without_a_quota_everything_fits() -> None:
    assert Usage(5, None).left is None
    assert Usage(5, None).has_room_for(2**80)


@pytest.mark.parametrize(
    ("before", "after", "announced", "percent", "is_news"),
    [
        (0, 79, 0, 0, False),
        (79, 80, 0, 80, True),
        (80, 81, 80, 80, False),
        (94, 95, 80, 95, True),
        (0, 100, 0, 95, True),
        (96, 120, 95, 95, False),
        (79, 80, 80, 80, False),  # a file was overwritten
        (91, 92, 95, 95, False),
        (90, 92, 95, 80, False),  # so much was deleted that 95 will be news again
        (75, 76, 80, 0, False),
        (60, 81, 80, 80, True),  # the same, and then one large file
        (60, 97, 95, 95, True),
        (60, 70, 95, 0, False),
    ],
)
def test_a_warning_stands_until_use_is_well_below_it(
    before: int, after: int, announced: int, percent: int, is_news: bool
) -> None:
    found = nearness(100, before=before, after=after, announced=announced)

    assert found == (percent, is_news)


def test_a_quota_of_nothing_is_used_up() -> None:
    assert nearness(0, before=0, after=0, announced=0) == (max(WARNINGS), True)
    assert not Usage(0, 0).has_room_for(1)


def test_uids_belong_to_accounts_and_back() -> None:
    assert [account_of(uid_of(number)) for number in (1, MAX_ACCOUNT)] == [1, MAX_ACCOUNT]
    assert [account_of(uid) for uid in (0, 1000, FIRST_UID, uid_of(MAX_ACCOUNT) + 1)] == [None] * 4
