"""Which failures are tried again, and after how long."""

import random
import time

from toto_django.remote.errors import (
    CallTimeout,
    ConnectionLost,
    HTTPStatusError,
    NetworkError,
    NotConnected,
    RateLimited,
    RequestError,
    ServerError,
    TimedOut,
    TotoError,
    Unavailable,
)

__all__ = ["Deadline", "backoff", "is_transient", "may_repeat"]

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds."""
BUSY = (429, 502, 503, 504)
"""HTTP statuses of proxies whose service is away for the moment."""


class Deadline:
    """When a call has to have its answer; ``seconds`` None is never."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._at = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds. Raises CallTimeout when none are left."""
        if self._at is None:
            return None
        left = self._at - time.monotonic()
        if left <= 0:
            raise CallTimeout(f"There was no answer within {self._seconds} seconds.")
        return left

    def leaves(self, seconds: float) -> bool:
        """Whether that much time is left."""
        return self._at is None or time.monotonic() + seconds < self._at


def backoff(failures: int, error: TotoError | None = None) -> float:
    """Seconds to wait after so many failures in a row, the first being 0, the last one ``error``.

    Twice as long each time, less up to a half by chance, so that clients do not come back
    all at once; and not before a service that is busy said.
    """
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 20))
    pause = longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)
    return max(pause, error.retry_after) if isinstance(error, RateLimited) else pause


def may_repeat(error: TotoError, is_repeatable: bool) -> bool:
    """Whether a call that failed so may be made again: if it cannot have run, or may run twice."""
    if isinstance(error, NotConnected):
        return True
    if isinstance(error, HTTPStatusError):
        return is_repeatable and error.status in BUSY
    return is_repeatable and isinstance(error, ConnectionLost | RateLimited | Unavailable)


def is_transient(error: TotoError) -> bool:
    """Whether somebody who asks again and again may have an answer later."""
    if isinstance(error, HTTPStatusError):
        return error.status >= 500 or error.status in BUSY
    if isinstance(error, ServerError):
        return not isinstance(error, RequestError)
    return isinstance(error, NetworkError | RateLimited | TimedOut | Unavailable)
