"""When texts of files that jobfs writes are made."""

from datetime import datetime

import trio

from jobfs.mount.snapshots import Snapshots


def test_a_text_is_made_when_somebody_looks_and_shared_by_all_who_look_then() -> None:
    made: list[int] = []

    async def make(number: int, now: datetime) -> bytes:
        made.append(number)
        return f"{number} as of {now}".encode()

    async def look_often() -> None:
        snapshots = Snapshots(make)
        assert made == []
        async with trio.open_nursery() as nursery:
            for number in (7, 7, 8, 7):
                nursery.start_soon(snapshots.of, number)
        again = await snapshots.of(7)
        assert again.content.startswith(b"7 as of ")

    trio.run(look_often)

    assert sorted(made) == [7, 8]
