"""``path("service/", include("toto_django.urls"))``: one URLconf for WSGI and ASGI servers."""

from typing import Any

from django.urls.resolvers import RegexPattern

from toto_django.twins import TwinPattern
from toto_django.views import adispatch, dispatch

__all__ = ["DispatchPattern", "app_name", "urlpatterns"]


class DispatchPattern(TwinPattern):
    """The dispatch view, plain or as a coroutine."""

    twin = staticmethod(adispatch)


app_name = "toto_django"
urlpatterns: list[Any] = [
    DispatchPattern(
        RegexPattern(r"^(?P<path>(?s:.*))$", name="dispatch", is_endpoint=True), dispatch, name="dispatch"
    )
]
