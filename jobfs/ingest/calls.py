"""The system calls that a decoder may make, as a program that the kernel asks about each.

A list of what is allowed, not of what is not: the kernel gets new calls every year. It holds what
Python, its memory, its lock and its pipes need while files are decoded that were opened by others:
nothing that names a file, makes a socket or a process, or touches another process. Threads it may make,
since libde265 decodes HEIC in one of its own; a thread is confined as the one that made it.

Refused calls fail and do not kill. What libraries try and can do without must stay possible; who has
been taken over gains nothing by trying. Calls from 424 on fail with ENOSYS, as on a kernel that is
older than they are: the GNU C library runs on Linux 3.2 and knows a way without each of them. Others
fail with EPERM, which Python's imports take as "not there".
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass

#: One instruction of the kernel's packet filter: code, jump if true, jump if false, operand.
Instruction = tuple[int, int, int, int]

# include/uapi/linux/bpf_common.h and filter.h
_LOAD = 0x00 | 0x00 | 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL = 0x05 | 0x10 | 0x00  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST = 0x05 | 0x30 | 0x00  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT = 0x05 | 0x40 | 0x00  # BPF_JMP | BPF_JSET | BPF_K
_ANSWER = 0x06 | 0x00  # BPF_RET | BPF_K

# include/uapi/linux/seccomp.h
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
# struct seccomp_data; of arguments the lower half, which comes first on both machines
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16

_UNIFIED = 424  # include/uapi/asm-generic/unistd.h: pidfd_send_signal and all later
_PROT_EXEC = 0x4  # include/uapi/asm-generic/mman-common.h
_AT_EMPTY_PATH = 0x1000  # include/uapi/linux/fcntl.h
#: What pthread_create() asks of clone(2), and nothing else does: CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD,
#: _SYSVSEM, _SETTLS, _PARENT_SETTID and _CHILD_CLEARTID. Source: the GNU C library,
#: sysdeps/unix/sysv/linux/createthread.c; it turns to clone(2) where clone3(2) is not there.
_A_THREAD = 0x003D0F00


@dataclass(frozen=True, slots=True)
class _Machine:
    """*audit* is its number in include/uapi/linux/audit.h, *column* where its calls' numbers are."""

    audit: int
    column: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}

#: Numbers on x86_64 and aarch64; None where a machine has no such call. Source: Linux 6.12,
#: arch/x86/include/generated/uapi/asm/unistd_64.h and arch/arm64/include/generated/uapi/asm/unistd_64.h
_ALLOWED: Mapping[str, tuple[int | None, int | None]] = {
    # files that are open
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "fstat": (5, 80),
    "pread64": (17, 67), "recvmsg": (47, 212), "dup3": (292, 24),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    # memory
    "brk": (12, 214), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233),
    # Python's lock, and signals that it gets
    "futex": (202, 98), "sched_yield": (24, 124), "membarrier": (324, 283),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128),
    # what is known of oneself, the machine and the time
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getgroups": (115, 158),
    "getrusage": (98, 165), "sched_getaffinity": (204, 123), "sysinfo": (99, 179),
    "uname": (63, 160), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "getrandom": (318, 278),
    # a thread's beginning
    "set_robust_list": (273, 99), "rseq": (334, 293),
    # the end
    "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip

#: Calls that are allowed with some arguments only; numbers as above.
_MMAP, _MPROTECT, _NEWFSTATAT, _PRLIMIT64, _TGKILL, _CLONE = (
    (9, 222),
    (10, 226),
    (262, 79),
    (302, 261),
    (234, 131),
    (56, 220),
)


def program(machine: str, *, pid: int) -> list[Instruction] | None:
    """Return the filter for a process on a machine as uname(2) calls it; None for unknown machines."""
    known = _MACHINES.get(machine)
    if known is None:
        return None
    return [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, known.audit),  # a 32-bit call has other numbers
        (_ANSWER, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_plain(known.column),
        *_conditional(known.column, pid),
        (_IF_AT_LEAST, 0, 1, _UNIFIED),
        (_ANSWER, 0, 0, _FAIL | errno.ENOSYS),
        (_ANSWER, 0, 0, _FAIL | errno.EPERM),
    ]


def _plain(column: int) -> list[Instruction]:
    """Allow the calls that are allowed with any arguments."""
    listed: list[Instruction] = []
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            listed += [(_IF_EQUAL, 0, 1, number), (_ANSWER, 0, 0, _ALLOW)]
    return listed


def _conditional(column: int, pid: int) -> list[Instruction]:
    """Allow memory that holds no code, what is asked of open files, and what concerns oneself."""
    return [
        *_if(_MMAP[column], 2, (_IF_ANY_BIT, 1, 0, _PROT_EXEC)),
        *_if(_MPROTECT[column], 2, (_IF_ANY_BIT, 1, 0, _PROT_EXEC)),
        *_if(_NEWFSTATAT[column], 3, (_IF_ANY_BIT, 0, 1, _AT_EMPTY_PATH)),  # fstat() in Debian 12
        *_if(_PRLIMIT64[column], 0, (_IF_EQUAL, 0, 1, 0)),
        *_if(_TGKILL[column], 0, (_IF_EQUAL, 0, 1, pid)),  # abort()
        *_if(_CLONE[column], 0, (_IF_EQUAL, 0, 1, _A_THREAD)),
    ]


def _if(number: int, argument: int, test: Instruction) -> list[Instruction]:
    """Allow a call if its argument passes the test, which skips one instruction if not."""
    return [
        (_IF_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        test,
        (_ANSWER, 0, 0, _ALLOW),
        (_ANSWER, 0, 0, _FAIL | errno.EPERM),
    ]
