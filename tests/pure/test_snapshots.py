"""When texts of files that jobfs writes are made."""

from datetime import UTC, datetime

import trio
from trio.testing import MockClock

from jobfs.mount.snapshots import HELD, LIFETIME, Made, Snapshots, Told

_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Writer:
    """Writes texts, and notes which; *state* is what it tells of, and they *last* until then."""

    def __init__(self, *, lasts: datetime | None = _ALWAYS) -> None:
        self.made: list[int] = []
        self.state: object | None = "nothing"
        self._lasts = lasts

    async def make(self, number: int, now: datetime) -> Made:
        """Return a text."""
        self.made.append(number)
        text = f"{number}, {now:%H:%M:%S.%f}: {self.state}"
        return Made(text.encode(), self.state, self._lasts)

    async def tell(self, _number: int) -> object | None:
        """Return what there is to tell."""
        return self.state


def _told_twice(writer: Writer, between: object | None = "nothing") -> tuple[Told, Told]:
    """Return what is told of a text, and what is a while later; something may have happened *between*."""
    clock = MockClock()

    async def look_twice() -> tuple[Told, Told]:
        snapshots = Snapshots(writer.make, writer.tell)
        first = await snapshots.told(7)
        writer.state = between
        clock.jump(LIFETIME)
        return first, await snapshots.told(7)

    return trio.run(look_twice, clock=clock)


async def _told_a_while_later(snapshots: Snapshots, clock: MockClock) -> Told:
    """Return what is told of a text that was told before, and made then."""
    await snapshots.told(7)
    clock.jump(LIFETIME)
    return await snapshots.told(7)


def test_a_text_is_made_when_somebody_looks_and_shared_by_all_who_look_then() -> None:
    writer = Writer()

    async def look_often() -> None:
        snapshots = Snapshots(writer.make)
        assert writer.made == []
        async with trio.open_nursery() as nursery:
            for number in (7, 7, 8, 7):
                nursery.start_soon(snapshots.of, number)
        again = await snapshots.of(7)
        assert again.content.startswith(b"7, ")
        assert await snapshots.told(7) == (len(again.content), again.at_ns)

    trio.run(look_often)

    assert sorted(writer.made) == [7, 8]


def test_while_nothing_changes_a_size_is_told_of_every_second_and_no_text_is_made() -> None:
    writer = Writer()

    first, second = _told_twice(writer)

    assert writer.made == [7]
    assert second.size == first.size
    assert second.at_ns > first.at_ns


def test_what_is_read_is_as_long_as_was_told_last_though_something_has_changed_since_it_was_told() -> (
    None
):
    writer, clock = Writer(), MockClock()

    async def look_and_read() -> None:
        snapshots = Snapshots(writer.make, writer.tell)
        first = await _told_a_while_later(snapshots, clock)
        writer.state = "a file has come"
        second = await snapshots.told(7)
        read = await snapshots.of(7)
        assert second == (len(read.content), read.at_ns)
        assert second.size > first.size
        assert second.at_ns > first.at_ns

    trio.run(look_and_read, clock=clock)


def test_a_text_that_is_longer_than_was_told_has_another_time() -> None:
    writer, clock = Writer(), MockClock()

    async def look_and_read() -> None:
        snapshots = Snapshots(writer.make, writer.tell)
        told = await _told_a_while_later(snapshots, clock)
        writer.state = "a file has come"
        read = await snapshots.of(7)
        assert len(read.content) > told.size
        assert read.at_ns > told.at_ns
        assert await snapshots.told(7) == (len(read.content), read.at_ns)

    trio.run(look_and_read, clock=clock)


def test_a_text_that_was_told_before_it_was_made_has_the_time_that_was_told() -> None:
    writer, clock = Writer(), MockClock()

    async def look_and_read() -> None:
        snapshots = Snapshots(writer.make, writer.tell)
        told = await _told_a_while_later(snapshots, clock)
        read = await snapshots.of(7)
        at = datetime.fromtimestamp(told.at_ns / 10**9, UTC)
        assert read == (f"7, {at:%H:%M:%S.%f}: nothing".encode(), told.at_ns)
        assert await snapshots.of(7) == read

    trio.run(look_and_read, clock=clock)

    assert writer.made == [7, 7]


def test_what_has_changed_is_told_a_second_later() -> None:
    writer = Writer()

    first, second = _told_twice(writer, between="a photo")

    assert writer.made == [7, 7]
    assert second.size - first.size == len("a photo") - len("nothing")


def test_where_nobody_tells_what_changes_every_second_has_a_text_of_its_own() -> None:
    writer = Writer()
    writer.state = None

    _told_twice(writer, between=None)

    assert writer.made == [7, 7]


def test_a_text_that_changes_with_time_is_made_when_it_does() -> None:
    for lasts in (datetime.now(UTC), None):
        writer = Writer(lasts=lasts)

        _told_twice(writer)

        assert writer.made == [7, 7]


def _padded(_number: int, content: bytes, size: int) -> bytes:
    return content.ljust(size)


def test_a_text_is_lengthened_to_what_was_told_of_it_so_that_who_listed_it_gets_as_much() -> None:
    writer, clock = Writer(), MockClock()

    async def look_and_read() -> None:
        snapshots = Snapshots(writer.make, writer.tell, _padded)
        told = await snapshots.told(7)
        for state in (None, "a"):
            writer.state = state
            clock.jump(LIFETIME)
            await snapshots.of(8)  # forgets what has grown old
            read = await snapshots.of(7)
            assert read.content.rstrip().endswith(str(state).encode())
            assert len(read.content) == told.size

    trio.run(look_and_read, clock=clock)


def test_a_text_that_nobody_has_looked_at_for_long_is_as_long_as_it_is() -> None:
    writer, clock = Writer(), MockClock()

    async def look_and_read() -> None:
        snapshots = Snapshots(writer.make, writer.tell, _padded)
        told = await snapshots.told(7)
        writer.state = "a"
        clock.jump(LIFETIME + HELD)
        assert len((await snapshots.of(7)).content) == told.size - len("nothing") + len("a")

    trio.run(look_and_read, clock=clock)
