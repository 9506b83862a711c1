"""Statistics of what was measured again and again."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

__all__ = ["Course", "Point", "course", "percentile", "slope"]

Point = tuple[float, float]
"""When, in seconds, and how much."""

MOST = 300
"""Points of which every two are compared; of more, neighbours are put together first."""
PART = 10
"""Start and end are the medians of the first and the last of so many parts."""


@dataclass(frozen=True)
class Course:
    """How a figure went; ``per_second`` is its slope."""

    start: float
    end: float
    least: float
    most: float
    per_second: float


def course(points: Sequence[Point]) -> Course:
    """Of at least one point, in the order of time."""
    values = [value for _, value in points]
    part = max(1, len(values) // PART)
    return Course(
        start=statistics.median(values[:part]),
        end=statistics.median(values[-part:]),
        least=min(values),
        most=max(values),
        per_second=slope(points),
    )


def slope(points: Sequence[Point]) -> float:
    """Theil and Sen's: the median of the slopes between every two points. 0 for fewer than two."""
    width = -(-len(points) // MOST)
    windows = [points[at : at + width] for at in range(0, len(points), width)] if points else []
    joined = [
        (statistics.median(when for when, _ in window), statistics.median(value for _, value in window))
        for window in windows
    ]
    slopes = [
        (later - before) / (end - begin)
        for (begin, before), (end, later) in combinations(joined, 2)
        if end > begin
    ]
    return statistics.median(slopes) if slopes else 0.0


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of all does not exceed. Raises IndexError where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
