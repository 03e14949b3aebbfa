"""What an operation costs as a directory, the database, or the number of connections grows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import count, cycle
from pathlib import Path
from time import monotonic

from tests.bench import crowd, kept, scale, sources
from tests.bench.comparing import Options
from tests.bench.crowd import Size
from tests.bench.growing import Curve, Round
from tests.bench.listing import Client
from tests.bench.sending import Side, send
from tests.bench.sides import FolderSide, JobfsSide, jobfs_side, plain_side
from tests.bench.sources import KB, MB
from tests.served.studio import Studio

#: Operations in a turn at one size, few beside the smallest.
_FILES, _LOOKS = 50, 100
_MILLISECONDS = 1000

_numbers = count(1)


# --- single operations, in milliseconds of one ---


def _listed(client: Client, place: str, number: int) -> float:
    """Return what each file costs of `ls -l` over SFTP."""
    began = monotonic()
    lines = client.ask(f'ls -l "{place}"')
    took = monotonic() - began
    assert len([line for line in lines if ".JPG" in line]) == number, lines[:3]
    return took * _MILLISECONDS / number


def _looked_up(files: Sequence[Path]) -> float:
    """Return what a stat costs of files that nobody has looked at for a moment: see decision 0015."""
    began = monotonic()
    for file in files:
        file.stat()
    return (monotonic() - began) * _MILLISECONDS / len(files)


def _created(folder: Path) -> float:
    """Return what it costs to create, write and close a file; the files are deleted again."""
    number, data = next(_numbers), scale.picture()
    files = [folder / f"N{number:04}_{file:03}.JPG" for file in range(_FILES)]
    began = monotonic()
    for file in files:
        file.write_bytes(data)
    took = monotonic() - began
    for file in files:
        file.unlink()
    return took * _MILLISECONDS / _FILES


def _spread(names: Sequence[str]) -> list[str]:
    """Return as many names as are looked up, from the whole list."""
    return list(names[:: max(1, len(names) // _LOOKS)][:_LOOKS])


def _orders(sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    """Give the order of each round, for ever: up and down in turns, so that no size is always the first."""
    yield from cycle((tuple(sizes), tuple(reversed(sizes))))


# --- files in a directory ---


def _files(options: Options, sizes: Sequence[int]) -> Iterator[Round]:
    with (
        jobfs_side(options) as ours,
        plain_side(options, ours) as theirs,
        closing(Client(ours.login)) as here,
        closing(Client(theirs.login)) as there,
    ):
        names = {size: _directories(ours, theirs, size) for size in sizes}
        mounted = ours.studio.mountpoint / "anna"
        for order in _orders(sizes):
            sides = ((here, mounted), (there, theirs.folder("")))
            jobfs, plain = (_of_directories(*side, names, order) for side in sides)
            yield _lines({"jobfs": jobfs, "plain": plain})


def _directories(ours: JobfsSide, theirs: FolderSide, size: int) -> tuple[str, list[str]]:
    """Make a directory of so many photos on both sides; return its name and theirs."""
    place = ours.fresh()
    names = crowd.add_photos(ours.studio.catalog, place, size)
    assert theirs.fresh() == place
    for name in names:
        (theirs.folder(place) / name).write_bytes(b"small")
    return place, names


def _of_directories(
    client: Client,
    root: Path,
    names: Mapping[int, tuple[str, list[str]]],
    order: Sequence[int],
) -> dict[int, dict[str, float]]:
    """Measure in each directory; once more before, since who is first wakes a side that had nothing to do."""
    _of_files(client, root, *names[order[0]])
    return {size: _of_files(client, root, *names[size]) for size in order}


def _of_files(client: Client, root: Path, place: str, names: Sequence[str]) -> dict[str, float]:
    folder = root / place
    return {
        "lookup": _looked_up([folder / name for name in _spread(names)]),
        "list": _listed(client, place, len(names)),
        "create + close": _created(folder),
    }


def _lines(sides: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Round:
    """Return costs by side, size and operation as lines, each the operation of one side."""
    return {
        f"{operation}, {side}": {size: costs[operation] for size, costs in found.items()}
        for side, found in sides.items()
        for operation in next(iter(found.values()))
    }


# --- what a studio has ---


def _photos(options: Options, sizes: Sequence[int]) -> Iterator[Round]:
    """Measure in a directory that stays as it is, of studios with more and more photos in 100 jobs."""
    yield from _studios(options, {size: _with_photos(size) for size in sizes})


def _with_photos(number: int) -> Size:
    return Size(jobs=100, planned=10, photos=number // 100, accounts=10)


def _jobs(options: Options, sizes: Sequence[int]) -> Iterator[Round]:
    """Measure in studios with more and more jobs, ten of them planned: a photographer sees no others."""
    yield from _studios(options, {size: _with_jobs(size) for size in sizes})


def _with_jobs(number: int) -> Size:
    return Size(jobs=number, planned=10, photos=0, accounts=10)


def _studios(options: Options, sizes: Mapping[int, Size]) -> Iterator[Round]:
    with ExitStack() as stack:
        studios = {
            number: stack.enter_context(kept.studio_with(options, size))
            for number, size in sizes.items()
        }
        files = {number: _started(studio) for number, studio in studios.items()}
        for order in _orders(list(sizes)):
            found = {number: _of_studio(studios[number], files[number]) for number in order}
            yield _lines({"jobfs": found})


def _started(studio: Studio) -> list[Path]:
    """Start a studio; return files to look at, made if they are not there yet."""
    studio.start()
    folder = studio.mountpoint / "anna" / kept.JOB
    files = [folder / f"looked-at-{number:03}.JPG" for number in range(_LOOKS)]
    for file in files:
        if not file.exists():
            file.write_bytes(scale.picture())
    return files


def _of_studio(studio: Studio, files: Sequence[Path]) -> dict[str, float]:
    return {
        "lookup": _looked_up(files),
        "login + list jobs": scale.login(studio) * _MILLISECONDS / scale.LOGINS,
        "create + close": _created(files[0].parent),
    }


# --- connections ---


def _connections(options: Options, sizes: Sequence[int]) -> Iterator[Round]:
    """Measure a file's share of the time until the last of so many sftp has sent as much as every other."""
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        for order in _orders(sizes):
            jobfs = {size: _of_connections(options, ours, size) for size in order}
            plain = {size: _of_connections(options, theirs, size) for size in order}
            yield _lines({"jobfs": jobfs, "plain": plain})


def _of_connections(options: Options, side: Side, number: int) -> dict[str, float]:
    small, large = (20, 2) if options.quick else (200, 10)
    return {
        "file of 60 KB": _sent(options, side, number, files=small, size=60 * KB),
        "file of 5 MB": _sent(options, side, number, files=large, size=5 * MB),
    }


def _sent(options: Options, side: Side, connections: int, *, files: int, size: int) -> float:
    loads = sources.loads(options, connections=connections, number=files, size=size)
    return send(side, loads).seconds * _MILLISECONDS / (connections * files)


CURVES = (
    Curve(
        name="cost-files", axis="files in the directory",
        what=f"ls -l over SFTP, for each file; a stat; create, write and close of {_FILES} files"
        " more; jobfs, and a plain directory",
        sizes=(100, 1000, 5000, 20_000), quick_sizes=(100, 1000, 5000), rounds=_files,
    ),
    Curve(
        name="cost-photos", axis="photos in the database",
        what="login with a listing of the jobs; a stat; create, write and close of a file; in a job"
        f" of {_LOOKS} files, one of 100 jobs",
        sizes=(1000, 10_000, 100_000, 1_000_000), quick_sizes=(1000, 10_000, 100_000),
        rounds=_photos,
    ),
    Curve(
        name="cost-jobs", axis="jobs, ten of them planned",
        what="the same, with no photos in the other jobs",
        sizes=(10, 100, 1000, 10_000), quick_sizes=(10, 100, 1000), rounds=_jobs,
    ),
    Curve(
        name="cost-connections", axis="connections that send at once",
        what="time until the last has ended, logins among it, over all files; jobfs, and a plain"
        " directory",
        sizes=(1, 2, 4, 8, 16), quick_sizes=(1, 2, 4, 8), rounds=_connections,
    ),
)  # fmt: skip
