"""What the C library's malloc has given out: resident memory tells of that only the peaks."""

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


def allocated() -> tuple[int, int]:
    """Bytes in use, and free between them, beside the blocks of Python's own; 0 where nobody tells."""
    if _malloc_information is None:
        return 0, 0
    told = _malloc_information()
    return told.uordblks + told.hblkhd, told.fordblks
