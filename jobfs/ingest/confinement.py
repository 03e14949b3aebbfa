"""What the kernel takes from a process for good: files, the network, other processes, most calls.

Two layers, since either can be missing or have a hole. Landlock refuses what it knows by its meaning;
seccomp refuses every system call that is not on a list. Both need no right but the promise never to
get more (no_new_privs), hold for the calling thread, and cannot be taken back. What is open stays open.

Called through ctypes, with numbers from the kernel's headers: libseccomp and its bindings would be one
more library to trust and to ship for three system calls and a list of numbers.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from enum import StrEnum

from jobfs.ingest import calls
from jobfs.ingest.calls import Instruction


class Layer(StrEnum):
    """Something that confines a process; which of them there are is the kernel's matter."""

    FILES = "landlock (files)"
    TCP = "landlock (TCP)"
    SCOPES = "landlock (signals, abstract sockets)"
    CALLS = "seccomp"


# include/uapi/linux/prctl.h and seccomp.h
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_SET_NO_NEW_PRIVS = 38

# include/uapi/asm-generic/unistd.h; from 424 on numbers are the same on every machine
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1 << 0  # include/uapi/linux/landlock.h, like the rest

#: What landlock's first version knows of files: the rights EXECUTE (bit 0) to MAKE_SYM (bit 12).
_FILE_RIGHTS = (1 << 13) - 1
#: What later versions know besides: REFER, TRUNCATE, IOCTL_DEV.
_LATER_FILE_RIGHTS = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_TCP_SINCE, _TCP_RIGHTS = 4, 1 << 0 | 1 << 1  # BIND_TCP, CONNECT_TCP
_SCOPES_SINCE, _SCOPES = 6, 1 << 0 | 1 << 1  # ABSTRACT_UNIX_SOCKET, SIGNAL

#: How a kernel says that it has no such layer, or what stands around us that we may not have it.
_MISSING = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


class _Ruleset(ctypes.Structure):  # struct landlock_ruleset_attr
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Filter(ctypes.Structure):  # struct sock_filter
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):  # struct sock_fprog
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter)))


def confine() -> frozenset[Layer]:
    """Confine this process, which must have one thread and have loaded all it needs, for good.

    Returns what the kernel offers of the layers; what it lacks is left out. Raises OSError if it
    refuses for another reason.
    """
    give_up_new_privileges()
    return restrict() | filter_calls()


def give_up_new_privileges() -> None:
    """Let no program that this process may start have more rights than it; raises OSError."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def restrict() -> frozenset[Layer]:
    """Refuse, by landlock, all that it can refuse; returns its layers, or none."""
    try:
        version = _syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
        rules, layers = _everything(version)
        ruleset = _syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
        try:
            _syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as refusal:
        return _none_if_missing(refusal)
    return layers


def _everything(version: int) -> tuple[_Ruleset, frozenset[Layer]]:
    """Return rules without an exception, as far as this version of landlock goes."""
    rules, layers = _Ruleset(handled_access_fs=_FILE_RIGHTS), {Layer.FILES}
    for since, right in _LATER_FILE_RIGHTS.items():
        if version >= since:
            rules.handled_access_fs |= right
    if version >= _TCP_SINCE:
        rules.handled_access_net = _TCP_RIGHTS
        layers.add(Layer.TCP)
    if version >= _SCOPES_SINCE:
        rules.scoped = _SCOPES
        layers.add(Layer.SCOPES)
    return rules, frozenset(layers)


def filter_calls() -> frozenset[Layer]:
    """Refuse every system call but those that decoding needs; returns its layer, or none."""
    program = calls.program(os.uname().machine, pid=os.getpid())
    if program is None:
        return frozenset()
    try:
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_loadable(program)))
    except OSError as refusal:
        return _none_if_missing(refusal)
    return frozenset({Layer.CALLS})


def _loadable(program: Sequence[Instruction]) -> _Program:
    instructions = (_Filter * len(program))(*(_Filter(*one) for one in program))
    return _Program(len(program), instructions)


def _none_if_missing(refusal: OSError) -> frozenset[Layer]:
    if refusal.errno in _MISSING:
        return frozenset()
    raise refusal


def _prctl(option: int, *arguments: object) -> None:
    """Call prctl(2), which wants all five of its arguments."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *map(_wide, padded)) != 0:
        _raise(f"prctl({option})")


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(*map(_wide, (number, *arguments))))
    if result < 0:
        _raise(f"system call {number}")
    return result


def _wide(argument: object) -> object:
    """Return an argument as wide as a register: a variadic function is told no types."""
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _raise(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
