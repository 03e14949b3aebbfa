"""Decoding from the worker's side: processes that are kept warm, limited, and killed when they hang.

There are as many as the settings say. When one ends, for whatever reason, its successor begins at once and
not with the next picture; the others go on meanwhile.
"""

import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from logging import getLogger

import trio

from jobfs import metrics
from jobfs.config import IngestConfig, Rendition
from jobfs.ingest import failing, handover, messages
from jobfs.ingest.confinement import Layer
from jobfs.ingest.messages import DecodeRequest, DescribeRequest, MalformedError, Request
from jobfs.ingest.outcomes import Outcome, Wanted
from jobfs.ingest.refusals import DecoderStartError

log = getLogger(__name__)

#: Pictures after which a process is replaced: memory that libraries have lost is given back.
PICTURES = 200
#: What runs in a decoder, loaded there and not here: this process has no use for its libraries.
_PROGRAM = "jobfs.ingest.child"
#: Bytes of the pieces that Pillow keeps a picture in: small ones fit into whatever room others have left.
#: Source: Pillow's handbook, "Block Allocator".
BLOCK = "1m"
#: Seconds until another is begun when one has not even begun to work.
_PAUSE = 1.0

#: How many decoders were followed by another: after PICTURES, because they were too slow or talked nonsense,
#: or because they ended by themselves.
_RESTARTS = {how: metrics.DECODER_RESTARTS.of(how) for how in ("worn", "killed", "died")}


class _Process:
    """One decoder; *layers* is what confines it, *pid* its process."""

    def __init__(self, process: trio.Process, connection: trio.socket.SocketType) -> None:
        self._process = process
        self._connection = connection
        self.pid = process.pid
        self.layers: frozenset[Layer] = frozenset()
        self.is_back = trio.Event()  # when it may be asked again
        self.was_killed = False

    @classmethod
    async def begin(cls, memory: int) -> "_Process":
        """Start a decoder and wait until it is ready; raises DecoderStartError."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno()), str(memory)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                start_new_session=True,  # see _give_way in its program
                # and nothing else: the worker's own environment may hold secrets
                env={"PYTHONPATH": os.pathsep.join(sys.path), "PILLOW_BLOCK_SIZE": BLOCK},
            )  # fmt: skip
        begun = cls(process, trio.socket.from_stdlib_socket(ours))
        try:
            await begun._greeted()
        except BaseException:
            await begun.end()
            raise
        return begun

    async def _greeted(self) -> None:
        message = await handover.receive(self._connection)
        if message is None:
            raise DecoderStartError(await self.how_it_ended())
        self.layers = messages.greeted(message)

    async def hand(self, asked: Request, descriptor: int) -> bool:
        """Give it a request; false if it has ended before."""
        if self._process.returncode is not None:
            return False
        try:
            await handover.send(self._connection, messages.request(asked), descriptor)
        except OSError:
            return False
        return True

    async def answer(self, asked: Request) -> Outcome:
        """Return what it has found, or how it ended."""
        try:
            message = await handover.receive(self._connection)
            if message is not None:
                outcome = messages.answered(message, asked)
                self.is_back.set()
                return outcome
        except MalformedError as error:
            self.kill()
            return failing.unsafe(f"its decoder was ended: {error}")
        cause = f"its decoder ended {await self.how_it_ended()}"
        if self._process.returncode == -signal.SIGXCPU:
            return failing.too_slow(timedelta(seconds=asked.seconds), cause)
        return failing.unsafe(cause)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self.was_killed = True
        self._process.kill()

    async def wait(self) -> None:
        """Return when it has ended."""
        await self._process.wait()

    async def how_it_ended(self) -> str:
        """Wait for its end and say how that came."""
        code = await self._process.wait()
        return f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"

    async def end(self) -> None:
        """Leave nothing of it behind."""
        with trio.CancelScope(shield=True):
            self._connection.close()
            self._process.kill()
            await self._process.wait()


class Decoders:
    """Processes that decode, as many as the settings say; who finds none free waits for his turn."""

    def __init__(self, config: IngestConfig, renditions: Mapping[str, Rendition]) -> None:
        self._config = config
        self._wanted = tuple(
            Wanted(name=name, edge=rendition.edge, quality=rendition.quality)
            for name, rendition in renditions.items()
        )
        self._offered, self._free = trio.open_memory_channel[_Process](0)
        self._processes: dict[int, _Process] = {}

    @property
    def pids(self) -> list[int]:
        """The processes that are ready or at work."""
        return list(self._processes)

    @property
    def layers(self) -> frozenset[Layer]:
        """What confines every one of them."""
        each = [process.layers for process in self._processes.values()]
        return frozenset(Layer).intersection(*each) if each else frozenset()

    async def decode(self, descriptor: int) -> Outcome:
        """Decode the open file behind *descriptor*; being cancelled kills the process at work."""
        request = DecodeRequest(
            wanted=self._wanted, pixel_limit=self._config.pixel_limit, seconds=self._seconds
        )
        return await self._ask(request, descriptor)

    async def describe(self, descriptor: int) -> Outcome:
        """Read the sidecar behind *descriptor*; as `decode`."""
        return await self._ask(DescribeRequest(seconds=self._seconds), descriptor)

    @property
    def _seconds(self) -> int:
        return math.ceil(self._config.time_limit.total_seconds())

    async def _ask(self, asked: Request, descriptor: int) -> Outcome:
        while True:
            process = await self._free.receive()
            try:
                if await process.hand(asked, descriptor):
                    return await self._answer(process, asked)
            except BaseException:  # nobody must hear an answer to what another has asked
                process.kill()
                raise

    async def _answer(self, process: _Process, asked: Request) -> Outcome:
        seconds = self._config.time_limit.total_seconds()
        with trio.move_on_after(seconds):
            return await process.answer(asked)
        process.kill()
        return failing.too_slow(self._config.time_limit)

    async def keep(
        self, scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Have the processes until *scope* is cancelled; started when every one is ready.

        Raises DecoderStartError if one cannot begin. Later that is logged, and tried again.
        """
        with scope:
            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as starting:
                    for _ in range(self._config.decoders):
                        starting.start_soon(nursery.start, self._keep_one)
                task_status.started()

    async def _keep_one(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Have a process, and another when it ends."""
        process = await _Process.begin(self._config.memory_limit)
        while True:
            with self._listed(process):
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED
                how = await self._offer(process)
            _RESTARTS[how].add()
            process = await self._successor()

    @contextmanager
    def _listed(self, process: _Process) -> Iterator[None]:
        self._processes[process.pid] = process
        try:
            yield
        finally:
            del self._processes[process.pid]

    async def _offer(self, process: _Process) -> str:
        """Let a process be asked until it ends or is worn out; return which."""
        worn = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at_end, process, nursery.cancel_scope)
                for _ in range(PICTURES):
                    process.is_back = trio.Event()
                    await self._offered.send(process)
                    await process.is_back.wait()
                worn = True
                nursery.cancel_scope.cancel()
        finally:
            await process.end()
        return "worn" if worn else "killed" if process.was_killed else "died"

    async def _successor(self) -> _Process:
        while True:
            try:
                return await _Process.begin(self._config.memory_limit)
            except (DecoderStartError, MalformedError) as error:
                log.warning("%s", error)
                _RESTARTS["died"].add()
                await trio.sleep(_PAUSE)


async def _cancel_at_end(process: _Process, scope: trio.CancelScope) -> None:
    await process.wait()
    scope.cancel()


@asynccontextmanager
async def open_decoders(
    config: IngestConfig, renditions: Mapping[str, Rendition]
) -> AsyncIterator[Decoders]:
    """Give decoders that run while the block does, every one ready from the beginning.

    They outlast a cancellation until the block ends: pictures under way may be decoded to their end.
    """
    decoders = Decoders(config, renditions)
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        await nursery.start(decoders.keep, scope)
        scope.shield = True
        _report(decoders.layers)
        try:
            yield decoders
        finally:
            scope.cancel()


def _report(active: frozenset[Layer]) -> None:
    """Log what confines decoders, and what this kernel lacks or refuses for it."""
    log.info("decoders are confined by %s", ", ".join(sorted(active)) or "their rights and limits")
    if lacking := sorted(frozenset(Layer) - active):
        log.warning(
            "decoders go without %s: the kernel has it not or refuses it", ", ".join(lacking)
        )
