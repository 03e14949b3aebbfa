"""The memory that a decoder keeps from one picture to the next.

The kernel clears every page that it gives out. For each picture these were some 30 MB, and a
seventh of all CPU time. Now they are kept while pictures come, and given back in a pause.

Called through ctypes: Python has no other way to the C library's own settings of malloc().
"""

import ctypes

# malloc.h of the GNU C library; bytes. What is longer than the second is never kept, and it takes no more.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LONGEST = 128 * 1024**2, 32 * 1024**2


def keep() -> None:
    """Let this process keep memory that it has done with, up to a limit."""
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
    libc.mallopt(_M_MMAP_THRESHOLD, _LONGEST)


def give_back() -> None:
    """Give the kernel what this process keeps and does not use."""
    ctypes.CDLL(None).malloc_trim(0)
