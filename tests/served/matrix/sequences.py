"""What clients without a command line send, request by request.

Each class is one client in one of its ways of working; its methods are the sequences that were
seen on the wire (FileZilla, KIO, gvfs, ExifTool over sshfs) or read in the program's source (WinSCP,
Cyberduck). A flag of `open` stands for the SSH_FXF_ flag that begins with it. What is not sent by
default says so.

When `wire.stops` is set, a transfer ends after half of the file: by DiedError, or by CancelledError and
what the client does when somebody presses its button.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.served.matrix.wire import (
    Attributes,
    C,
    CancelledError,
    R,
    RefusedError,
    T,
    W,
    Wire,
    X,
)

Connect = Callable[[], Wire]


@dataclass(frozen=True, slots=True)
class Picture:
    """A file on the photographer's disk; *mtime* is in seconds since 1970."""

    content: bytes
    mtime: int


class Client:
    """What all clients have: a way to connect, and one connection to begin with.

    name       its row in the table of clients
    chunk      bytes of a WRITE
    temporary  whether a file has another name until it is whole
    """

    name = ""
    chunk = 32_768
    temporary = False

    def __init__(self, connect: Connect) -> None:
        self.wire = connect()

    def new(self, path: str, picture: Picture) -> None:
        """Send a file that is not there yet."""
        raise NotImplementedError

    def overwrite(self, path: str, picture: Picture) -> None:
        """Send a file in the place of one that is there."""
        raise NotImplementedError

    def resume(self, path: str, picture: Picture) -> None:
        """Send the rest of a file whose transfer was interrupted."""
        raise NotImplementedError

    def folder(self, pictures: dict[str, Picture]) -> None:
        """Send files and the directories that they stand in, which are made as they are needed."""
        made: set[str] = set()
        for path, picture in pictures.items():
            self._make(_above(path), made)
            self.new(path, picture)

    def differs(self, path: str, picture: Picture) -> bool:
        """Tell from a listing whether a file would be sent in a second run: by size and time."""
        there = self.wire.listing(_above(path)).get(PurePosixPath(path).name)
        return there is None or (there.size, there.mtime) != (len(picture.content), picture.mtime)

    def partial(self, path: str) -> str:
        """Return the name under which a file arrives."""
        return path

    def _make(self, directory: str, made: set[str]) -> None:
        # the job itself is there
        if "/" in directory and directory not in made:
            self._make(_above(directory), made)
            self.wire.mkdir(directory)
            made.add(directory)

    @contextmanager
    def _cancellable(self, give_up: Callable[[], None]) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            with suppress(RefusedError):  # `wire.refused` tells
                give_up()
            raise


class FileZilla(Client):
    """FileZilla 3.63: its queue, when stopped, drops the connection; it sets times by path."""

    name = "FileZilla 3.63 (replayed)"
    chunk = 16_384

    def __init__(self, connect: Connect) -> None:
        super().__init__(connect)
        self._connect = connect

    def new(self, path: str, picture: Picture) -> None:
        """OPENDIR+READDIR, O(W|C|T 0666), w16k, CLOSE, STAT, S(mtime), OPENDIR+READDIR."""
        self.wire.listing(_above(path))
        self._put(path, self.wire.open(path, W | C | T, 0o666), picture)

    overwrite = new

    def resume(self, path: str, picture: Picture) -> None:
        """`reput`, which FileZilla also starts by itself after a drop if it sees a part listed."""
        self.wire.listing(_above(path))
        handle = self.wire.open(path, W)
        self._put(path, handle, picture, offset=_size(self.wire.fstat(handle)))

    def folder(self, pictures: dict[str, Picture]) -> None:
        """Send by two connections in turns."""
        made: set[str] = set()
        other = self._connect()
        for path, picture in pictures.items():
            self._make(_above(path), made)
            self.new(path, picture)
            self.wire, other = other, self.wire

    def _put(self, path: str, handle: bytes, picture: Picture, *, offset: int = 0) -> None:
        with self._cancellable(self.wire.die):
            self.wire.write(handle, picture.content, chunk=self.chunk, offset=offset)
        self.wire.close(handle)
        self.wire.stat(path)
        self.wire.setstat(path, mtime=picture.mtime)
        self.wire.listing(_above(path))


class WinSCP(Client):
    """WinSCP 6.6, files of 100 KiB and more: NAME.filepart, RENAME (never over a file), times by path."""

    name = "WinSCP 6.6, from 100 KiB (replayed)"
    temporary = True

    def new(self, path: str, picture: Picture) -> None:
        """STAT F, STAT F.filepart, O(W|C|T) F.filepart, writes, CLOSE, [REMOVE F], RN, S(mtime[,mode])."""
        there = self.wire.stat(path)
        self.wire.stat(self.partial(path))
        self._put(path, self.wire.open(self.partial(path), W | C | T), picture, there)

    overwrite = new

    def resume(self, path: str, picture: Picture) -> None:
        """The same, with O(W|C) and the first WRITE at the end of what is there."""
        there = self.wire.stat(path)
        part = self.wire.stat(self.partial(path))
        assert part is not None
        handle = self.wire.open(self.partial(path), W | C)
        self._put(path, handle, picture, there, offset=_size(part))

    def partial(self, path: str) -> str:
        """F.filepart."""
        return f"{path}.filepart"

    def _put(
        self,
        path: str,
        handle: bytes,
        picture: Picture,
        there: Attributes | None,
        *,
        offset: int = 0,
    ) -> None:
        with self._cancellable(lambda: self.wire.close(handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk, offset=offset)
        self.wire.close(handle)
        if there is not None:
            self.wire.remove(path)
        self.wire.rename(self.partial(path), path)
        self.wire.setstat(path, mtime=picture.mtime, mode=there.mode if there else None)


class SmallWinSCP(Client):
    """WinSCP 6.6, files of less than 100 KiB: SETSTAT goes out behind CLOSE without awaiting it."""

    name = "WinSCP 6.6, below 100 KiB (replayed)"

    def new(self, path: str, picture: Picture) -> None:
        """O(W|C|X), since it asks before it overwrites; writes; CLOSE and S(mtime) at once."""
        self._put(path, self.wire.open(path, W | C | X), picture)

    def overwrite(self, path: str, picture: Picture) -> None:
        """O(W|C|X) refused, STAT, its dialog, O(W|C|T), writes, CLOSE and S(mtime) at once."""
        with suppress(RefusedError):
            self.wire.open(path, W | C | X)
        self.wire.stat(path)  # for its dialog
        self._put(path, self.wire.open(path, W | C | T), picture)

    def _put(self, path: str, handle: bytes, picture: Picture) -> None:
        with self._cancellable(lambda: self._give_up(path, handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk)
        with self.wire.pipelined():
            self.wire.close(handle)
            self.wire.setstat(path, mtime=picture.mtime)

    def _give_up(self, path: str, handle: bytes) -> None:
        with suppress(RefusedError):
            self.wire.close(handle)
        self.wire.remove(path)


class Cyberduck(Client):
    """Cyberduck and Mountain Duck. Times and permissions are sent only if that is switched on: here it is."""

    name = "Cyberduck (replayed)"

    def new(self, path: str, picture: Picture) -> None:
        """O(W|C|T), writes, CLOSE, S(mode), S(mtime)."""
        self._put(path, self.wire.open(self.partial(path), W | C | T), picture)

    def overwrite(self, path: str, picture: Picture) -> None:
        """O(W|T), writes, CLOSE, S(mode), S(mtime)."""
        self._put(path, self.wire.open(self.partial(path), W | T), picture)

    def resume(self, path: str, picture: Picture) -> None:
        """STAT, O(W) without APPEND, writes at the end of what is there, CLOSE, S(mode), S(mtime)."""
        part = self.wire.stat(self.partial(path))
        assert part is not None
        self._put(path, self.wire.open(self.partial(path), W), picture, offset=_size(part))

    def _put(self, path: str, handle: bytes, picture: Picture, *, offset: int = 0) -> None:
        with self._cancellable(lambda: self.wire.close(handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk, offset=offset)
        self.wire.close(handle)
        self.wire.setstat(self.partial(path), mode=0o644)
        self.wire.setstat(self.partial(path), mtime=picture.mtime)


class CyberduckWithTemporaryName(Cyberduck):
    """Cyberduck, "upload with temporary filename": NAME-<random>, which has no extension of its own.

    What has the name is deleted before, since the standard RENAME does not replace.
    """

    name = "Cyberduck with temporary names (replayed)"
    temporary = True

    def new(self, path: str, picture: Picture) -> None:
        """The same under the temporary name, RENAME last."""
        super().new(path, picture)
        self.wire.rename(self.partial(path), path)

    def overwrite(self, path: str, picture: Picture) -> None:
        """The same under the temporary name, which is new; REMOVE, RENAME last."""
        super().new(path, picture)
        self.wire.remove(path)
        self.wire.rename(self.partial(path), path)

    def resume(self, path: str, picture: Picture) -> None:
        """The same under the temporary name, RENAME last."""
        super().resume(path, picture)
        self.wire.rename(self.partial(path), path)

    def partial(self, path: str) -> str:
        """F-<random>."""
        return f"{path}-x7Kq2ZbM"


class Dolphin(Client):
    """KIO 22.12, as Dolphin uses it: asks for space, NAME.part, permissions, owner and times by path."""

    name = "Dolphin, KIO 22.12 (replayed)"
    chunk = 61_440
    temporary = True

    def new(self, path: str, picture: Picture) -> None:
        """LSTAT, STATVFS, LSTAT F.part, O(W|C|T) F.part, w60k, CLOSE, RENAME, S(mode), LSTAT, S(mtime)."""
        self.wire.lstat(path)
        self._require_space(path, picture)
        self.wire.lstat(self.partial(path))
        self._put(path, self.wire.open(self.partial(path), W | C | T), picture)
        self.wire.rename(self.partial(path), path)
        self.wire.setstat(path, mode=0o644)
        self.wire.lstat(path)
        self.wire.setstat(path, mtime=picture.mtime)

    def overwrite(self, path: str, picture: Picture) -> None:
        """The same with REMOVE F before the RENAME, and S(owner) before S(mtime)."""
        there = self.wire.lstat(path)
        assert there is not None
        self._require_space(path, picture)
        self.wire.lstat(self.partial(path))
        self._put(path, self.wire.open(self.partial(path), W | C | T), picture)
        self.wire.remove(path)
        self.wire.rename(self.partial(path), path)
        self.wire.setstat(path, mode=0o644)
        self.wire.setstat(path, owner=there.owner)
        self.wire.setstat(path, mtime=picture.mtime)

    def resume(self, path: str, picture: Picture) -> None:
        """LSTAT F.part, O(R|W), FSTAT, writes at the end of what is there, CLOSE, RENAME, ..."""
        self.wire.lstat(self.partial(path))
        handle = self.wire.open(self.partial(path), R | W)
        self._put(path, handle, picture, offset=_size(self.wire.fstat(handle)))
        self.wire.rename(self.partial(path), path)
        self.wire.setstat(path, mode=0o644)
        self.wire.lstat(path)
        self.wire.setstat(path, mtime=picture.mtime)

    def partial(self, path: str) -> str:
        """F.part."""
        return f"{path}.part"

    def _require_space(self, path: str, picture: Picture) -> None:
        assert self.wire.statvfs(_above(path)) > len(picture.content), "not enough space"

    def _put(self, path: str, handle: bytes, picture: Picture, *, offset: int = 0) -> None:
        del path
        with self._cancellable(self.wire.die):  # its worker is killed
            self.wire.write(handle, picture.content, chunk=self.chunk, offset=offset)
        self.wire.close(handle)


class Nautilus(Client):
    """gvfs 1.50, as Nautilus uses it: one connection for bytes, another for the rest.

    Its daemon closes the handle whether the copy was cancelled or its application killed.
    """

    name = "Nautilus, gvfs 1.50 (replayed)"

    def __init__(self, connect: Connect) -> None:
        super().__init__(connect)
        self._rest = connect()

    def new(self, path: str, picture: Picture) -> None:
        """LSTAT, STAT; other connection: O(W|C|X 0666), w32k, CLOSE, LSTAT; first one: S(mode, mtime)."""
        self._rest.lstat(path)
        self._rest.stat(_above(path))
        self._put(self.wire.open(path, W | C | X, 0o666), picture)
        self.wire.lstat(path)
        self._rest.setstat(path, mode=0o644, mtime=picture.mtime)

    def overwrite(self, path: str, picture: Picture) -> None:
        """O(W|C|X) refused, O(W|C|X) .giosaveXXXXXX, w32k, CLOSE, S(mode, mtime), REMOVE F, RENAME."""
        self._rest.lstat(path)
        self._rest.stat(_above(path))
        with suppress(RefusedError):
            self.wire.open(path, W | C | X, 0o666)
        saved = f"{_above(path)}/.giosaveK3J9QZ"
        self._put(self.wire.open(saved, W | C | X, 0o666), picture)
        self._rest.setstat(saved, mode=0o644, mtime=picture.mtime)
        self._rest.remove(path)
        self._rest.rename(saved, path)

    def _put(self, handle: bytes, picture: Picture) -> None:
        with self._cancellable(lambda: self.wire.close(handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk)
        self.wire.close(handle)


class Camera(Client):
    """A camera, Photo Mechanic, Lightroom, of which nothing is known: the least that a client can send."""

    name = "cameras, Photo Mechanic, Lightroom (assumed)"

    def new(self, path: str, picture: Picture) -> None:
        """O(W|C|T), writes, CLOSE; the same once more if that failed."""
        handle = self.wire.open(path, W | C | T)
        with self._cancellable(lambda: self.wire.close(handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk)
        self.wire.close(handle)

    overwrite = new


class ExifTool(Client):
    """ExifTool over sshfs: NAME becomes NAME_original, unless that is there, and the new file NAME."""

    name = "ExifTool (replayed)"
    temporary = True

    def new(self, path: str, picture: Picture) -> None:
        """Copy a file with `cp -p` over sshfs: ExifTool itself only changes what is there."""
        self.wire.lstat(path)
        handle = self.wire.open(path, W | C | X)
        self.wire.lstat(path)
        self.wire.fstat(handle)
        self.wire.write(handle, picture.content, chunk=self.chunk)
        self.wire.setstat(path, mtime=picture.mtime)
        self.wire.setstat(path, mode=0o100644)
        self.wire.close(handle)

    def overwrite(self, path: str, picture: Picture) -> None:
        """Read F; O(W|C|T) tmp, writes, CLOSE, S(mode), S(owner); F becomes F_original, tmp F."""
        self._write_temporary(path, picture)
        if self.wire.lstat(f"{path}_original") is None:
            self.wire.posix_rename(path, f"{path}_original")
        self.wire.posix_rename(self.partial(path), path)

    def partial(self, path: str) -> str:
        """F_exiftool_tmp."""
        return f"{path}_exiftool_tmp"

    def _write_temporary(self, path: str, picture: Picture) -> None:
        self.wire.read(path)
        there = self.wire.lstat(path)
        assert there is not None
        handle = self.wire.open(self.partial(path), W | C | T)
        with self._cancellable(lambda: self._give_up(path, handle)):
            self.wire.write(handle, picture.content, chunk=self.chunk)
        self.wire.close(handle)
        self.wire.setstat(self.partial(path), mode=there.mode)
        self.wire.setstat(self.partial(path), owner=there.owner)

    def _give_up(self, path: str, handle: bytes) -> None:
        self.wire.close(handle)
        self.wire.remove(self.partial(path))


class ExifToolOverwriting(ExifTool):
    """ExifTool -overwrite_original: the new file is renamed over NAME."""

    name = "ExifTool -overwrite_original (replayed)"

    def overwrite(self, path: str, picture: Picture) -> None:
        """The same; tmp is renamed over F."""
        self._write_temporary(path, picture)
        self.wire.posix_rename(self.partial(path), path)


class ExifToolInPlace(ExifTool):
    """ExifTool -overwrite_original_in_place: all bytes of NAME are written again, then it is cut.

    A transfer that stops here has stopped in NAME itself.
    """

    name = "ExifTool -overwrite_original_in_place (replayed)"

    def overwrite(self, path: str, picture: Picture) -> None:
        """The same tmp; O(R|W) F, all bytes from 0, FS(size), CLOSE, REMOVE tmp."""
        stops, self.wire.stops = self.wire.stops, None
        self._write_temporary(path, picture)
        handle = self.wire.open(path, R | W)
        self.wire.stops = stops
        self.wire.write(handle, picture.content, chunk=self.chunk)
        self.wire.fsetstat(handle, size=len(picture.content))
        self.wire.close(handle)
        self.wire.remove(self.partial(path))


def _above(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _size(attributes: Attributes) -> int:
    assert attributes.size is not None
    return attributes.size
