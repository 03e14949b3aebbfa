"""What goes back to the kernel: errnos and attributes."""

import errno
import functools
import logging
import stat
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

import pyfuse3

from jobfs import metrics
from jobfs.domain import inodes
from jobfs.domain.inodes import Kind
from jobfs.domain.names import LONGEST_ENTRY_NAME
from jobfs.errors import JobfsError
from jobfs.tree import reports
from jobfs.tree.changes import Place
from jobfs.tree.refusals import IncompleteError, OwnershipError
from jobfs.tree.views import Node

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_BLOCK = 512  # bytes; the unit of st_blocks, whatever the file system
_UNCHANGED = 2**32 - 1  # what chown(2) passes for "leave it"
_PREFERRED_TRANSFER = 128 * 1024  # bytes; st_blksize, what cp and friends read and write at once

#: What a disk may say for reasons of its own. Everything else, ENOENT above all, would tell the client
#: something about the file it named.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
#: What operators are woken for, and is shown from 0 on: a monitor sees no rise of what was not there before.
_TELLING = (errno.EIO, errno.ENOSPC)


def replies_errno(
    handler: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Turn whatever a handler raises into an errno, and measure how long the kernel waits.

    The only place that does: an exception that escaped would end the mount for everyone.
    """
    durations = metrics.KERNEL_REQUESTS.of(handler.__name__)
    failed = partial(_failed, handler.__name__)
    for telling in _TELLING:
        metrics.KERNEL_FAILURES.of(handler.__name__, errno.errorcode[telling])

    @functools.wraps(handler)
    async def reply(*args: P.args, **kwargs: P.kwargs) -> T:
        began = perf_counter()
        try:
            return await handler(*args, **kwargs)
        except pyfuse3.FUSEError:
            raise
        except IncompleteError as refusal:
            raise failed(refusal.errno, "incomplete") from refusal
        except JobfsError as refusal:
            # EIO says that something is wrong with jobfs.
            if refusal.errno == errno.EIO:
                log.error("%s: %s", handler.__name__, refusal)  # noqa: TRY400 (no bug, no stack)
            raise failed(refusal.errno) from refusal
        except OSError as trouble:  # the store's disk
            if trouble.errno not in _FULL:
                log.exception("%s: replying EIO", handler.__name__)
                raise failed(errno.EIO) from trouble
            log.warning("%s: %s", handler.__name__, trouble)
            raise failed(trouble.errno) from trouble
        except Exception as bug:
            log.exception("%s: replying EIO", handler.__name__)
            raise failed(errno.EIO) from bug
        finally:
            durations.note(perf_counter() - began)

    return reply


def _failed(request: str, number: int, name: str = "") -> pyfuse3.FUSEError:
    """Count a failure, by the errno's name unless it has a better one, and return it for the kernel."""
    metrics.KERNEL_FAILURES.of(request, name or errno.errorcode[number]).add()
    return pyfuse3.FUSEError(number)


def attributes(node: Node) -> pyfuse3.EntryAttributes:
    """Return a node as the kernel wants it, which remembers it for as long as the answer holds."""
    reply = pyfuse3.EntryAttributes()
    reply.st_ino = node.inode
    reply.generation = 0
    reply.entry_timeout = node.holds
    reply.attr_timeout = node.holds
    reply.st_mode = node.mode
    reply.st_nlink = node.links
    reply.st_uid = node.uid
    reply.st_gid = node.gid
    reply.st_size = node.size
    reply.st_blksize = _PREFERRED_TRANSFER
    reply.st_blocks = -(-node.size // _BLOCK)
    reply.st_mtime_ns = node.mtime_ns
    reply.st_ctime_ns = node.ctime_ns
    reply.st_atime_ns = node.atime_ns
    return reply


#: Seconds for which the kernel may remember that a directory holds nothing of a name.
_ABSENT = 0.03


def may_be_absent(place: Place) -> bool:
    """Whether the kernel may remember that a directory holds nothing of a name.

    Programs look for a name several times before they make it. Not of a name that has other spellings: made
    under one of them, it is there under all. Nor of what jobfs writes, which nobody makes. In accounts' roots
    nobody makes anything, and OpenSSH's server looks for /etc/localtime for each line of a listing.
    """
    kind = inodes.unpack(place.parent).kind
    is_plain = place.name.isascii() and not reports.may_be_kept(*place)
    return kind is Kind.ACCOUNT or (kind is Kind.ENTRY and is_plain)


def absent() -> pyfuse3.EntryAttributes:
    """Return the answer to a name that a directory does not hold: briefly, there is none."""
    reply = pyfuse3.EntryAttributes()
    reply.st_ino = pyfuse3.InodeT(0)
    reply.entry_timeout = _ABSENT
    return reply


def spelled(name: bytes, node: Node, reply: pyfuse3.EntryAttributes) -> pyfuse3.EntryAttributes:
    """Return the answer to a name, which the kernel forgets if it is another spelling of the node's own.

    It would show one file under two names, and miss the removal of one of them.
    """
    if name != node.name.encode():
        reply.entry_timeout = 0
    return reply


#: Seconds for which the kernel may remember the attributes of a file that jobfs writes: long enough for
#: the rest of one system call, on however busy a machine, and over before anybody's next look.
_ONE_CALL = 0.05


def named_report(node: Node) -> pyfuse3.EntryAttributes:
    """Return a file that jobfs writes as the answer to a name, which is what a client sees of it: 0444.

    See `jobfs/decisions/0010-read-only-and-overwritten.md`.
    """
    reply = attributes(node)
    reply.attr_timeout = _ONE_CALL
    return reply


def opened_report(node: Node) -> pyfuse3.EntryAttributes:
    """Return the same as the answer to its number: the kernel asks again before it refuses to open it."""
    return attributes(node._replace(mode=node.mode | stat.S_IWUSR))


def file_info(number: int) -> pyfuse3.FileInfo:
    """Say how a file is opened: around the page cache, which versions must not share."""
    return pyfuse3.FileInfo(fh=pyfuse3.FileHandleT(number), direct_io=True, keep_cache=False)


def require_same_owner(
    node: Node, attr: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields
) -> None:
    """Raise OwnershipError if a file is to be given to somebody."""
    stays = (not fields.update_uid or attr.st_uid in {node.uid, _UNCHANGED}) and (
        not fields.update_gid or attr.st_gid in {node.gid, _UNCHANGED}
    )
    if not stays:
        raise OwnershipError("a file belongs to the account that looks at it")


def file_system(*, total: int, free: int, files: int, free_files: int) -> pyfuse3.StatvfsData:
    """Return the answer to statfs; sizes in bytes. Zeros would make KIO refuse to upload."""
    reply = pyfuse3.StatvfsData()
    block = 4096
    reply.f_bsize = block
    reply.f_frsize = block
    reply.f_blocks = total // block
    reply.f_bfree = free // block
    reply.f_bavail = free // block
    reply.f_files = files
    reply.f_ffree = free_files
    reply.f_favail = free_files
    reply.f_namemax = LONGEST_ENTRY_NAME
    return reply
