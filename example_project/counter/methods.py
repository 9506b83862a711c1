"""counter.increment, counter.value, counter.reset."""

from typing import Any

from toto_django import method
from toto_django.handler import Handler
from toto_django.invocation import anonymous_session, optionally_authenticated


@method
@anonymous_session
def increment(handler: Handler) -> int:
    """Add one. A caller without a session gets an anonymous one."""
    handler.session.update(_add_one)
    return handler.session["counter"]


@method
@optionally_authenticated
async def value(handler: Handler) -> int:
    """Read the counter, without starting a session for it."""
    return handler.session.get("counter", 0) if handler.session else 0


@method
@anonymous_session
def reset(handler: Handler) -> int:
    """Start again from 0."""
    handler.session["counter"] = 0
    handler.session.save()
    return 0


def _add_one(state: dict[str, Any]) -> None:
    """Given the newest state; parallel calls all count."""
    state["counter"] = state.get("counter", 0) + 1
