"""One SFTP connection, request by request, in the words of the sequences that clients send.

SFTP is version 3 (draft-ietf-secsh-filexfer-02), which is what OpenSSH speaks.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import paramiko
from paramiko.message import Message


class Flag(IntFlag):
    """How a file is opened: read, write, append, create, truncate, exclusively."""

    R = 0x01
    W = 0x02
    A = 0x04
    C = 0x08
    T = 0x10
    X = 0x20


R, W, A, C, T, X = Flag

_POSIX_RENAME = b"posix-rename@openssh.com"
_STATVFS = b"statvfs@openssh.com"


class Request(IntEnum):
    """The kinds of requests."""

    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    REALPATH = 16
    STAT = 17
    RENAME = 18
    EXTENDED = 200


_STATUS = 101
_OK, _EOF = 0, 1
#: What clients ask to find out whether something is there; a "no" is an answer like any other.
_QUESTIONS = {Request.STAT, Request.LSTAT, Request.READDIR, Request.READ}

_SIZE, _OWNER, _MODE, _TIMES = 1, 2, 4, 8


class RefusedError(OSError):
    """A request was answered with a status that is not "ok"."""

    def __init__(self, request: Request, code: int, text: str) -> None:
        super().__init__(f"{request.name}: {text}")
        self.code = code


class StoppedError(Exception):
    """A transfer ended before its file did."""


class CancelledError(StoppedError):
    """Somebody stopped it; the connection is alive."""


class DiedError(StoppedError):
    """The connection is gone."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server tells of a file, or is to set; None is not told, or to be left alone."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    mode: int | None = None
    mtime: int | None = None

    def packed(self) -> bytes:
        """Return the bytes of a request."""
        flags, parts = 0, b""
        if self.size is not None:
            flags, parts = flags | _SIZE, parts + struct.pack(">Q", self.size)
        if self.owner is not None:
            flags, parts = flags | _OWNER, parts + struct.pack(">II", *self.owner)
        if self.mode is not None:
            flags, parts = flags | _MODE, parts + struct.pack(">I", self.mode)
        if self.mtime is not None:
            flags, parts = flags | _TIMES, parts + struct.pack(">II", self.mtime, self.mtime)
        return struct.pack(">I", flags) + parts

    @classmethod
    def unpacked(cls, answer: Message) -> "Attributes":
        """Take the attributes out of an answer."""
        flags = answer.get_int()
        size = answer.get_int64() if flags & _SIZE else None
        owner = (answer.get_int(), answer.get_int()) if flags & _OWNER else None
        mode = answer.get_int() if flags & _MODE else None
        _, mtime = (answer.get_int(), answer.get_int()) if flags & _TIMES else (None, None)
        return cls(size, owner, mode, mtime)


class Wire:
    """A connection. Each method is one request and awaits its answer, except in `pipelined`.

    stops    how the next transfer ends after half of its file; None: it does not
    refused  the requests that were refused, but for questions
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._number = 1_000_000  # far from those that were used up while the connection was made
        self._answers: dict[int, tuple[int, Message]] = {}
        self._pipeline: list[tuple[Request, int]] | None = None
        self.stops: type[StoppedError] | None = None
        self.refused: list[str] = []

    # -- requests --------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int | None = None) -> bytes:
        """Open a file and return its handle; most clients send no *mode*."""
        attributes = Attributes(mode=mode).packed()
        return self._ask(Request.OPEN, path.encode(), flags, raw=attributes).get_string()

    def write(self, handle: bytes, content: bytes, *, chunk: int, offset: int = 0) -> None:
        """Send a file's content from *offset* on; the WRITEs do not await each other.

        Raises what `stops` names after half of the file, whose bytes have been acknowledged then.
        """
        stops, self.stops = self.stops, None
        end = len(content) // 2 if stops else len(content)
        with self.pipelined():
            for start in range(offset, end, chunk):
                self._ask(Request.WRITE, handle, raw=_piece(content[:end], start, chunk))
        if stops is DiedError:
            self.die()
        if stops is not None:
            raise stops

    def close(self, handle: bytes) -> None:
        """Close a file or a directory."""
        self._ask(Request.CLOSE, handle)

    def read(self, path: str) -> bytes:
        """Return what a file contains: OPEN, READ to its end, CLOSE."""
        handle = self.open(path, R)
        content = b""
        with suppress(EOFError):
            while True:
                at = struct.pack(">QI", len(content), 131_072)
                content += self._ask(Request.READ, handle, raw=at).get_string()
        self.close(handle)
        return content

    def stat(self, path: str) -> Attributes | None:
        """Return a file's attributes; None if there is no such file."""
        return self._looked_up(Request.STAT, path)

    def lstat(self, path: str) -> Attributes | None:
        """Return a file's attributes; None if there is no such file."""
        return self._looked_up(Request.LSTAT, path)

    def fstat(self, handle: bytes) -> Attributes:
        """Return the attributes of an open file."""
        return Attributes.unpacked(self._ask(Request.FSTAT, handle))

    def setstat(
        self,
        path: str,
        *,
        owner: tuple[int, int] | None = None,
        mode: int | None = None,
        mtime: int | None = None,
    ) -> None:
        """Set attributes by path."""
        attributes = Attributes(owner=owner, mode=mode, mtime=mtime)
        self._ask(Request.SETSTAT, path.encode(), raw=attributes.packed())

    def fsetstat(
        self,
        handle: bytes,
        *,
        size: int | None = None,
        mode: int | None = None,
        mtime: int | None = None,
    ) -> None:
        """Set attributes of an open file."""
        attributes = Attributes(size=size, mode=mode, mtime=mtime)
        self._ask(Request.FSETSTAT, handle, raw=attributes.packed())

    def listing(self, path: str) -> dict[str, Attributes]:
        """Return what stands in a directory: OPENDIR, READDIR to its end, CLOSE."""
        handle = self._ask(Request.OPENDIR, path.encode()).get_string()
        found: dict[str, Attributes] = {}
        with suppress(EOFError):
            while True:
                found |= _names(self._ask(Request.READDIR, handle))
        self.close(handle)
        return found

    def mkdir(self, path: str, mode: int | None = None) -> None:
        """Make a directory."""
        self._ask(Request.MKDIR, path.encode(), raw=Attributes(mode=mode).packed())

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._ask(Request.REMOVE, path.encode())

    def rename(self, old: str, new: str) -> None:
        """Rename, which is refused if the new name is there."""
        self._ask(Request.RENAME, old.encode(), new.encode())

    def posix_rename(self, old: str, new: str) -> None:
        """Rename, over what has the new name."""
        self._ask(Request.EXTENDED, _POSIX_RENAME, old.encode(), new.encode())

    def statvfs(self, path: str) -> int:
        """Return how many bytes are free."""
        answer = self._ask(Request.EXTENDED, _STATVFS, path.encode())
        _, block, _, _, free, *_ = (answer.get_int64() for _ in range(11))
        return block * free

    @contextmanager
    def pipelined(self) -> Iterator[None]:
        """Send the requests of a block at once; await their answers at its end."""
        if self._pipeline is not None:
            yield
            return
        self._pipeline = []
        try:
            yield
        finally:
            sent, self._pipeline = self._pipeline, None
        refusals = [refusal for one in sent if (refusal := self._refusal(*one)) is not None]
        self._answers.clear()
        if refusals:
            raise refusals[0]

    def die(self) -> None:
        """Lose the connection at once, as when a network cable is pulled and the server hears of it."""
        connection = self._channel.get_transport().sock
        assert isinstance(connection, socket.socket)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    # -- packets ---------------------------------------------------------------------------------

    def _looked_up(self, request: Request, path: str) -> Attributes | None:
        try:
            return Attributes.unpacked(self._ask(request, path.encode()))
        except RefusedError:
            return None

    def _ask(self, request: Request, *fields: bytes | int, raw: bytes = b"") -> Message:
        number = self._send(request, fields, raw)
        if self._pipeline is not None:
            self._pipeline.append((request, number))
            return Message()
        refusal = self._refusal(request, number)
        if refusal is not None:
            raise refusal
        return self._answers.pop(number)[1]

    def _send(self, request: Request, fields: tuple[bytes | int, ...], raw: bytes) -> int:
        self._number += 1
        body = struct.pack(">BI", request, self._number)
        for field in fields:
            if isinstance(field, int):
                body += struct.pack(">I", field)
            else:
                body += struct.pack(">I", len(field)) + field
        self._channel.sendall(struct.pack(">I", len(body) + len(raw)) + body + raw)
        return self._number

    def _refusal(self, request: Request, number: int) -> Exception | None:
        """Await an answer; return what is wrong with it, else leave it in `_answers`."""
        while number not in self._answers:
            self._receive()
        kind, answer = self._answers[number]
        if kind != _STATUS:
            return None
        code = answer.get_int()
        if code == _OK:
            return None
        del self._answers[number]
        if code == _EOF:
            return EOFError()
        if request not in _QUESTIONS:
            self.refused.append(request.name)
        return RefusedError(request, code, answer.get_text())

    def _receive(self) -> None:
        (length,) = struct.unpack(">I", self._exactly(4))
        kind, number = struct.unpack(">BI", self._exactly(5))
        self._answers[number] = kind, Message(self._exactly(length - 5))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._channel.recv(size - len(data))
            if not part:
                raise DiedError
            data += part
        return data


def _piece(content: bytes, start: int, size: int) -> bytes:
    data = content[start : start + size]
    return struct.pack(">QI", start, len(data)) + data


def _names(answer: Message) -> dict[str, Attributes]:
    found = {}
    for _ in range(answer.get_int()):
        name = answer.get_text()
        answer.get_string()  # the line that `ls -l` would show
        found[name] = Attributes.unpacked(answer)
    return found
