"""What a studio needs: the figures of docs/sizing.md, measured on a real one.

`python -m tests.bench.sizing`, as root; `--help` says what can be chosen.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from os import getloadavg
from pathlib import Path
from time import monotonic

from PIL import Image
from sqlalchemy import func, select

from jobfs.catalog.engine import Connection
from jobfs.catalog.schema import TaskRow
from tests.bench import memory
from tests.conftest import running_postgresql
from tests.served.clients import environment, sftp_command
from tests.served.studio import Studio

MEGA = 1_000_000
#: Pictures of 24 megapixels in a run; small ones, for what does not depend on their size.
LARGE, SMALL, FEW = 24, 200, 50


def main() -> None:
    """Measure, and print a line for each figure."""
    asked = _arguments()
    server = running_postgresql() if asked.postgresql else nullcontext()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, server as postgresql:
        address = "" if postgresql is None else postgresql.new_database()
        database = address.replace("+psycopg", "")
        with _studio(Path(folder), database, asked.decoders) as studio:
            _measure(studio, Path(folder), asked.pictures)
    _say("load of the machine, last 5 minutes", f"{getloadavg()[1]:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sizing", description=__doc__)
    parser.add_argument(
        "--pictures", type=Path, help="a folder of 24-megapixel JPEGs, else made ones"
    )
    parser.add_argument(
        "--folder", type=Path, default="/var/tmp", help="where the studio's data is"
    )
    parser.add_argument("--decoders", type=int, default=2, help="[ingest] decoders")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    return parser.parse_args()


@contextmanager
def _studio(folder: Path, database: str, decoders: int) -> Iterator[Studio]:
    """Give a running studio whose data are in *folder*, and whose tasks wait."""
    studio = Studio(database=database)
    try:
        (folder / "data").mkdir()
        studio.data.symlink_to(folder / "data")
        with studio.config_file.open("a", encoding="utf-8") as settings:
            settings.write(f"[ingest]\ndecoders = {decoders}\n")
        studio.fill()
        studio.start()
        studio.jobfs("queue", "pause")
        yield studio
    finally:
        studio.remove()


def _measure(studio: Studio, folder: Path, pictures: Path | None) -> None:
    _say("memory, idle", _memory(studio))
    with studio.connected("anna"):
        _say("memory, one connection", _memory(studio))
    small = _small_pictures(folder / "small")
    empty = _database_bytes(studio)
    _send(studio, small, "small")
    _ingest(studio, SMALL, "small")
    _say("database, bytes a photo", f"{(_database_bytes(studio) - empty) / SMALL:,.0f}")
    large = _copies(pictures, folder / "large") if pictures else _grain(folder / "large")
    before = _used(studio.data / "renditions")
    _send(studio, large, "24 megapixels")
    _ingest(studio, LARGE, "24 megapixels")
    originals = _used(large) / LARGE / MEGA
    made = (_used(studio.data / "renditions") - before) / LARGE / MEGA
    _say("disk, MB a photo", f"original {originals:.2f}, renditions {made:.2f}")
    _say("memory, highest", _memory(studio))
    _send_at_once(studio, _small_pictures(folder / "few", FEW))


def _say(what: str, figure: str) -> None:
    print(f"{what}: {figure}", flush=True)  # noqa: T201 (that is its purpose)


def _send(studio: Studio, folder: Path, kind: str) -> None:
    """Send a folder with OpenSSH's sftp into a job of its own, while nothing is decoded."""
    size = _used(folder)
    number = len(list(folder.iterdir()))
    studio.jobfs("queue", "pause")
    job = studio.new_job()
    began = monotonic()
    _sftp(studio, folder, job)
    took = monotonic() - began
    _say(f"sftp, {kind}", f"{number / took:.1f} files/s, {size / took / MEGA:.1f} MB/s")


def _sftp(studio: Studio, folder: Path, job: str) -> None:
    subprocess.run(
        sftp_command(studio, "-b", "-"), input=f'cd "{job}"\nput -rp *\n', text=True, cwd=folder,
        env=environment(studio), stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def _send_at_once(studio: Studio, folder: Path) -> None:
    """Send a folder by four connections at once, each into a job of its own."""
    studio.jobfs("queue", "pause")
    jobs = [studio.new_job() for _ in range(4)]
    began = monotonic()
    with ThreadPoolExecutor(len(jobs)) as photographers:
        list(photographers.map(partial(_sftp, studio, folder), jobs))
    took = monotonic() - began
    _say(f"sftp, small, {len(jobs)} at once", f"{FEW * len(jobs) / took:.1f} files/s")


def _ingest(studio: Studio, number: int, kind: str) -> None:
    """Let the worker make photos of everything that was sent."""
    began = monotonic()
    studio.jobfs("queue", "resume")
    while left := _left(studio):
        studio.wait_until(_fewer_than(left))
    took = monotonic() - began
    _say(f"ingest, {kind}", f"{number / took:.2f} photos/s, {took / number:.3f} s each")


def _left(studio: Studio) -> int:
    with studio.catalog.reading() as connection:
        return _tasks(connection)


def _fewer_than(number: int) -> Callable[[Connection], bool]:
    def is_so(connection: Connection) -> bool:
        return _tasks(connection) < number

    return is_so


def _tasks(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(TaskRow)).scalar_one()


def _memory(studio: Studio) -> str:
    """Return what every process holds, in MiB: the highest, now, and without what it shares."""
    return ", ".join(str(held) for held in memory.of(studio))


def _database_bytes(studio: Studio) -> int:
    with studio.catalog.reading() as connection:
        if studio.catalog.is_sqlite:
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {what}").scalar_one()
                for what in ("page_count", "page_size")
            )
            return int(pages * size)
        query = select(func.pg_database_size(func.current_database()))
        return int(connection.execute(query).scalar_one())


def _used(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _copies(pictures: Path, folder: Path) -> Path:
    """Fill a folder from *pictures*, each one several times: every copy is a photo of its own."""
    folder.mkdir()
    found = sorted(pictures.iterdir())
    for number in range(LARGE):
        copy = folder / f"P{number:04}.JPG"
        shutil.copyfile(found[number % len(found)], copy)
    return folder


def _grain(folder: Path) -> Path:
    """Fill a folder with pictures of 24 megapixels and grain, as heavy as those of cameras."""
    folder.mkdir()
    light = Image.linear_gradient("L").resize((6000, 4000))
    picture = Image.merge("RGB", [light, light.rotate(180), Image.effect_noise((6000, 4000), 18)])
    for number in range(LARGE):
        picture.save(folder / f"P{number:04}.JPG", quality=88 + number % 3)
    return folder


def _small_pictures(folder: Path, count: int = SMALL) -> Path:
    folder.mkdir()
    for number in range(count):
        picture = Image.effect_noise((640, 480), 20 + number % 50).convert("RGB")
        picture.save(folder / f"P{number:04}.JPG")
    return folder


if __name__ == "__main__":
    main()
