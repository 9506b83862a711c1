"""Counts of a server process, which whoever measures reads."""

import mmap
import os
from pathlib import Path
from threading import Lock

__all__ = ["TALLIES", "Tally"]

TALLIES = "BENCH_TALLIES"
"""The variable with the folder where each process keeps its counts."""


class Tally:
    """Counts in any thread, in a file that other processes read."""

    def __init__(self, name: str) -> None:
        path = Path(os.environ[TALLIES], f"{name}.{os.getpid()}")
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._total = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
        self._lock = Lock()

    def add(self) -> None:
        with self._lock:
            self._total[0] += 1
