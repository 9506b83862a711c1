"""A long-poll that is made again and again."""

import time
from typing import Any

from toto_django.remote.conversation import Conversation, Pause, Steps
from toto_django.remote.errors import CallTimeout, TimedOut, TotoError
from toto_django.remote.retrying import backoff, is_transient

__all__ = ["EMPTY", "Polling"]

EMPTY: tuple[Any, ...] = (None, [], {}, "")
"""Answers that are no messages."""
SHORTEST_POLL = 1.0
"""Seconds that a poll without a message takes at least, whatever a service answers."""


class Polling:
    """Calls of one method. ``parameters`` may be a function of the last message."""

    def __init__(
        self, conversation: Conversation, method: str, parameters: Any, *, timeout: float | None
    ) -> None:
        self._conversation = conversation
        self._method = method
        self._parameters = parameters
        self._timeout = timeout
        self._last: Any = None
        self._failures = 0

    def message(self) -> Steps[Any]:
        """The next message, after as many calls as it takes. Raises errors that would only come again."""
        while True:
            began = time.monotonic()
            try:
                result = yield from self._conversation.call(
                    self._method, self._next_parameters(), timeout=self._timeout
                )
            except (TimedOut, CallTimeout):
                pause = _pause_after_nothing(began)
            except TotoError as error:
                if not is_transient(error):
                    raise
                pause = backoff(self._failures, error)
                self._failures += 1
            else:
                self._failures = 0
                if result not in EMPTY:
                    self._last = result
                    return result
                pause = _pause_after_nothing(began)
            yield Pause(pause)

    def _next_parameters(self) -> Any:
        return self._parameters(self._last) if callable(self._parameters) else self._parameters


def _pause_after_nothing(began: float) -> float:
    return max(0.0, began + SHORTEST_POLL - time.monotonic())
