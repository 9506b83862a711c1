"""Whether it is right, line by line, against stated limits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.soak.figures import Course, Point, course, percentile
from benchmarks.soak.world import Outcome
from benchmarks.tables import Table

__all__ = ["Fact", "Figure", "Growth", "facts_table", "figures_table", "outcomes_table", "verdict"]

MEBIBYTE = 1024 * 1024
TEN_MINUTES = 600
HOUR = 3600
MOST_SKIPPED = 0.05


def verdict(is_ok: bool) -> str:
    return "ok" if is_ok else "**not ok**"


@dataclass(frozen=True)
class Growth:
    """What a figure may grow by in ten minutes: a share of its start, or so much where that is more."""

    share: float
    least: float

    def allowed(self, start: float, processes: int) -> float:
        return max(self.share * start, self.least * processes)


LOADED = {"memory": Growth(0.03, 3 * MEBIBYTE)}
"""What the figures of a process may grow by under load."""
QUIET = {
    "memory": Growth(0.04, 4 * MEBIBYTE),
    "memory in use": Growth(0.01, MEBIBYTE),
    "allocated": Growth(0.0, MEBIBYTE / 2),
    "blocks": Growth(0.0, 5000),
    "objects": Growth(0.0, 1000),
}
"""And from one silence to the next; the others return to what they were."""
IN_BYTES = ("memory", "memory in use", "allocated")
NOISE = 0.005
"""The part of a figure that it may grow by in however short a load."""


@dataclass(frozen=True)
class Figure:
    """How one went under load, and what it was in the silences before and after."""

    name: str
    process: str
    points: Sequence[Point]
    before: float
    after: float
    apart: float
    """Seconds from one silence to the other."""
    processes: int = 1
    """That it is the sum of."""

    @property
    def course(self) -> Course:
        return course(self.points)

    @property
    def is_ok(self) -> bool:
        return self.course.per_second <= self._steepest and self.has_returned

    @property
    def has_returned(self) -> bool:
        return self.after <= self._most_after

    @property
    def _steepest(self) -> float:
        """The slope a second that it may have."""
        growth = LOADED.get(self.name)
        if growth is None:
            return math.inf
        start, seconds = self.course.start, self.points[-1][0] - self.points[0][0]
        return max(growth.allowed(start, self.processes) / TEN_MINUTES, NOISE * start / max(1.0, seconds))

    @property
    def _most_after(self) -> float:
        growth = QUIET.get(self.name)
        if growth is None:
            return self.before
        return self.before + growth.allowed(self.before, self.processes) * max(1.0, self.apart / TEN_MINUTES)

    @property
    def limits(self) -> str:
        after = f"{self._shown(self._most_after)} after"
        steepest = self._steepest * HOUR
        return f"≤ {after}" if math.isinf(steepest) else f"≤ {self._shown(steepest, '+')} an hour, {after}"

    def row(self) -> tuple[str, ...]:
        seen = self.course
        values = (seen.start, seen.end, seen.least, seen.most)
        slope = self._shown(seen.per_second * HOUR, "+")
        silences = (self._shown(self.before), self._shown(self.after))
        name = (self.name, self.process)
        return (*name, *map(self._shown, values), slope, *silences, self.limits, verdict(self.is_ok))

    def _shown(self, value: float, sign: str = "") -> str:
        return f"{value / MEBIBYTE:{sign}.1f} MiB" if self.name in IN_BYTES else f"{value:{sign},.0f}"


def figures_table(figures: Sequence[Figure]) -> Table:
    columns = (
        *("figure", "process", "start", "end", "min", "max", "slope an hour", "before", "after"),
        *("limit", "verdict"),
    )
    return Table(
        "Figures of the server",
        columns,
        [figure.row() for figure in figures],
        notes=[
            "Start and end are the medians of the first and last tenth under load; the slope is the median "
            "of those between every two looks.",
            "Before and after: all clients are gone, and garbage has been collected.",
        ],
        texts=2,
        failed=sum(not figure.is_ok for figure in figures),
    )


@dataclass(frozen=True)
class Fact:
    """Something that was counted; ``most`` and ``least`` are its limits."""

    name: str
    count: float
    most: float | None = None
    least: float | None = None

    @property
    def is_ok(self) -> bool:
        return (self.most is None or self.count <= self.most) and (
            self.least is None or self.count >= self.least
        )

    def row(self) -> tuple[str, ...]:
        limits = [f"≤ {self.most:,g}"] if self.most is not None else []
        limits += [f"≥ {self.least:,g}"] if self.least is not None else []
        return self.name, f"{self.count:,g}", ", ".join(limits), verdict(self.is_ok) if limits else ""


def facts_table(facts: Sequence[Fact]) -> Table:
    columns = ("what", "count", "limit", "verdict")
    failed = sum(not fact.is_ok for fact in facts)
    return Table("Counts", columns, [fact.row() for fact in facts], failed=failed)


def outcomes_table(outcomes: dict[str, Outcome], seconds: float) -> Table:
    """Latencies in milliseconds; ``seconds`` is how long there was load."""
    rows = [_outcome_row(name, outcome, seconds) for name, outcome in sorted(outcomes.items()) if outcome]
    columns = (
        *("kind", "good", "a second", "median", "95 %", "99 %", "max, ms"),
        *("5xx", "unexpected", "skipped", "verdict"),
    )
    failed = sum(not _is_good(outcome) for outcome in outcomes.values())
    notes = ["Skipped: not begun, since too many of the kind were under way; at most 5 %."]
    return Table("Requests", columns, rows, notes, failed=failed)


def _is_good(outcome: Outcome) -> bool:
    begun = len(outcome.seconds) + outcome.skipped
    return not outcome.unexpected and outcome.skipped <= MOST_SKIPPED * begun


def _outcome_row(name: str, outcome: Outcome, seconds: float) -> tuple[str, ...]:
    taken = outcome.seconds
    latencies = [percentile(taken, part) for part in (0.5, 0.95, 0.99, 1)] if taken else []
    return (
        name,
        f"{len(taken):,}",
        f"{len(taken) / seconds:.1f}",
        *([f"{1000 * latency:,.1f}" for latency in latencies] or [""] * 4),
        f"{outcome.server_errors:,}",
        f"{outcome.unexpected.total():,}",
        f"{outcome.skipped:,}",
        verdict(_is_good(outcome)),
    )
