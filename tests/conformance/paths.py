"""Paths like ``$.a.b[0]`` inside decoded bodies."""

import copy
import re
from typing import Any

STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def steps(path: str) -> list[str | int]:
    """``$.a.b[0]`` (or ``body.a.b[0]``) as ["a", "b", 0]."""
    start = min((at for at in (path.find("."), path.find("[")) if at >= 0), default=len(path))
    return [name or int(index) for name, index in STEP.findall(path[start:])]


def read(value: Any, path: str) -> Any:
    """The value at ``path``; KeyError, IndexError or TypeError when there is none."""
    for step in steps(path):
        value = value[step]
    return value


def replaced(value: Any, path: str, replacement: Any) -> Any:
    """A copy of ``value`` with another value at ``path``."""
    *parents, last = steps(path)
    result = copy.deepcopy(value)
    inner = result
    for step in parents:
        inner = inner[step]
    inner[last] = replacement
    return result
