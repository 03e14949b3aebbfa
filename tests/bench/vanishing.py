"""How soon a job that leaves `planned` is gone for somebody who is connected."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from time import monotonic

import paramiko
from sqlalchemy import update

from jobfs.catalog.schema import JobRow
from jobfs.domain.jobs import JobStatus
from tests.bench.comparing import Figure, Options, Pair
from tests.bench.kept import JOB
from tests.conftest import PostgreSQL, running_postgresql
from tests.served.studio import Studio, until

#: Of a job's leaving and coming back; each is a turn.
_SAMPLES = 100
_MILLISECONDS = 1000
_FILE = f"{JOB}/seen.txt"

Server = AbstractContextManager[PostgreSQL | None]


def _turns(server: Callable[[], Server]) -> Callable[[Options], Iterator[Pair]]:
    def turns(options: Options) -> Iterator[Pair]:
        with _studio(options, server()) as studio, studio.connected("anna") as client:
            client.putfo(BytesIO(b"seen"), _FILE)
            while True:
                _set_status(studio, JobStatus.PLANNED)
                until(lambda: _is_there(client, _FILE))
                client.listdir_attr(JOB)
                _set_status(studio, JobStatus.SELLING)
                began = monotonic()
                while _is_there(client, _FILE) or _is_there(client, JOB):
                    pass
                yield Pair((monotonic() - began) * _MILLISECONDS)

    return turns


@contextmanager
def _studio(options: Options, server: Server) -> Iterator[Studio]:
    with server as postgresql:
        database = "" if postgresql is None else postgresql.new_database().replace("+psycopg", "")
        studio = Studio(database=database)
        try:
            data = options.folder / studio.folder.name
            data.mkdir()
            studio.data.symlink_to(data)
            studio.fill()
            studio.start()
            yield studio
        finally:
            studio.remove()


def _set_status(studio: Studio, status: JobStatus) -> None:
    """Set the job's status as another program would, by SQL alone."""
    with studio.catalog.writing() as connection:
        changed = update(JobRow).where(JobRow.name == JOB).values(status=status.value)
        connection.execute(changed)


def _is_there(client: paramiko.SFTPClient, path: str) -> bool:
    try:
        client.stat(path)
    except FileNotFoundError:
        return False
    return True


def _figure(database: str, rank: int, server: Callable[[], Server]) -> Figure:
    return Figure(
        name=f"vanish-{database}-p{rank}", against=None, unit="ms", goal=100.0, rank=rank,
        what="a job's status committed to its file's and its directory's being gone for a client",
        fewest=_SAMPLES, turns=_turns(server),
    )  # fmt: skip


FIGURES = (
    _figure("sqlite", 50, nullcontext),
    _figure("sqlite", 99, nullcontext),
    _figure("postgresql", 50, running_postgresql),
    _figure("postgresql", 99, running_postgresql),
)
