"""Decoding from the worker's side: processes that are kept warm, limited, and killed when they hang."""

import math
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from logging import getLogger
from typing import TypeVar

import trio
from trio_parallel import BrokenWorkerError, WorkerContext, open_worker_context

from jobfs.config import IngestConfig, Rendition
from jobfs.ingest import child
from jobfs.ingest.confinement import Layer
from jobfs.ingest.handover import Counter, open_counter
from jobfs.ingest.outcomes import Broken, Outcome, Wanted

log = getLogger(__name__)

T = TypeVar("T")

#: Seconds that idle processes have to end by themselves.
GRACE = 5.0


class Decoders:
    """Processes that decode; as many at once as the settings say, the others wait for their turn."""

    def __init__(
        self,
        context: WorkerContext,
        counter: Counter,
        config: IngestConfig,
        renditions: Mapping[str, Rendition],
    ) -> None:
        self._context = context
        self._counter = counter
        self._config = config
        self._wanted = tuple(
            Wanted(name=name, edge=rendition.edge, quality=rendition.quality)
            for name, rendition in renditions.items()
        )
        self._limiter = trio.CapacityLimiter(config.decoders)

    async def warm_up(self) -> None:
        """Start every process, so that the first picture need not wait for it; log what confines it."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._config.decoders):
                nursery.start_soon(self.run, child.layers)
        _report(await self.run(child.layers))

    async def decode(self, descriptor: int) -> Outcome:
        """Decode the open file behind *descriptor*; being cancelled kills the process at work."""
        with self._counter.ticket(descriptor) as ticket:
            return await self._ask(ticket)

    async def _ask(self, ticket: bytes) -> Outcome:
        seconds = self._config.time_limit.total_seconds()
        decode = partial(
            child.decode, ticket, self._wanted,
            pixel_limit=self._config.pixel_limit, seconds=math.ceil(seconds),
        )  # fmt: skip
        with trio.move_on_after(seconds):
            try:
                return await self.run(decode)
            except BrokenWorkerError as death:
                return Broken(reason=f"its decoder ended {_how(death)}")
        return Broken(reason=f"its decoder took longer than {seconds:.0f} seconds")

    async def run(self, function: Callable[[], T]) -> T:
        """Return what *function* returns in a decoder."""
        result: T = await self._context.run_sync(
            function, kill_on_cancel=True, limiter=self._limiter
        )
        return result


@asynccontextmanager
async def open_decoders(
    config: IngestConfig, renditions: Mapping[str, Rendition]
) -> AsyncIterator[Decoders]:
    """Give decoders that run while the block does."""
    limits = child.Limits(memory=config.memory_limit)
    async with (
        open_counter() as counter,
        _processes(partial(child.prepare, limits, counter.address)) as context,
    ):
        yield Decoders(context, counter, config, renditions)


@asynccontextmanager
async def _processes(prepare: Callable[[], None]) -> AsyncIterator[WorkerContext]:
    try:
        async with open_worker_context(
            idle_timeout=math.inf, init=prepare, retire=child.is_worn_out, grace_period=GRACE
        ) as context:
            yield context
    except BrokenWorkerError as death:  # one that had nothing to do; its successor will
        log.warning("a decoder ended %s while it was idle", _how(death))


def _how(death: BrokenWorkerError) -> str:
    """Say how a process ended; negative exit codes are signals."""
    code = death.args[-1].exitcode
    return f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def _report(active: frozenset[Layer]) -> None:
    """Log what confines decoders, and what this kernel lacks or refuses for it."""
    log.info("decoders are confined by %s", ", ".join(sorted(active)) or "their rights and limits")
    if lacking := sorted(frozenset(Layer) - active):
        log.warning(
            "decoders go without %s: the kernel has it not or refuses it", ", ".join(lacking)
        )
