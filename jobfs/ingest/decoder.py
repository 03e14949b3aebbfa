"""Decoding from the worker's side: processes that are kept warm, limited, and killed when they hang."""

import array
import math
import os
import secrets
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from logging import getLogger
from typing import TypeVar

import trio
from trio_parallel import BrokenWorkerError, WorkerContext, open_worker_context

from jobfs.config import IngestConfig, Rendition
from jobfs.ingest import child
from jobfs.ingest.outcomes import Broken, Outcome, Wanted

log = getLogger(__name__)

T = TypeVar("T")

#: Seconds that idle processes have to end by themselves.
GRACE = 5.0

_PEER = struct.Struct("iII")  # pid, uid, gid: struct ucred in unix(7)


class Decoders:
    """Processes that decode; as many at once as the settings say, the others wait for their turn."""

    def __init__(
        self, context: WorkerContext, config: IngestConfig, renditions: Mapping[str, Rendition]
    ) -> None:
        self._context = context
        self._config = config
        self._wanted = tuple(
            Wanted(name=name, edge=rendition.edge, quality=rendition.quality)
            for name, rendition in renditions.items()
        )
        self._limiter = trio.CapacityLimiter(config.decoders)

    async def warm_up(self) -> None:
        """Start every process, so that the first picture need not wait for it."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._config.decoders):
                nursery.start_soon(self.run, os.getpid)

    async def decode(self, descriptor: int) -> Outcome:
        """Decode the open file behind *descriptor*; being cancelled kills the process at work."""
        with _listener() as listener:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_hand_over, listener, descriptor)
                outcome = await self._ask(listener.getsockname())
                nursery.cancel_scope.cancel()
        return outcome

    async def _ask(self, address: bytes) -> Outcome:
        seconds = self._config.time_limit.total_seconds()
        decode = partial(
            child.decode, address, self._wanted,
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
    try:
        async with open_worker_context(
            idle_timeout=math.inf, init=partial(child.prepare, limits), retire=child.is_worn_out,
            grace_period=GRACE,
        ) as context:  # fmt: skip
            yield Decoders(context, config, renditions)
    except BrokenWorkerError as death:  # one that had nothing to do; its successor will
        log.warning("a decoder ended %s while it was idle", _how(death))


@contextmanager
def _listener() -> Iterator[trio.socket.SocketType]:
    """Give a socket at which a decoder fetches its file.

    Its name is no file's but an abstract one, which only those can connect to who know it or list
    /proc/net/unix; the latter are told from decoders by who they are.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0jobfs-decoder-{secrets.token_hex(16)}")
    listener.listen(1)
    with trio.socket.from_stdlib_socket(listener) as waiting:
        yield waiting


async def _hand_over(listener: trio.socket.SocketType, descriptor: int) -> None:
    """Give the open file to whoever decodes it."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    while True:
        decoder, _ = await listener.accept()
        with decoder, suppress(BrokenPipeError, ConnectionResetError):
            if _uid_of_peer(decoder) == child.identity():
                await decoder.sendmsg([b"\0"], rights)


def _uid_of_peer(connection: trio.socket.SocketType) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _pid, uid, _gid = _PEER.unpack(credentials)
    return int(uid)


def _how(death: BrokenWorkerError) -> str:
    """Say how a process ended; negative exit codes are signals."""
    code = death.args[-1].exitcode
    return f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
