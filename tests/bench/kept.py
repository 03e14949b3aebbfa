"""Studios whose data are made once in a run, however many figures use them; one at a time does."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobfs.catalog import tasks
from tests.bench import crowd
from tests.bench.comparing import Options
from tests.bench.crowd import Size
from tests.served.studio import Studio

#: The job that all of them have, see `Studio.fill`.
JOB = "PlainviewHSFall2026"


def crowded(options: Options) -> Size:
    """Return what a studio of a franchise has after years: 1,000,000 photos."""
    jobs = 1_000 if options.quick else 10_000
    return Size(jobs=jobs, planned=100, photos=100, accounts=198)


def empty(_options: Options) -> Size:
    """Return what a studio has on its first day."""
    return Size(jobs=10, planned=10, photos=0, accounts=0)


@contextmanager
def studio_with(options: Options, size: Size) -> Iterator[Studio]:
    """Give a studio that does not run yet, with anna, ben and what *size* adds; its workers pause.

    Durability is "process": waiting for the disk would hide what the size costs.
    """
    kept = options.folder / f"{size.jobs}-jobs-of-{size.photos}"
    is_new = not kept.exists()
    studio = Studio()
    try:
        studio.config_file.write_text(
            studio.config_file.read_text("utf-8").replace(
                "[jobfs]\n", '[jobfs]\ndurability = "process"\n'
            ),
            encoding="utf-8",
        )
        studio.home.rmdir()
        for folder in (kept, kept / "home", kept / "data"):
            folder.mkdir(mode=0o700, exist_ok=True)
        studio.home.symlink_to(kept / "home")
        studio.data.symlink_to(kept / "data")
        if is_new:
            _fill(studio, size)
        yield studio
    finally:
        studio.remove()


def _fill(studio: Studio, size: Size) -> None:
    studio.fill()
    crowd.fill(studio.catalog, size)
    with studio.catalog.writing() as connection:
        tasks.pause(connection)
    studio.catalog.dispose()  # a start would else read a log of a gigabyte
