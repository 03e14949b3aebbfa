"""How messages and open files go from a worker to its decoder, and answers back.

Each decoder has one connection, a pair of sockets that was made before it began: there is no name to
connect to. A message is its length in four bytes and then as many bytes. With a request goes the file
to be read, opened by the worker.
"""

import array
import os
import socket
import struct
from typing import TYPE_CHECKING

from jobfs.ingest.messages import LARGEST, MalformedError

if TYPE_CHECKING:
    import trio  # which no decoder needs: it takes 14 MB

_LENGTH = struct.Struct(">I")
_PIECE = 1024**2  # bytes that are made room for before any of them has come


# --- the worker's side ---


async def send(decoder: "trio.socket.SocketType", message: bytes, descriptor: int) -> None:
    """Send a request and the open file that it is about; raises OSError if the decoder is gone."""
    framed = _LENGTH.pack(len(message)) + message
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    sent = await decoder.sendmsg([framed], rights)
    while sent < len(framed):
        sent += await decoder.send(framed[sent:])


async def receive(decoder: "trio.socket.SocketType") -> bytearray | None:
    """Return what a decoder says; None if it ends instead. Raises MalformedError for too much of it."""
    head = await _received(decoder, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST:
        raise MalformedError(f"it wants to say {length:,} bytes")
    return await _received(decoder, length)


async def _received(decoder: "trio.socket.SocketType", length: int) -> bytearray | None:
    got = bytearray()
    while len(got) < length:
        try:
            piece = await decoder.recv(min(length - len(got), _PIECE))
        except OSError:
            return None
        if not piece:
            return None
        got += piece
    return got


# --- the decoder's side ---


def heard(worker: socket.socket) -> tuple[bytes, int] | None:
    """Return the next request and its file; None when the worker has no more."""
    head, descriptors, _, _ = socket.recv_fds(worker, _LENGTH.size, 1)
    if len(head) < _LENGTH.size or not descriptors:
        return None
    (length,) = _LENGTH.unpack(head)
    message = b""
    while len(message) < length:
        piece = os.read(worker.fileno(), length - len(message))
        if not piece:
            return None
        message += piece
    return message, descriptors[0]


def say(worker: socket.socket, message: bytes) -> None:
    """Tell the worker something."""
    left = memoryview(_LENGTH.pack(len(message)) + message)
    while left:
        left = left[os.write(worker.fileno(), left) :]
