import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfs.domain import inodes
from jobfs.domain.inodes import Inode, Kind
from jobfs.domain.refusals import AddressRangeError, StaleInodeError


@given(
    kind=st.sampled_from([Kind.ACCOUNT, Kind.ENTRY, Kind.ADMIN, Kind.OVERVIEW]),
    account=st.integers(0, inodes.MAX_ACCOUNT),
    row=st.integers(0, inodes.MAX_ROW),
)
def test_an_address_survives_its_number(kind: Kind, account: int, row: int) -> None:
    number = inodes.pack(kind, account, row)

    assert inodes.unpack(number) == Inode(kind, account, row)
    assert inodes.ROOT_INODE < number < 2**63


def test_the_layout_is_kind_account_row() -> None:
    assert inodes.pack(Kind.ENTRY, 5, 7) == (2 << 60) | (5 << 40) | 7


def test_the_root_is_number_one() -> None:
    assert inodes.pack(Kind.ROOT, 0, 1) == inodes.ROOT_INODE == 1
    assert inodes.unpack(1) == Inode(Kind.ROOT, 0, 1)


@pytest.mark.parametrize("number", [-1, 0, 2, (1 << 60) - 1, 7 << 60, 1 << 63, 2**64 - 1, 2**64])
def test_a_number_that_is_no_address_is_stale(number: int) -> None:
    with pytest.raises(StaleInodeError, match=str(number)) as refusal:
        inodes.unpack(number)

    assert refusal.value.errno == errno.ESTALE


@pytest.mark.parametrize(
    ("kind", "account", "row"),
    [
        (Kind.ENTRY, inodes.MAX_ACCOUNT + 1, 1),
        (Kind.ENTRY, 1, inodes.MAX_ROW + 1),
        (Kind.ENTRY, -1, 1),
        (Kind.ENTRY, 1, -1),
        (Kind.ROOT, 0, 2),
        (Kind.ROOT, 1, 1),
    ],
)
def test_an_id_that_does_not_fit_gets_no_number(kind: Kind, account: int, row: int) -> None:
    with pytest.raises(AddressRangeError) as refusal:
        inodes.pack(kind, account, row)

    assert refusal.value.errno == errno.EOVERFLOW
