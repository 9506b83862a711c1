"""``path("service/", URLRouter(websocket_urlpatterns))`` for projects with a router of their own.

`toto_django.asgi.get_asgi_application` needs no router.
"""

from django.urls import re_path

from toto_django.consumers import TotoConsumer

__all__ = ["SOCKET_PATH", "websocket_urlpatterns"]

SOCKET_PATH = r"^/?websocket/?(?P<session_id>[^/]*)$"
"""With a slash before the session id or without; doubled slashes come from clients set up with one more."""

websocket_urlpatterns = [re_path(SOCKET_PATH, TotoConsumer.as_asgi())]  # type: ignore[arg-type]
