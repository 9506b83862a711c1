"""What the C library's malloc has given out, of which resident memory tells only the peaks."""

import ctypes

__all__ = ["allocated"]

_NAMES = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks"),
    "keepcost",
)


class _Information(ctypes.Structure):
    """See mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _NAMES]


_malloc_information = getattr(ctypes.CDLL(None), "mallinfo2", None)
if _malloc_information is not None:
    _malloc_information.restype = _Information


def allocated() -> int:
    """Bytes, but for Python's small objects, which have blocks of their own; 0 where the library does not tell."""
    if _malloc_information is None:
        return 0
    told = _malloc_information()
    return int(told.uordblks + told.hblkhd)
