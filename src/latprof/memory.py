"""How the C library treats memory that was freed."""

from __future__ import annotations

import sys

__all__ = ["keep_freed"]

# Numbers of mallopt(3) for glibc: give back the end of the heap, room to add to it, and the size from which an
# allocation is mapped on its own.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MB = 1 << 20


def keep_freed() -> bool:
    """Freed memory stays with this process, which uses it again; whether the C library could be told.

    Columns of some hundred kB are allocated and freed all the time. Each time the C library would give their memory
    back and ask for new, which the system has to fill with zeros, page by page. Larger ones are few, and are given
    back, so that the peak does not grow. Nothing happens where the C library is another one.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # numpy has loaded it

    try:
        tune = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    sizes = {_MMAP_THRESHOLD: _MB, _TRIM_THRESHOLD: 1024 * _MB, _TOP_PAD: 16 * _MB}
    told = [tune(what, size) for what, size in sizes.items()]
    return all(told)
