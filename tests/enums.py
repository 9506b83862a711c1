"""Enumerations that methods with types take and return."""

import enum

__all__ = ["Kind", "Level"]


class Kind(enum.Enum):
    note = "note"
    task = "task"


class Level(enum.IntEnum):
    low = 1
    high = 2
