"""Whether the addresses to listen on are free: sshd would only say so somewhere in its log."""

import errno
import socket
from collections.abc import Iterable

from jobfs.errors import JobfsError


class AddressTakenError(JobfsError):
    """Another program listens where photographers are to connect; EADDRINUSE, as bind answers."""

    errno = errno.EADDRINUSE


class BadAddressError(JobfsError):
    """An address that this machine does not have; EADDRNOTAVAIL, as bind answers."""

    errno = errno.EADDRNOTAVAIL


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
