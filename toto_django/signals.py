"""Signals of a call and of an account's life.

``method_started`` and ``method_finished`` are Toto's before and after hooks: the
sender is the handler's class, ``transaction_id`` a uuid4 as text. A batch sends its
own pair with the method name ``<batch>``; an unknown method sends only the second.
"""

from typing import Any

from django.dispatch import Signal

__all__ = [
    "account_created",
    "aemit",
    "emit",
    "method_finished",
    "method_started",
    "password_changed",
    "session_created",
    "session_ended",
]

method_started = Signal()
"""transaction_id, method (its name), handler."""

method_finished = Signal()
"""transaction_id, method (its name), handler, result (a messages.Answer)."""

account_created = Signal()
"""user_id."""

password_changed = Signal()
"""user_id; sent after a change and after a reset."""

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
