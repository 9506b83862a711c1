"""``path("service/", include("toto_django.urls"))``: one URLconf for WSGI and ASGI servers."""

import asyncio
from typing import Any

from django.urls import URLPattern
from django.urls.resolvers import RegexPattern, ResolverMatch

from toto_django.views import adispatch, dispatch

__all__ = ["DispatchPattern", "app_name", "urlpatterns"]


class DispatchPattern(URLPattern):
    """Resolves to the coroutine view on an event loop, to the plain view anywhere else.

    So a plain method under WSGI meets no event loop, and a call under ASGI no thread it
    does not need.
    """

    def resolve(self, path: str) -> ResolverMatch | None:
        match = super().resolve(path)
        if match is not None and _is_on_event_loop():
            match.func = adispatch
        return match


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


app_name = "toto_django"
urlpatterns: list[Any] = [
    DispatchPattern(
        RegexPattern(r"^(?P<path>(?s:.*))$", name="dispatch", is_endpoint=True), dispatch, name="dispatch"
    )
]
