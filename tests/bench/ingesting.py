"""How fast files become photos, and what memory that takes."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from time import monotonic, process_time

import pyvips
from sqlalchemy import func, select

from jobfs.catalog import tasks
from jobfs.catalog.engine import Connection
from jobfs.catalog.schema import PhotoRow
from jobfs.config import Config
from jobfs.ingest import rendering
from jobfs.ingest.outcomes import Decoded, Wanted
from tests.bench import memory, peers
from tests.bench.comparing import Figure, Options, Pair
from tests.bench.pictures import LARGE, large
from tests.served.studio import Studio

#: Photos in a turn: enough for the first one's way through an idle worker to count little.
_PHOTOS = 8
#: MiB that a worker and its decoders may have beside pictures.
_GROUND = 80


def _wanted() -> list[Wanted]:
    """Return the renditions of the default settings, the largest first."""
    made = [
        Wanted(name=name, edge=rendition.edge, quality=rendition.quality)
        for name, rendition in Config().renditions.items()
    ]
    return sorted(made, key=_edge, reverse=True)


def _edge(rendition: Wanted) -> int:
    return rendition.edge


# --- rendering alone ---


def _rendering(options: Options) -> Iterator[Pair]:
    wanted = _wanted()
    pyvips.voperation.cache_set_max(0)
    for data in large(options):
        began = process_time()
        made = rendering.render(io.BytesIO(data), wanted, pixel_limit=math.prod(LARGE))
        between = process_time()
        assert isinstance(made, Decoded), made
        peers.vips_cascade(data, wanted)
        yield Pair(between - began, process_time() - between)


# --- a studio at work ---


@dataclass(frozen=True, slots=True)
class _Desk:
    """A running studio with one decoder, and a job to send to as anna."""

    studio: Studio
    folder: Path

    def send(self, name: str, data: bytes) -> None:
        """Send a file; it is received when this returns."""
        (self.folder / name).write_bytes(data)

    def pause(self, *, paused: bool) -> None:
        """Keep workers from beginning tasks, or let them."""
        with self.studio.catalog.writing() as connection:
            _ = tasks.pause(connection) if paused else tasks.resume(connection)

    def photos(self) -> int:
        """Return how many photos there are."""
        with self.studio.catalog.reading() as connection:
            return _photos(connection)

    def wait_for(self, number: int) -> None:
        """Return when there are so many photos."""
        self.studio.wait_until(lambda connection: _photos(connection) >= number)


def _photos(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(PhotoRow)).scalar_one()


@contextmanager
def _desk(options: Options) -> Iterator[_Desk]:
    studio = Studio()
    try:
        data = options.folder / studio.folder.name
        data.mkdir()
        studio.data.symlink_to(data)
        with studio.config_file.open("a", encoding="utf-8") as settings:
            settings.write("[ingest]\ndecoders = 1\n")
        studio.fill()
        studio.start()
        yield _Desk(studio, studio.mountpoint / "anna" / studio.new_job())
    finally:
        studio.remove()


def _ingest(options: Options) -> Iterator[Pair]:
    wanted, names = _wanted(), count(1)
    pyvips.voperation.cache_set_max(0)
    pictures = large(options)
    with _desk(options) as desk:
        while True:
            sent = list(islice(pictures, _PHOTOS))
            desk.pause(paused=True)
            for data in sent:
                desk.send(f"P{next(names):05}.JPG", data)
            goal = desk.photos() + _PHOTOS
            began = monotonic()
            desk.pause(paused=False)
            desk.wait_for(goal)
            between = monotonic()
            for data in sent:
                peers.vips_cascade(data, wanted)
            yield Pair(between - began, monotonic() - between)


def _latency(options: Options) -> Iterator[Pair]:
    wanted, names = _wanted(), count(1)
    with _desk(options) as desk:
        for data in large(options):
            goal = desk.photos() + 1
            desk.send(f"P{next(names):05}.JPG", data)
            began = monotonic()
            desk.wait_for(goal)
            between = monotonic()
            peers.bare_pillow(data, wanted)
            yield Pair(between - began, monotonic() - between)


def _memory(options: Options) -> Iterator[Pair]:
    names, decoded = count(1), math.prod(LARGE) * 3 / 2**20
    pictures = large(options)
    with _desk(options) as desk:
        while True:
            goal = desk.photos() + _PHOTOS
            for data in islice(pictures, _PHOTOS):
                desk.send(f"P{next(names):05}.JPG", data)
            desk.wait_for(goal)
            held = [one.peak for one in memory.of(desk.studio) if one.name in {"worker", "decoder"}]
            yield Pair(sum(held) - _GROUND, decoded)


FIGURES = (
    Figure(
        name="rendering", what="renditions of a 24 MP JPEG, CPU time in one process",
        against="a warm libvips cascade with the same sizes and settings of the encoder",
        unit="s", goal=1.0, is_speed=True, turns=_rendering,
    ),
    Figure(
        name="ingest", what=f"{_PHOTOS} received 24 MP JPEGs to photos, one decoder",
        against="a warm libvips cascade in one process, which only renders",
        unit="s", goal=0.9, is_speed=True, turns=_ingest,
    ),
    Figure(
        name="latency-p50", what="close answered to photo recorded, 24 MP, idle studio",
        against="decoding and encoding by bare Pillow",
        unit="s", goal=1.3, is_speed=False, turns=_latency,
    ),
    Figure(
        name="latency-p99", what="close answered to photo recorded, 24 MP, idle studio",
        against="decoding and encoding by bare Pillow",
        unit="s", goal=2.0, is_speed=False, rank=99, fewest=30, turns=_latency,
    ),
    Figure(
        name="ingest-memory",
        what=f"highest memory of a worker and its decoder, less {_GROUND} MiB",
        against="the decoded size of a 24 MP picture",
        unit="MiB", goal=1.5, is_speed=False, turns=_memory,
    ),
)  # fmt: skip
