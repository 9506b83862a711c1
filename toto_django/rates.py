"""Rates, "5/min", and the rule by which calls are counted against one.

The rule is the generic cell rate algorithm: a bucket that holds ``count`` calls and gets one
back every ``interval``. All that is kept of a bucket is the time at which it will be full
again. Times are whole microseconds, so that nothing is lost by rounding.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

__all__ = ["SECOND", "Charge", "Rate", "charge", "parsed_rate", "whole_seconds"]

SECOND = 1_000_000
_UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
_RATE = re.compile(
    r"([1-9]\d{0,5})/([1-9]\d{0,4})?(?:(s)(?:ec(?:onds?)?)?|(m)(?:in(?:utes?)?)?|(h)(?:ours?)?|(d)(?:ays?)?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` calls at once, and one more after each ``interval`` in microseconds."""

    count: int
    interval: int

    @property
    def period(self) -> int:
        """Microseconds in which an empty bucket gets full."""
        return self.count * self.interval


class Charge(NamedTuple):
    """Times in microseconds. A call that has to wait is refused, and changes nothing."""

    full_at: int
    wait: int


@lru_cache(maxsize=256)
def parsed_rate(text: str) -> Rate:
    """What "5/min", "100/10m", "10/s", "1000/day" mean. Raises ValueError."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate, as '5/min' and '100/10m' are.")
    count, length, *units = match.groups()
    period = int(length or 1) * next(_UNITS[unit] for unit in units if unit) * SECOND
    return Rate(int(count), -(-period // int(count)))


def charge(full_at: int | None, rate: Rate, now: int, calls: int = 1) -> Charge:
    """Take calls from a bucket; -1 gives one back. ``full_at`` is None where nothing is kept of it."""
    before = max(now, full_at or 0)
    after = max(now, before + calls * rate.interval)
    wait = after - now - rate.period
    return Charge(before, wait) if wait > 0 else Charge(after, 0)


def whole_seconds(microseconds: int) -> int:
    """Rounded up, so that whoever waits that long has waited long enough."""
    return -(-microseconds // SECOND)
