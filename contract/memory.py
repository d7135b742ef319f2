"""Keeps freed memory with the process.

glibc hands a large block back to the system as soon as it is freed, and every page of the next one is faulted in and
zeroed again. Where blocks of the same size come and go for ever, that costs more than what is done with them.
"""

import ctypes

_ALL = -1  # to glibc: never trim. Its numbers are C ints: of 4 GiB nothing would be left
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # malloc.h


def keep_memory(kept: int = _ALL, large: int | None = None) -> None:
    """Let up to `kept` free bytes stay, by default all of them.

    Blocks from `large` bytes on go back at once, with None none do. With another C library nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_TRIM_THRESHOLD, kept)
    if large is None:
        mallopt(_M_MMAP_MAX, 0)
    else:
        mallopt(_M_MMAP_THRESHOLD, large)
