"""Signals of a call and of an account's life.

``method_started`` and ``method_finished`` are Toto's before and after hooks: the
sender is the handler's class, ``transaction_id`` a uuid4 as text. A batch sends its
own pair with the method name ``<batch>``; an unknown method sends only the second.

``call_started`` and ``call_finished`` are for metrics and traces: always a pair, around
those two, sent in place. Their receivers are plain functions that do not wait, called in
the thread or on the event loop of the call and in its context, so that the method sees
the context variables that they set.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

__all__ = [
    "account_created",
    "aemit",
    "call_finished",
    "call_started",
    "emit",
    "login_failed",
    "method_finished",
    "method_started",
    "password_changed",
    "session_created",
    "session_ended",
]


class _InPlaceSignal(Signal):
    """Sent on event loops too, without a task: nobody could wait there for a coroutine."""

    def connect(self, receiver: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if iscoroutinefunction(receiver):
            raise TypeError(
                "Receivers of call_started and call_finished are plain functions that do not wait."
            )
        super().connect(receiver, *args, **kwargs)


method_started = Signal()
"""transaction_id, method (its name), handler."""

method_finished = Signal()
"""transaction_id, method (its name), handler, result (a messages.Answer)."""

call_started = _InPlaceSignal(use_caching=True)
"""handler, method (the name of a registered method, ``<unknown>``, or ``<batch>``), kind ("call", "batch",
"member" of a batch, "frame" of a web socket)."""

call_finished = _InPlaceSignal(use_caching=True)
"""The same, and: code (that of the error as sent, None without one, "cancelled" where nothing was answered
since the client left), seconds, waited (how many of these it waited for events or a late answer)."""

account_created = Signal()
"""user_id."""

password_changed = Signal()
"""user_id; sent after a change and after a reset."""

login_failed = Signal()
"""user_id (as it was sent, made fit for a log), reason: a password was refused, wherever one is asked for."""

session_created = Signal()
"""user_id ("" for an anonymous session)."""

session_ended = Signal()
"""user_id; once when a session is logged out or revoked, once for all sessions of an account."""


def emit(signal: Signal, sender: Any, **arguments: Any) -> None:
    """Send to whoever listens; a receiver that raises is logged by Django and hurts nobody else."""
    if signal.receivers:
        signal.send_robust(sender, **arguments)


async def aemit(signal: Signal, sender: Any, **arguments: Any) -> None:
    """See emit."""
    if signal.receivers:
        await signal.asend_robust(sender, **arguments)
