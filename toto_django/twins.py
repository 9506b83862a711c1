"""Views that exist twice, plain and as a coroutine, behind one route."""

import asyncio
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern
from django.urls.resolvers import ResolverMatch

__all__ = ["TwinPattern"]


class TwinPattern(URLPattern):
    """Resolves to the coroutine view on an event loop, to the plain view anywhere else.

    So a plain view under WSGI meets no event loop, and a call under ASGI no thread it
    does not need.
    """

    twin: Callable[..., Any]
    """The coroutine view."""

    def resolve(self, path: str) -> ResolverMatch | None:
        match = super().resolve(path)
        if match is not None and _is_on_event_loop():
            match.func = self.twin
        return match


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
