"""How fast files arrive: jobfs against the same sshd over a plain directory.

Ingest pauses in all of these figures but one, since photos are made with whatever time is left, and that
is a figure of its own. What a client waits for is measured to the end of its command.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tests.bench import sources
from tests.bench.comparing import Figure, Options, Pair
from tests.bench.line import line
from tests.bench.sending import Side, Took, send
from tests.bench.servers import PEERS, Peer
from tests.bench.sides import WorkingSide, jobfs_side, plain_side
from tests.bench.sources import KB, MB, Load


def large(options: Options, *, connections: int = 1) -> list[Load]:
    """Return what most figures send: 100 files of 5 MB, shared out to so many connections."""
    number = 20 if options.quick else 100
    return sources.loads(
        options, connections=connections, number=number // connections, size=5 * MB
    )


def small(options: Options) -> list[Load]:
    """Return 2,000 files of 60 KB."""
    return sources.loads(options, number=1000 if options.quick else 2000, size=60 * KB)


def crowd(options: Options) -> list[Load]:
    """Return 50 files of 5 MB for each of eight connections."""
    return sources.loads(options, connections=8, number=10 if options.quick else 50, size=5 * MB)


def pairs(
    ours: Side, theirs: Side, loads: Sequence[Load], *, their_put: str = "put"
) -> Iterator[Pair]:
    """Send the loads to one side after the other, for ever."""
    while True:
        us, them = send(ours, loads), send(theirs, loads, put=their_put)
        yield Pair(us.seconds, them.seconds, cpu=_both(us, them))


def _both(us: Took, them: Took) -> tuple[float, float] | None:
    return None if us.cpu is None or them.cpu is None else (us.cpu, them.cpu)


def _large(options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        yield from pairs(ours, theirs, large(options))


def _working(options: Options) -> Iterator[Pair]:
    with jobfs_side(options, kind=WorkingSide) as ours, plain_side(options, ours) as theirs:
        yield from pairs(ours, theirs, large(options))


def _durable(options: Options) -> Iterator[Pair]:
    with jobfs_side(options, durability="power") as ours, plain_side(options, ours) as theirs:
        yield from pairs(ours, theirs, large(options), their_put="put -f")


def _small(options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        yield from pairs(ours, theirs, small(options))


def _parallel(options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours, plain_side(options, ours) as theirs:
        yield from pairs(ours, theirs, crowd(options))


def _slowest(options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours:
        while True:
            took = send(ours, crowd(options))
            yield Pair(max(took.each), sum(took.each) / len(took.each))


def _wan(options: Options) -> Iterator[Pair]:
    with (
        line() as far,
        jobfs_side(options, hosts=[far.here]) as ours,
        plain_side(options, ours, hosts=[far.here]) as theirs,
    ):
        for side in (ours, theirs):
            side.login = replace(side.login, host=far.here, through=far.through)
        yield from pairs(ours, theirs, large(options, connections=2))


def _peer(peer: Peer, options: Options) -> Iterator[Pair]:
    with jobfs_side(options) as ours, peer(options, ours) as theirs:
        yield from pairs(ours, theirs, large(options))


FIGURES = (
    Figure(
        name="upload-large",
        what='100 files of 5 MB by one sftp, durability "process", ingest paused',
        against="the same sshd, accounts and client over a plain directory of the same disk",
        unit="s", goal=0.95, is_speed=True, turns=_large,
    ),
    Figure(
        name="upload-working",
        what="upload-large while photos are made of what comes, and of what is left from the turns before",
        against="the same sshd, accounts and client over a plain directory, and nobody else at work",
        unit="s", goal=0.8, is_speed=True, turns=_working,
    ),
    Figure(
        name="upload-durable",
        what='100 files of 5 MB by one sftp, durability "power", ingest paused',
        against="the same over a plain directory, with fsync of each file (put -f)",
        unit="s", goal=0.95, is_speed=True, turns=_durable,
    ),
    Figure(
        name="upload-small",
        what='2,000 files of 60 KB by one sftp, durability "process", ingest paused',
        against="the same over a plain directory",
        unit="s", goal=0.8, is_speed=True, turns=_small,
    ),
    Figure(
        name="upload-parallel",
        what="50 files of 5 MB by each of eight sftp at once, until the last has ended, ingest paused",
        against="the same over a plain directory",
        unit="s", goal=0.95, is_speed=True, turns=_parallel,
    ),
    Figure(
        name="upload-parallel-slowest",
        what="the slowest of eight sftp at once, 50 files of 5 MB each, ingest paused",
        against="the mean of the eight",
        unit="s", goal=0.8, is_speed=True, turns=_slowest,
    ),
    Figure(
        name="upload-wan",
        what="100 files of 5 MB by two sftp at once over 100 Mbit/s and 40 ms, ingest paused",
        against="the same over a plain directory; the line is tests/bench/line.py",
        unit="s", goal=0.99, is_speed=True, turns=_wan,
    ),
    *(
        Figure(
            name=f"upload-peers-{name}",
            what='100 files of 5 MB by one sftp, durability "process", ingest paused',
            against=f"{name} with the same client and disk; see tests/bench/servers.py",
            unit="s", goal=1.0, is_speed=True, turns=partial(_peer, peer),
        )
        for name, peer in PEERS.items()
    ),
)  # fmt: skip
