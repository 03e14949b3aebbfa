"""Connections that write one name at the same time: one of them has sent the file, never both a bit."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import cache
from itertools import cycle, islice, product
from threading import Barrier, Thread

import pytest
from PIL import Image

from tests.served.folder import digest
from tests.served.matrix.desk import Desk
from tests.served.matrix.wire import C, RefusedError, T, W, Wire
from tests.served.studio import PATIENCE, Studio

ROUNDS = 200
#: Bytes of a WRITE: many to a file, so that those of two connections mix.
CHUNK = 4_096
PATH = "IMG_0001.jpg"

Way = Callable[[Wire, str, bytes], None]


def truncating(wire: Wire, path: str, content: bytes) -> None:
    """Send as most clients do."""
    handle = wire.open(path, W | C | T)
    wire.write(handle, content, chunk=CHUNK)
    wire.close(handle)


def in_place(wire: Wire, path: str, content: bytes) -> None:
    """Send as scp does: the old bytes stay until new ones take their place, the size comes last."""
    handle = wire.open(path, W | C)
    wire.write(handle, content, chunk=CHUNK)
    wire.fsetstat(handle, size=len(content))
    wire.close(handle)


def renaming(wire: Wire, path: str, content: bytes) -> None:
    """Send as rclone does since 1.63."""
    temporary = f"{path}.{len(content):08x}.partial"
    truncating(wire, temporary, content)
    wire.posix_rename(temporary, path)


def resuming(wire: Wire, path: str, content: bytes) -> None:
    """Send what is missing, as FileZilla does when it has lost a connection."""
    handle = wire.open(path, W)
    wire.write(handle, content, chunk=CHUNK, offset=wire.fstat(handle).size or 0)
    wire.close(handle)


@cache
def version(number: int) -> bytes:
    """Return one of the versions of a capture; each has a size of its own."""
    exif = Image.Exif()
    exif[0x0131] = f"edit {number}"
    exif.get_ifd(0x8769)[0x9003] = "2026:05:04 12:00:00"
    noise = Image.effect_noise((160, 150 + 10 * number), 90).convert("RGB")
    data = io.BytesIO()
    noise.save(data, "JPEG", quality=95, exif=exif)
    return data.getvalue()


@pytest.fixture
def desk(studio: Studio) -> Iterator[Desk]:
    """Give a photographer with a job of his own."""
    with ExitStack() as connections:
        yield Desk(studio, connections)


class Racer:
    """A connection that sends its version of every file, each in the way that is its turn.

    accepted  whether the server has agreed to all of it, by the number of the file
    """

    def __init__(self, wire: Wire, content: bytes, ways: list[Way], start: Barrier) -> None:
        self.content = content
        self.ways = ways
        self.accepted: list[bool] = []
        self._wire, self._start = wire, start

    def run(self, desk: Desk) -> None:
        """Send everything; for a thread."""
        for number, way in enumerate(self.ways):
            self._start.wait(PATIENCE)
            try:
                way(self._wire, desk.at(name(number)), self.content)
            except RefusedError:
                self.accepted.append(False)
            else:
                self.accepted.append(True)


def name(number: int) -> str:
    return f"IMG_{number:04}.jpg"


def race(desk: Desk) -> tuple[Racer, Racer]:
    """Let two connections send each file at the same moment, in every pair of ways in turn."""
    start = Barrier(2)
    pairs = list(islice(cycle(product([truncating, in_place, renaming], repeat=2)), ROUNDS))
    one = Racer(desk.connect(), version(1), [pair[0] for pair in pairs], start)
    other = Racer(desk.connect(), version(2), [pair[1] for pair in pairs], start)
    threads = [Thread(target=racer.run, args=(desk,)) for racer in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return one, other


def wrong(desk: Desk, racers: tuple[Racer, Racer]) -> list[str]:
    """Return what is wrong with the files and photos after a race, a line for each file."""
    photos = {path: sha256 for path, (_, sha256) in desk.photos().items()}
    ever = Counter(photo["path"] for photo in desk.listed("photo", "list", "--all"))
    kept = {(path, size) for path, size, _ in desk.trash()}
    wire = desk.connect()
    found = []
    for number in range(ROUNDS):
        path = name(number)
        shown = wire.read(desk.at(path))
        believers = [racer.content for racer in racers if racer.accepted[number]]
        faults = []
        if shown not in {racer.content for racer in racers}:
            faults.append("it is neither")
        if not believers:
            faults.append("both were refused")
        if photos.get(path) != digest(shown) or ever[path] != 1:
            faults.append(
                f"there are {ever[path]} photos, and the present one is {photos.get(path)}"
            )
        if any(sent != shown and (path, len(sent)) not in kept for sent in believers):
            faults.append("what was accepted is lost")
        ways = " and ".join(racer.ways[number].__name__ for racer in racers)
        found += [f"{path}, {ways}: {', '.join(faults)}"] if faults else []
    return found


def test_of_two_that_send_one_name_at_once_one_has_sent_it_and_the_other_is_kept_or_knows(
    desk: Desk,
) -> None:
    """Every second name is a photo already."""
    wire = desk.connect()
    for number in range(0, ROUNDS, 2):
        truncating(wire, desk.at(name(number)), version(0))
    desk.settle()

    racers = race(desk)

    faults = wrong(desk, racers)
    assert not faults, "\n".join(faults)


def stalled(desk: Desk, content: bytes, flags: int = W | C | T) -> tuple[Wire, bytes]:
    """Return a connection that has sent half of a file, and says nothing for a while; its handle."""
    wire = desk.connect()
    handle = wire.open(desk.at(PATH), flags)
    wire.write(handle, content[: len(content) // 2], chunk=CHUNK)
    return wire, handle


def wake_up(wire: Wire, handle: bytes, content: bytes) -> None:
    """Send the rest, as a client does that knows nothing of another."""
    with suppress(RefusedError):
        wire.write(handle, content, chunk=CHUNK, offset=len(content) // 2)


def close(wire: Wire, handle: bytes) -> None:
    with suppress(RefusedError):  # it may know by now that it has lost
        wire.close(handle)


@pytest.mark.parametrize("way", [truncating, in_place, renaming])
def test_a_connection_that_wakes_up_and_dies_changes_nothing_in_a_newer_upload(
    desk: Desk, way: Way
) -> None:
    wire, handle = stalled(desk, version(1))
    way(desk.connect(), desk.at(PATH), version(2))

    wake_up(wire, handle, version(1))
    wire.die()

    desk.assert_holds({PATH: version(2)})
    assert len(desk.listed("photo", "list", "--all")) == 1
    assert desk.problems() == []


@pytest.mark.parametrize("flags", [W | C | T, W | C], ids=["truncated", "in_place"])
@pytest.mark.parametrize("way", [truncating, in_place, renaming])
def test_a_connection_that_wakes_up_and_closes_changes_nothing_in_a_newer_upload(
    desk: Desk, way: Way, flags: int
) -> None:
    wire, handle = stalled(desk, version(1), flags)
    way(desk.connect(), desk.at(PATH), version(2))
    desk.settle()

    wake_up(wire, handle, version(1))
    with suppress(RefusedError):
        wire.fsetstat(handle, size=len(version(1)))
    close(wire, handle)

    desk.assert_holds({PATH: version(2)})
    assert len(desk.listed("photo", "list", "--all")) == 1
    assert desk.problems() == []


@pytest.mark.parametrize("dies", [True, False])
def test_an_upload_may_be_resumed_while_its_first_connection_only_seems_to_live(
    desk: Desk, dies: bool
) -> None:
    """FileZilla is back within seconds; the server may not know yet that the first one is dead."""
    wire, handle = stalled(desk, version(1))
    resuming(desk.connect(), desk.at(PATH), version(1))

    wake_up(wire, handle, version(1))
    if dies:
        wire.die()
    else:
        close(wire, handle)

    desk.assert_holds({PATH: version(1)})
    assert len(desk.listed("photo", "list", "--all")) == 1
    assert desk.problems() == []
