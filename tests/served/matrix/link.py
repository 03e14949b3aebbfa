"""A network that stops in the middle of a transfer: a client connects to a link, not to the studio."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.served.studio import PATIENCE

_PIECE = 32_768  # bytes passed on at once


class Link:
    """Passes on what connections to *port* say, but only so many *bytes* of all that clients send."""

    def __init__(self, to_port: int, *, bytes_sent: int) -> None:
        self._to_port = to_port
        self._left = bytes_sent
        self._changed = threading.Condition()
        self._is_open = False
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self._threads: list[threading.Thread] = []
        self.port: int = self._sockets[0].getsockname()[1]
        self._begin(self._accept)

    def open(self) -> None:
        """Pass on everything from now on."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def cut(self) -> None:
        """End every connection, with all that is under way in it."""
        listener, accepting = self._sockets[0], self._threads[0]
        _shut(listener)
        accepting.join(PATIENCE)
        for end in self._sockets:
            _shut(end)
        self.open()
        for thread in self._threads:
            thread.join(PATIENCE)
        for end in self._sockets:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._sockets[0].accept()
            except OSError:  # cut
                return
            studio = socket.create_connection(("127.0.0.1", self._to_port))
            self._sockets += [client, studio]
            self._begin(self._pass_up, client, studio)
            self._begin(_pass_on, studio, client)

    def _begin(self, task: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=task, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _pass_up(self, client: socket.socket, studio: socket.socket) -> None:
        with suppress(OSError):  # either end has gone
            while piece := client.recv(_PIECE):
                for part in self._allowed(piece):
                    studio.sendall(part)
        _shut(studio, socket.SHUT_WR)

    def _allowed(self, piece: bytes) -> Iterator[bytes]:
        """Yield what may pass now, and the rest when it may."""
        with self._changed:
            now = len(piece) if self._is_open else min(len(piece), self._left)
            self._left -= now
        yield piece[:now]
        if now < len(piece):
            with self._changed:
                self._changed.wait_for(lambda: self._is_open)
            yield piece[now:]


@contextmanager
def stalling_link(to_port: int, *, bytes_sent: int) -> Iterator[Link]:
    """Give a link that stops after so many bytes; it is cut at the end."""
    link = Link(to_port, bytes_sent=bytes_sent)
    try:
        yield link
    finally:
        link.cut()


def _pass_on(studio: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):  # either end has gone
        while piece := studio.recv(_PIECE):
            client.sendall(piece)
    _shut(client, socket.SHUT_WR)


def _shut(end: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):  # it has ended already
        end.shutdown(how)
