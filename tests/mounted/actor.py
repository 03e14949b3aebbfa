"""Processes of their own that do as they are told: open files, stand in folders, and get killed."""

import multiprocessing
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tests.mounted import syscalls

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Copies of one process that has imported everything: a new Python for each would take ten times
# as long, and as an account it might not be allowed to read this checkout.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pytest", "tests.mounted.actor"])


class Actor:
    """Another process, under the uid of an account, or 0 for an administrator."""

    def __init__(self, uid: int = 0) -> None:
        self._connection, theirs = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=_act, args=(theirs, uid), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, function: str, *arguments: Any, **options: Any) -> Any:
        """Return what a function of `os`, or else of `syscalls`, returns there, or raise its error."""
        self.begin(function, *arguments, **options)
        return self.outcome()

    def begin(self, function: str, *arguments: Any, **options: Any) -> None:
        """Start a call without waiting for its end."""
        self._connection.send((function, arguments, options))

    def outcome(self) -> Any:
        """Return or raise what the call came to."""
        outcome = self._connection.recv()
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    def kill(self) -> None:
        """End it as a dropped connection ends: with everything open."""
        self._process.kill()
        self._process.join()

    def __enter__(self) -> "Actor":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self.kill()
        self._process.close()


def _act(connection: "Connection[Any, Any]", uid: int) -> None:
    if uid != 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    while True:
        try:
            function, arguments, options = connection.recv()
        except EOFError:
            return
        room = os if hasattr(os, function) else syscalls
        try:
            connection.send(getattr(room, function)(*arguments, **options))
        except OSError as error:
            connection.send(error)
