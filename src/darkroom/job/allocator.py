"""How a stage's process treats freed memory."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""
LARGE = 2**30
"""Bytes: blocks up to this size stay with the process once they are freed."""


def keep_freed_memory() -> None:
    """Let this process reuse large blocks that it freed; without effect where the C library is not glibc.

    By default glibc gives every block of some megabytes back to the system, and gets it again page by page. A training step
    frees and allocates all its activations, and would spend much of its time in page faults.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(MMAP_THRESHOLD, LARGE)
        library.mallopt(TRIM_THRESHOLD, LARGE)
