"""What an upload costs, counted: no count here depends on the machine, on its load or on a clock.

One file is sent by OpenSSH's `sftp put` over a connection of its own. How often the kernel asks for
directories is left out: it remembers them for a moment, so that depends on time. So are the pages that a
transaction writes: they depend on what is in the database.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from jobfs.catalog.schema import RoleRow, TaskRow, UploadRow
from jobfs.tree.versions import SECOND_CLOSE
from tests.bench import sources
from tests.bench.comparing import Options
from tests.bench.sending import send
from tests.bench.sides import Durability, JobfsSide, jobfs_side
from tests.bench.sources import KB, MB, Load
from tests.bench.tracing import Trace, traced
from tests.served.studio import until

#: Bytes that OpenSSH's client sends at once to a server that allows it, since 8.7, and sftp-server writes at
#: once. The kernel passes on up to 1 MiB in one request, as handles are `direct_io`: pages do not count.
_PACKET = 261_120
#: Requests for what the kernel remembers, or forgets.
_NAMES = {"lookup", "getattr", "forget"}
_SIZES = {"small": 60 * KB, "large": 5 * MB}


@pytest.fixture(scope="module", params=["process", "power"])
def side(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobfsSide]:
    """A studio whose workers pause."""
    folder = tmp_path_factory.mktemp(request.param)
    with jobfs_side(Options(corpus=None, folder=folder, pairs=0), durability=request.param) as side:
        send(
            side, [_load(folder, 10 * KB)]
        )  # a first upload makes connections, and looks for the quota
        yield side


@pytest.fixture
def durability(side: JobfsSide) -> Durability:
    return "power" if "power" in side.studio.config_file.read_text() else "process"


@pytest.fixture(params=list(_SIZES.values()), ids=list(_SIZES))
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Load:
    """One JPEG."""
    return _load(tmp_path, request.param)


def _load(folder: Path, size: int) -> Load:
    return sources.loads(Options(corpus=None, folder=folder, pairs=0), number=1, size=size)[0]


@pytest.fixture
def trace(side: JobfsSide, load: Load) -> Trace:
    """What the mount did while the JPEG was sent, until ingest may begin.

    Sent again if the mount has recorded meanwhile that it lives, which it does now and then; or if the
    machine was so slow that ingest might have begun before the handle was released.
    """
    mount = side.studio.role("mount")
    while True:
        before = _sign_of_life(side, mount)
        with traced(mount) as trace:
            send(side, [load])
            until(lambda: _is_over(side))
        if _sign_of_life(side, mount) == before and _may_begin(side):
            return trace


def _sign_of_life(side: JobfsSide, mount: int) -> object:
    with side.studio.catalog.reading() as connection:
        return connection.scalar(select(RoleRow.seen_at).where(RoleRow.pid == mount))


def _is_over(side: JobfsSide) -> bool:
    return _may_begin(side) or _received(side)[0] + SECOND_CLOSE < datetime.now(UTC)


def _may_begin(side: JobfsSide) -> bool:
    """Whether the release has let ingest begin."""
    received, not_before = _received(side)
    return not_before < received + SECOND_CLOSE


def _received(side: JobfsSide) -> tuple[datetime, datetime]:
    """Return when the newest upload was received, and from when on it may be ingested."""
    query = select(UploadRow.judged_at, TaskRow.not_before).join(
        TaskRow, TaskRow.upload_id == UploadRow.id
    )
    with side.studio.catalog.reading() as connection:
        newest = connection.execute(query.order_by(UploadRow.id.desc())).first()
    assert newest is not None
    assert newest.judged_at is not None
    return newest.judged_at, newest.not_before


def _name(load: Load) -> str:
    [file] = load.folder.iterdir()
    return file.name


def _writes(load: Load) -> int:
    return -(-load.size // _PACKET)


def test_the_kernel_asks_for_nothing_but_what_an_upload_is(trace: Trace, load: Load) -> None:
    asked = {kind: times for kind, times in trace.requests.items() if kind not in _NAMES}

    assert asked == {"create": 1, "write": _writes(load), "flush": 1, "release": 1}


def test_the_kernel_looks_for_the_name_once(trace: Trace, load: Load) -> None:
    assert trace.looks[_name(load)] == 1


def test_a_file_takes_three_transactions(trace: Trace) -> None:
    """That it is begun, that it is received, and, when its client waits no more, that ingest may begin."""
    assert trace.commits == 3


def test_received_bytes_and_their_record_are_waited_for_once(
    trace: Trace, durability: Durability
) -> None:
    expected = {"power": {"blob": 1, "folder": 1, "log": 1}, "process": {}}

    assert trace.syncs == expected[durability]


def test_bytes_are_written_as_they_come(trace: Trace, load: Load) -> None:
    assert trace.places["pwrite64", "blob"] == _writes(load)
    assert trace.moved["pwrite64", "blob"] == load.size
    assert trace.places["writev", "kernel"] == trace.requests.total() - trace.requests["forget"]
