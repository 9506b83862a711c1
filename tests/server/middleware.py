"""Middleware of a project, which leave their names in the header X-Seen on the way back."""

import time
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

__all__ = ["SLOWNESS", "Slow", "inner", "outer"]

SLOWNESS = 0.3
"""Seconds that `Slow` takes."""


def _seen(response: Any, name: str) -> Any:
    response.headers["X-Seen"] = f"{response.headers.get('X-Seen', '')} {name}".strip()
    return response


def _named(name: str) -> Any:
    @sync_and_async_middleware
    def middleware(get_response: Any) -> Any:
        if iscoroutinefunction(get_response):

            async def aseen(request: Any) -> Any:
                return _seen(await get_response(request), name)

            return aseen
        return lambda request: _seen(get_response(request), name)

    return middleware


outer, inner = _named("outer"), _named("inner")


class Slow:
    """Synchronous only."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        time.sleep(SLOWNESS)
        return _seen(self.get_response(request), "slow")
