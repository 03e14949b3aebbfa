"""What a role tells the service manager that has started it; see sd_notify(3).

The whole protocol is one datagram of lines NAME=value, which that page invites everybody to send by
themselves. Of the libraries, one must be compiled against libsystemd, and the other is not kept up.
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

log = logging.getLogger(__name__)

#: Seconds that the service manager has to take a datagram.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Manager:
    """The service manager; nobody, if the *address* of its socket is "".

    watchdog  seconds between two signs of life: half the silence after which it takes us for hung;
              None if it does not watch
    """

    address: str = ""
    watchdog: float | None = None

    async def tell(self, *lines: str) -> None:
        """Tell it lines like "READY=1"; also in a scope that is cancelled."""
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with trio.move_on_after(_PATIENCE, shield=True) as patience:
            try:
                with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_DGRAM) as out:
                    await out.sendto("\n".join(lines).encode(), name)
            except OSError as error:
                log.warning("cannot tell the service manager %s: %s", lines[0], error)
        if patience.cancelled_caught:
            log.warning("the service manager does not take %s", lines[0])

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Show, as long as the block lasts, that the event loop goes round; if it is watched."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._show_life)
            yield
            nursery.cancel_scope.cancel()

    async def _show_life(self) -> None:
        while self.watchdog is not None:
            await self.tell("WATCHDOG=1")
            await trio.sleep(self.watchdog)


def manager() -> Manager:
    """Return the service manager that has started this process."""
    return told_by(os.environ, pid=os.getpid())  # noqa: TID251 (no settings, but its own words)


def told_by(variables: Mapping[str, str], *, pid: int) -> Manager:
    """Return the manager that *variables* tell the process *pid* of; see sd_watchdog_enabled(3)."""
    address = variables.get("NOTIFY_SOCKET", "")
    silence = variables.get("WATCHDOG_USEC", "")
    meant = variables.get("WATCHDOG_PID", str(pid)) == str(pid)
    if not (address and meant and silence.isdecimal() and int(silence)):
        return Manager(address)
    return Manager(address, int(silence) / 1_000_000 / 2)
