"""How a decoder gets its files: opened by the worker, and handed over when it is asked to decode them."""

import array
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import trio

from jobfs.ingest import child

_PEER = struct.Struct("iII")  # pid, uid, gid: struct ucred in unix(7)
_TICKET = 16  # bytes, which nobody can guess


class Counter:
    """Where decoders fetch the files that they are asked to decode.

    They connect at their start, while they still can. The name to connect to is no file's but an abstract
    one: others who list /proc/net/unix are told from decoders by who they are, and a decoder gets only
    the file whose ticket it was given.
    """

    def __init__(self, listener: trio.socket.SocketType) -> None:
        self._listener = listener
        self.address: bytes = listener.getsockname()
        self._descriptors: dict[bytes, int] = {}
        self._open = trio.CancelScope(shield=True)  # pictures under way outlast a cancelled worker

    @contextmanager
    def ticket(self, descriptor: int) -> Iterator[bytes]:
        """Give a ticket for an open file, good for one time while the block runs."""
        ticket = secrets.token_bytes(_TICKET)
        self._descriptors[ticket] = descriptor
        try:
            yield ticket
        finally:
            self._descriptors.pop(ticket, None)

    async def serve(self) -> None:
        """Give open files to decoders until closed."""
        with self._open:
            async with trio.open_nursery() as nursery:
                while True:
                    decoder, _ = await self._listener.accept()
                    nursery.start_soon(self._serve_one, decoder)

    def close(self) -> None:
        """End serving."""
        self._open.cancel()

    async def _serve_one(self, decoder: trio.socket.SocketType) -> None:
        with decoder, suppress(OSError):
            if _uid_of_peer(decoder) != child.identity():
                return
            while ticket := await decoder.recv(_TICKET):
                descriptor = self._descriptors.pop(ticket, None)
                if descriptor is None:
                    return
                await _give(decoder, descriptor)


@asynccontextmanager
async def open_counter() -> AsyncIterator[Counter]:
    """Give a counter that serves while the block runs."""
    with _listener() as listener:
        counter = Counter(listener)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(counter.serve)
            try:
                yield counter
            finally:
                counter.close()


@contextmanager
def _listener() -> Iterator[trio.socket.SocketType]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0jobfs-decoders-{secrets.token_hex(16)}")
    listener.listen()
    with trio.socket.from_stdlib_socket(listener) as waiting:
        yield waiting


async def _give(decoder: trio.socket.SocketType, descriptor: int) -> None:
    """Hand over an open file.

    A copy, since a decoder that does not listen can make this wait until the file is closed and its
    number is another file's.
    """
    copy = os.dup(descriptor)
    try:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [copy]))]
        await decoder.sendmsg([b"\0"], rights)
    finally:
        os.close(copy)


def _uid_of_peer(connection: trio.socket.SocketType) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _pid, uid, _gid = _PEER.unpack(credentials)
    return int(uid)
