"""``application = get_wsgi_application()``: Django's, with middleware of their own for calls.

Calls are found without going through the URLconf each time, and Django's housekeeping is
done without its signals where nobody else listens to them.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import django
from django.core.cache import close_caches
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIHandler, get_path_info, get_script_name
from django.core.signals import request_finished, request_started
from django.http import HttpResponseBadRequest
from django.urls import ResolverMatch, set_script_prefix, set_urlconf

from toto_django.housekeeping import has_other_receivers, keep_house
from toto_django.responses import add_length, close
from toto_django.routes import CallMiddleware, call_match

__all__ = ["CallHandler", "WSGIApplication", "get_wsgi_application"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class WSGIApplication:
    """Calls go to `CallHandler`, the rest to Django."""

    def __init__(self) -> None:
        self.django = WSGIHandler()
        self.calls = CallHandler()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if not path.isascii():
            path = get_path_info(environ)
        handler = self.django if call_match(path, is_async=False) is None else self.calls
        answer: Iterable[bytes] = handler(environ, start_response)
        return answer


def get_wsgi_application() -> WSGIApplication:
    """What a WSGI server runs. Sets Django up."""
    django.setup(set_prefix=False)
    return WSGIApplication()


class CallHandler(CallMiddleware, WSGIHandler):
    """Django's handler of requests, its middleware and view included, for calls."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        if has_other_receivers(request_started) or has_other_receivers(request_finished):
            return super().__call__(environ, start_response)
        set_script_prefix(get_script_name(environ))
        keep_house()
        response: Any = self._response(environ)
        response._handler_class = type(self)
        if not response.streaming:
            add_length(response, response.content)
        headers = [*response.headers._store.values()]
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        response.close = partial(_close, response)
        return response

    def _response(self, environ: Environ) -> Any:
        """Django refuses some headers before there is a request, which servers take for a failure."""
        try:
            request = self.request_class(environ)
        except BadRequest:
            return HttpResponseBadRequest()
        return self.get_response(request)

    def resolve_request(self, request: Any) -> ResolverMatch:
        """As Django does, from memory."""
        match = None if hasattr(request, "urlconf") else call_match(request.path_info, is_async=False)
        if match is None:
            found: ResolverMatch = super().resolve_request(request)
            return found
        request.resolver_match = match
        return match


def _close(response: Any) -> None:
    close(response)
    close_caches()
    keep_house()
    set_urlconf(None)
