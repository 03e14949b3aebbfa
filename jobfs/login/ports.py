"""Whether the addresses to listen on are free: sshd would only say so somewhere in its log."""

import errno
import logging
import socket
from collections.abc import Callable, Collection, Iterable

import trio

from jobfs.login.refusals import AddressTakenError, BadAddressError

log = logging.getLogger(__name__)

#: Seconds for which whoever listens may go on, and between two looks: the sshd of a run that was killed
#: is gone a moment after the signal, and one that had only just been started is not found before.
_PATIENCE, _PAUSE = 5.0, 0.1


def check(addresses: Iterable[str]) -> None:
    """Raise AddressTakenError or BadAddressError unless sshd can listen on each "host:port"."""
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise BadAddressError(f"cannot listen on {address}: {error.strerror}") from error
        for family, kind, _, _, place in found:
            _try(address, family, kind, place)


async def let_go(addresses: Collection[str], urge: Callable[[], None]) -> None:
    """Return when sshd can listen on each "host:port"; *urge* whoever listens to end, before each look.

    Raises AddressTakenError if somebody still listens after some seconds, and BadAddressError.
    """
    deadline = trio.current_time() + _PATIENCE
    told = False
    while True:
        await trio.to_thread.run_sync(urge)
        try:
            await trio.to_thread.run_sync(check, addresses)
        except AddressTakenError:
            if trio.current_time() > deadline:
                raise
        else:
            return
        if not told:
            log.info("waiting for whoever listens on %s to end", ", ".join(addresses))
            told = True
        await trio.sleep(_PAUSE)


def _try(
    address: str, family: socket.AddressFamily, kind: socket.SocketKind, place: tuple[object, ...]
) -> None:
    """Bind as sshd does, see listen_on_addrs() in its sshd.c."""
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(place)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressTakenError(
                f"another program listens on {address}: end it, or choose another port with"
                " [sshd] listen"
            ) from error
        if error.errno == errno.EADDRNOTAVAIL and not _is_any(place):
            raise BadAddressError(f"cannot listen on {address}: {error.strerror}") from error
        if error.errno not in {
            errno.EAFNOSUPPORT,
            errno.EADDRNOTAVAIL,
        }:  # no IPv6 here: sshd goes on
            raise


def _is_any(place: tuple[object, ...]) -> bool:
    return place[0] in {"::", "0.0.0.0"}  # noqa: S104 (compared, not bound)
