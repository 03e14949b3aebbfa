import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfs.domain.ranges import Ranges

SIZE = 40

spans = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=12)


def written(*pairs: tuple[int, int]) -> Ranges:
    ranges = Ranges()
    for start, stop in pairs:
        ranges.add(start, stop)
    return ranges


def test_nothing_written_covers_nothing_but_an_empty_file() -> None:
    ranges = Ranges()

    assert ranges.contiguous_prefix() == 0
    assert ranges.covers(0)
    assert not ranges.covers(1)
    assert ranges.first_gap(1) == 0
    assert ranges.first_gap(0) is None


@pytest.mark.parametrize(
    ("pairs", "prefix"),
    [
        ([(0, 10)], 10),
        ([(0, 10), (10, 20)], 20),
        ([(10, 20), (0, 10)], 20),
        ([(0, 10), (20, 30)], 10),
        ([(0, 10), (20, 30), (10, 20)], 30),
        ([(0, 10), (20, 30), (5, 25)], 30),
        ([(0, 10), (3, 5)], 10),
        ([(5, 10)], 0),
        ([(5, 10), (2, 4), (0, 1), (0, 20)], 20),
        ([(0, 10), (15, 12), (9, 9)], 10),
    ],
)
def test_the_prefix_ends_at_the_first_gap(pairs: list[tuple[int, int]], prefix: int) -> None:
    ranges = written(*pairs)

    assert ranges.contiguous_prefix() == prefix
    assert ranges.covers(prefix)
    assert not ranges.covers(prefix + 1)
    assert ranges.first_gap(1000) == prefix


def test_truncation_forgets_what_lay_beyond() -> None:
    ranges = written((0, 10), (20, 30), (40, 50))

    ranges.truncate(25)
    ranges.add(10, 20)

    assert ranges.contiguous_prefix() == 25


def test_growing_a_file_writes_nothing() -> None:
    """A failed scp sets the full size all the same, though the disk was full."""
    ranges = written((0, 10))

    ranges.truncate(1000)

    assert ranges.first_gap(1000) == 10


def test_truncation_to_nothing_forgets_everything() -> None:
    ranges = written((0, 10), (20, 30))

    ranges.truncate(0)

    assert ranges.contiguous_prefix() == 0


@given(before=spans, size=st.integers(0, SIZE), after=spans)
def test_ranges_agree_with_a_set_of_bytes(
    before: list[tuple[int, int]], size: int, after: list[tuple[int, int]]
) -> None:
    ranges = written(*before)
    ranges.truncate(size)
    for start, stop in after:
        ranges.add(start, stop)

    bytes_written = {byte for start, stop in before for byte in range(start, stop) if byte < size}
    bytes_written |= {byte for start, stop in after for byte in range(start, stop)}

    prefix = next(byte for byte in range(SIZE + 1) if byte not in bytes_written)
    assert ranges.contiguous_prefix() == prefix


def test_many_sequential_writes_stay_one_range() -> None:
    ranges = Ranges()

    for block in range(200_000):
        ranges.add(block * 4096, block * 4096 + 4096)

    assert ranges.covers(200_000 * 4096)
