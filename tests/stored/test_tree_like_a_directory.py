"""What a job's directory answers is what a plain directory of the machine answers.

Hypothesis does the same to both, step by step, and compares errnos and listings after each.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection

from jobfs.blobs.store import BlobStore
from jobfs.catalog.engine import Catalog
from jobfs.errors import JobfsError
from jobfs.tree import changes, versions, views
from jobfs.tree.changes import Place
from jobfs.tree.refusals import NoDirectoryError
from jobfs.tree.views import Node
from tests.stored.studio import NOON, NOW, account, close, create, is_report, job, look, mount

_RENAME_NOREPLACE = 1  # linux/fs.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100  # linux/fcntl.h

#: So few names that they meet again and again; one is a client's temporary name.
NAMES = st.sampled_from([b"a", b"b", b"c.jpg.part"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
TIMES = st.integers(0, 2**31 * 10**9)

Route = tuple[bytes, ...]


@dataclass(frozen=True)
class Seen:
    """What a listing tells of an entry: its inode's number; of a file also size and time."""

    number: int = field(compare=False)
    size: int | None = None
    mtime_ns: int | None = None


Listing = dict[Route, Seen]


class Directory(Protocol):
    """What is done to both."""

    def create(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Make a file, which must not be there, and set its time."""

    def overwrite(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Open a file with truncation, write it, and set its time."""

    def mkdir(self, path: Route) -> None:
        """Make a directory."""

    def rmdir(self, path: Route) -> None:
        """Remove a directory."""

    def unlink(self, path: Route) -> None:
        """Remove a file."""

    def rename(self, old: Route, new: Route, *, replace: bool) -> None:
        """Move an entry."""

    def set_times(self, path: Route, mtime_ns: int) -> None:
        """Set the time of an entry."""

    def names(self, path: Route) -> list[bytes]:
        """List a directory."""

    def listing(self) -> Listing:
        """List everything."""


class PlainDirectory:
    """A directory of the machine's own file system."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self._root = root

    def create(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Make a file, which must not be there, and set its time."""
        self._write(path, os.O_CREAT | os.O_EXCL, data, mtime_ns)

    def overwrite(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Open a file with truncation, write it, and set its time."""
        self._write(path, os.O_TRUNC, data, mtime_ns)

    def mkdir(self, path: Route) -> None:
        """Make a directory."""
        self._at(path).mkdir()

    def rmdir(self, path: Route) -> None:
        """Remove a directory."""
        self._at(path).rmdir()

    def unlink(self, path: Route) -> None:
        """Remove a file."""
        self._at(path).unlink()

    def rename(self, old: Route, new: Route, *, replace: bool) -> None:
        """Move an entry."""
        flags = 0 if replace else _RENAME_NOREPLACE
        source, target = os.fsencode(self._at(old)), os.fsencode(self._at(new))
        if _LIBC.renameat2(_AT_FDCWD, source, _AT_FDCWD, target, flags) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def set_times(self, path: Route, mtime_ns: int) -> None:
        """Set the time of an entry."""
        os.utime(self._at(path), ns=(0, mtime_ns))

    def names(self, path: Route) -> list[bytes]:
        """List a directory."""
        return sorted(os.fsencode(entry.name) for entry in self._at(path).iterdir())

    def listing(self) -> Listing:
        """List everything."""
        return dict(self._below(()))

    def _below(self, path: Route) -> Iterator[tuple[Route, Seen]]:
        for entry in os.scandir(self._at(path)):
            found, here = entry.stat(), (*path, os.fsencode(entry.name))
            if entry.is_dir():
                yield here, Seen(found.st_ino)
                yield from self._below(here)
            else:
                yield here, Seen(found.st_ino, found.st_size, found.st_mtime_ns)

    def _at(self, path: Route) -> Path:
        return self._root.joinpath(*map(os.fsdecode, path))

    def _write(self, path: Route, flags: int, data: bytes, mtime_ns: int) -> None:
        descriptor = os.open(self._at(path), os.O_WRONLY | flags, 0o644)
        os.write(descriptor, data)
        os.close(descriptor)
        os.utime(self._at(path), ns=(0, mtime_ns))


class JobDirectory:
    """A job's directory, reached as the kernel reaches it: name by name."""

    def __init__(self, catalog: Catalog, store: BlobStore, account_id: int, name: str) -> None:
        self._catalog, self._store, self._account_id = catalog, store, account_id
        with catalog.writing(durable=False) as connection:
            job(connection, name, account_id)
            self._root = look(connection, account_id, name)

    def create(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Make a file, which must not be there, and set its time."""
        with self._changing() as connection:
            upload = create(connection, *self._place(connection, path))
            with os.fdopen(self._store.create(upload.blob_key), "wb") as file:
                file.write(data)
            close(connection, self._store, upload)
        self.set_times(path, mtime_ns)

    def overwrite(self, path: Route, data: bytes, mtime_ns: int) -> None:
        """Open a file with truncation, write it, and set its time."""
        with self._changing() as connection:
            inode = self._node(connection, path).inode
            _, shown = versions.open_file(connection, inode, writing=True)
            upload = versions.start_over(
                connection, shown, account_id=self._account_id, role_id=mount(connection),
                blob_key=os.urandom(16).hex(), now=NOON,
            )  # fmt: skip
            with os.fdopen(self._store.create(upload.blob_key), "wb") as file:
                file.write(data)
            close(connection, self._store, upload)
        self.set_times(path, mtime_ns)

    def mkdir(self, path: Route) -> None:
        """Make a directory."""
        with self._changing() as connection:
            changes.mkdir(connection, *self._place(connection, path), now=NOW)

    def rmdir(self, path: Route) -> None:
        """Remove a directory."""
        with self._changing() as connection:
            changes.rmdir(connection, *self._place(connection, path), now=NOW)

    def unlink(self, path: Route) -> None:
        """Remove a file."""
        with self._changing() as connection:
            changes.unlink(connection, *self._place(connection, path), now=NOW)

    def rename(self, old: Route, new: Route, *, replace: bool) -> None:
        """Move an entry.

        Onto a directory above it: the kernel refuses this by itself, without asking for kinds.
        """
        with self._changing() as connection:
            places = self._place(connection, old), self._place(connection, new)
            if replace and len(new) < len(old) and old[: len(new)] == new:
                self._node(connection, old)
                raise OSError(errno.ENOTEMPTY, "a directory above")
            changes.rename(connection, self._store, *places, replace=replace, now=NOW)

    def set_times(self, path: Route, mtime_ns: int) -> None:
        """Set the time of an entry."""
        with self._changing() as connection:
            changes.set_times(
                connection, self._store, self._node(connection, path).inode,
                mtime_ns=mtime_ns, atime_ns=0, now=NOW, held=False,
            )  # fmt: skip

    def names(self, path: Route) -> list[bytes]:
        """List a directory."""
        with self._catalog.reading() as connection:
            directory = self._node(connection, path).inode
            return sorted(node.name.encode() for node in listed(connection, directory))

    def listing(self) -> Listing:
        """List everything."""
        with self._catalog.reading() as connection:
            return dict(self._below(connection, self._root, ()))

    def _below(
        self, connection: Connection, above: Node, path: Route
    ) -> Iterator[tuple[Route, Seen]]:
        for node in listed(connection, above.inode):
            here = (*path, node.name.encode())
            if node.is_directory:
                yield here, Seen(node.inode)
                yield from self._below(connection, node, here)
            else:
                yield here, Seen(node.inode, node.size, node.mtime_ns)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with self._catalog.writing(durable=False) as connection:
            yield connection

    def _place(self, connection: Connection, path: Route) -> Place:
        above = self._node(connection, path[:-1])
        if not above.is_directory:
            raise NoDirectoryError("a file on the way")
        return Place(above.inode, path[-1])

    def _node(self, connection: Connection, path: Route) -> Node:
        node = views.node(connection, self._root.inode)
        for name in path:
            if not node.is_directory:
                raise NoDirectoryError("a file on the way")
            node = views.child(connection, node.inode, name)
        return node


class LikeADirectory(RuleBasedStateMachine):
    """Does the same to a job's directory and to a plain one."""

    def __init__(self, begin: Callable[[], tuple[Directory, Directory]]) -> None:
        super().__init__()
        self._plain, self._job = begin()
        self._numbers: dict[int, int] = {}

    @initialize(directories=st.lists(PATHS, max_size=4), files=st.lists(PATHS, max_size=4))
    def begin(self, directories: list[Route], files: list[Route]) -> None:
        """Fill both, since most of what can go wrong needs something to be there."""
        for path in sorted(directories, key=len):
            self.mkdir(path)
        for path in files:
            self.create(path, 1, 1)

    @rule(path=PATHS, size=st.integers(0, 3), mtime_ns=TIMES)
    def create(self, path: Route, size: int, mtime_ns: int) -> None:
        """Make a file."""
        self._both(lambda it: it.create(path, b"x" * size, mtime_ns))

    @rule(path=PATHS, size=st.integers(0, 3), mtime_ns=TIMES)
    def overwrite(self, path: Route, size: int, mtime_ns: int) -> None:
        """Write a file that is there."""
        self._both(lambda it: it.overwrite(path, b"y" * size, mtime_ns))

    @rule(path=PATHS)
    def mkdir(self, path: Route) -> None:
        """Make a directory."""
        self._both(lambda it: it.mkdir(path))

    @rule(path=PATHS)
    def rmdir(self, path: Route) -> None:
        """Remove a directory."""
        self._both(lambda it: it.rmdir(path))

    @rule(path=PATHS)
    def unlink(self, path: Route) -> None:
        """Remove a file."""
        self._both(lambda it: it.unlink(path))

    @rule(old=PATHS, new=PATHS, replace=st.booleans())
    def rename(self, old: Route, new: Route, replace: bool) -> None:
        """Move an entry."""
        self._both(lambda it: it.rename(old, new, replace=replace))

    @rule(path=PATHS, mtime_ns=TIMES)
    def set_times(self, path: Route, mtime_ns: int) -> None:
        """Set the time of an entry."""
        self._both(lambda it: it.set_times(path, mtime_ns))

    @rule(path=PATHS)
    def names(self, path: Route) -> None:
        """List a directory, and so look it up."""
        self._both(lambda it: it.names(path))

    @invariant()
    def they_list_the_same(self) -> None:
        """Compare both, and see that what stays keeps its inode number wherever it goes."""
        plain, here = self._plain.listing(), self._job.listing()
        assert here == plain
        numbers = {plain[path].number: here[path].number for path in plain}
        for number in numbers.keys() & self._numbers.keys():
            assert numbers[number] == self._numbers[number]
        self._numbers = numbers

    def _both(self, act: Callable[[Directory], object]) -> None:
        assert outcome(act, self._job) == outcome(act, self._plain)


def outcome(act: Callable[[Directory], object], directory: Directory) -> object:
    """Return what *act* returns, or the name of its errno."""
    try:
        return act(directory)
    except (OSError, JobfsError) as refusal:
        return errno.errorcode.get(refusal.errno or 0, refusal)


def listed(connection: Connection, directory: int) -> list[Node]:
    """List a directory in pages of two, but for the files that jobfs writes."""
    nodes: list[Node] = []
    after = 0
    while page := views.children(connection, directory, after=after, limit=2):
        nodes += [node for node, _ in page if not is_report(node)]
        after = page[-1].cookie
    return nodes


def test_a_job_is_like_a_directory(catalog: Catalog, store: BlobStore, tmp_path: Path) -> None:
    numbers = count(1)
    with catalog.writing() as connection:
        anna = account(connection)
        mount(connection)

    def begin() -> tuple[Directory, Directory]:
        name = f"Job {next(numbers)}"
        return PlainDirectory(tmp_path / name), JobDirectory(catalog, store, anna, name)

    class ThisOne(LikeADirectory):
        def __init__(self) -> None:
            super().__init__(begin)

    run_state_machine_as_test(
        ThisOne,
        settings=settings(
            max_examples=120 if catalog.is_sqlite else 15, stateful_step_count=25,
            deadline=None, derandomize=True,
        ),
    )  # fmt: skip


def test_the_comparison_finds_a_difference(tmp_path: Path) -> None:
    """A machine that compares nothing would pass as well."""
    machine = LikeADirectory(
        lambda: (PlainDirectory(tmp_path / "one"), PlainDirectory(tmp_path / "two"))
    )
    machine.mkdir((b"a",))
    (tmp_path / "two" / "a").rmdir()

    with pytest.raises(AssertionError):
        machine.they_list_the_same()
