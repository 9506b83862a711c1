"""Tables in Markdown, medians, and ratios taken within each round."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.load import Figures

__all__ = ["Table", "bars", "cpu", "failed", "median", "ratio", "speed"]

WIDTH = 30
"""Characters of the longest bar."""


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; columns after the first ``texts`` are aligned to the right."""

    title: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    notes: Sequence[str] = ()
    texts: int = 1
    failed: int = 0
    """Requests that got no answer or a wrong one."""

    def __str__(self) -> str:
        lines = ["---" if number < self.texts else "---:" for number in range(len(self.columns))]
        rows = [_row(row) for row in (self.columns, lines, *self.rows)]
        notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join([f"## {self.title}", "", *rows, *notes, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def median(rounds: Iterable[Figures], figure: Callable[[Figures], float]) -> float:
    return statistics.median(map(figure, rounds))


def speed(rounds: Iterable[Figures]) -> float:
    """Calls per second."""
    return median(rounds, lambda figures: figures.per_second)


def cpu(rounds: Iterable[Figures]) -> float:
    """Microseconds of a call."""
    return 1e6 * median(rounds, lambda figures: figures.cpu)


def failed(rounds: Iterable[Figures]) -> int:
    return sum(figures.failed for figures in rounds)


def ratio(rounds: Iterable[Figures], others: Iterable[Figures]) -> float:
    """Of calls per second; the rounds belong together one by one."""
    pairs = zip(rounds, others, strict=True)
    return statistics.median(
        one.per_second / other.per_second if other.per_second else 0.0 for one, other in pairs
    )


def bars(values: Sequence[float]) -> list[str]:
    """As long as the values are large."""
    unit = max(values) / WIDTH or 1.0
    return ["█" * round(value / unit) for value in values]
