"""Freed memory is kept for the next step instead of being given back.

Every training step asks for the same large blocks and frees them. The C library of Linux hands such blocks back to the
system, which clears each page anew when it is next touched: a fifth to a third of the processor time of a small network.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""What glibc's `mallopt` calls: free memory above which some is given back; block size from which each is its own."""
MOST = 2**30


def keep_freed() -> bool:
    """Have this process keep up to 1 GiB of freed memory. Whether it does: only glibc can be told to."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(option, MOST) == 1 for option in (TRIM_THRESHOLD, MMAP_THRESHOLD))
