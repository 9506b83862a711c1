"""A long-poll that is made again and again."""

import time
from typing import Any

from toto_django.remote.errors import CallTimeout, TimedOut, TotoError
from toto_django.remote.retrying import backoff, is_transient

__all__ = ["EMPTY", "Polling"]

EMPTY: tuple[Any, ...] = (None, [], {}, "")
"""Answers that are no messages."""
SHORTEST_POLL = 1.0
"""Seconds that a poll without a message takes at least, whatever a service answers."""


class Polling:
    """What the loops of both clients decide: the next parameters, what is a message, how long to wait."""

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters
        self._last: Any = None
        self._failures = 0
        self._began = 0.0

    def begin(self) -> Any:
        """The parameters of the next call."""
        self._began = time.monotonic()
        return self._parameters(self._last) if callable(self._parameters) else self._parameters

    def has_message(self, result: Any) -> bool:
        self._failures = 0
        if result in EMPTY:
            return False
        self._last = result
        return True

    def pause_after_nothing(self) -> float:
        return max(0.0, self._began + SHORTEST_POLL - time.monotonic())

    def pause_after(self, error: TotoError) -> float:
        """Raises the error, if it would only come again."""
        if isinstance(error, TimedOut | CallTimeout):
            return self.pause_after_nothing()
        if not is_transient(error):
            raise error
        self._failures += 1
        return backoff(self._failures - 1, error)
