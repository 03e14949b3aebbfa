"""Which mounts write to a store, and whether they live: each holds the lock of a file there.

The kernel gives a lock back when its holder ends, however it does, and whatever container it ran in:
neither pids nor host names, which a new container changes, have to be understood for it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobfs.syncing import sync


class Writers:
    """The mounts that write to one store, by their roles' ids; *folder* is theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def present(self, role_id: int) -> Iterator[None]:
        """Be a living writer for the length of a block, before anything is written.

        The file outlives it: whatever could not be settled at the end is known to belong here.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        lock = self._own(role_id)
        try:
            yield
        finally:
            os.close(lock)

    def is_alive(self, role_id: int) -> bool | None:
        """Whether a writer lives; None of one that has never written here, or was forgotten."""
        try:
            lock = os.open(self._file(role_id), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def known(self) -> list[int]:
        """Return the ids of all that have not been forgotten."""
        if not self._folder.is_dir():
            return []
        return sorted(int(path.name) for path in self._folder.iterdir())

    def forget(self, role_id: int) -> None:
        """Forget a writer that has left nothing unfinished."""
        self._file(role_id).unlink(missing_ok=True)

    def _own(self, role_id: int) -> int:
        """Return a locked descriptor of a writer's file, made durable: a power cut must not hide it."""
        while True:
            lock = os.open(self._file(role_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                break
            os.close(lock)  # somebody has found it before it was locked, and forgotten it
        sync(self._folder)
        sync(self._folder.parent)
        return lock

    def _file(self, role_id: int) -> Path:
        return self._folder / str(role_id)
