"""An HttpRequest for calls under ASGI: what few look at is built when somebody does."""

import io
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.urls import ResolverMatch
from django.utils.functional import cached_property

__all__ = ["CallRequest", "has_cookies", "header", "path_info", "query_string"]

T = TypeVar("T")

HEADERS = {
    "CONTENT_TYPE": b"content-type",
    "HTTP_X_TOTO_SESSION_ID": b"x-toto-session-id",
    "HTTP_X_TOTO_HMAC": b"x-toto-hmac",
    "HTTP_X_REQUEST_ID": b"x-request-id",
    "HTTP_ORIGIN": b"origin",
}
"""The headers that every call is asked for, by their keys in META."""


def header(request: HttpRequest, key: str, missing: T) -> str | T:
    """The value of a header by its key in META, one of HEADERS."""
    headers = request.raw_headers if isinstance(request, CallRequest) else None
    if headers is None or "META" in request.__dict__:  # Who has looked at META may have changed it.
        given: str | T = request.META.get(key, missing)
        return given
    value = headers.get(HEADERS[key])
    return missing if value is None else value.decode("latin-1")


def has_cookies(request: HttpRequest) -> bool:
    """It has a Cookie header."""
    headers = request.raw_headers if isinstance(request, CallRequest) else None
    if headers is None or "META" in request.__dict__:
        return "HTTP_COOKIE" in request.META
    return b"cookie" in headers


def query_string(request: HttpRequest) -> str:
    """Without its question mark."""
    if isinstance(request, CallRequest) and "META" not in request.__dict__:
        sent: str = request.query_string
        return sent
    query: str = request.META.get("QUERY_STRING", "")
    return query


def _later(name: str) -> Any:
    """An attribute that is taken from the eager request when somebody asks."""
    return cached_property(lambda request: getattr(request._eager, name))


class CallRequest(ASGIRequest):
    """The body is in memory already; META, and all that Django makes of it, comes later or never."""

    call_match: ResolverMatch | None = None
    """The dispatch view, where the request itself knows it: it is not copied."""
    resolver_match = None
    is_late = False
    """The body did not come in time, and is empty here."""
    _post_parse_error = False
    _read_started = False

    def __init__(
        self, scope: dict[str, Any], body: bytes | None, script_name: str, match: ResolverMatch
    ) -> None:
        """``body`` is None for one that is too long to be read. Raises UnicodeDecodeError."""
        self.scope = scope
        self.method = scope["method"].upper()
        self.query_string = scope.get("query_string", b"").decode()
        self.path = scope["path"]
        self.script_name = script_name
        self.path_info = self.call_path = path_info(self.path, script_name)
        self.call_match = match
        headers = dict(scope["headers"])
        self.raw_headers: dict[bytes, bytes] | None = (
            headers if len(headers) == len(scope["headers"]) else None
        )
        """By their names in lower case; None where one came twice, since META knows how to join them."""
        if body is not None:
            self._body = body

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "call_match"}

    @property
    def has_files(self) -> bool:
        """Uploads have been read, which `close` closes; nothing else is open."""
        return "_files" in self.__dict__

    def close(self) -> None:
        HttpRequest.close(self)

    # What ASGIRequest makes at once

    @cached_property
    def _eager(self) -> ASGIRequest:
        return ASGIRequest(self.scope, io.BytesIO())

    META = _later("META")
    content_type = _later("content_type")
    content_params = _later("content_params")
    _encoding = _later("encoding")

    _stream: Any = cached_property(
        lambda request: io.BytesIO(request._body) if hasattr(request, "_body") else _TooLong()
    )


class _TooLong(io.BytesIO):
    """In place of a body that was not read."""

    def read(self, *args: Any) -> bytes:
        raise RequestDataTooBig("The body is larger than MAX_BODY.")

    readline = seek = read  # type: ignore[assignment]


def path_info(path: str, script_name: str) -> str:
    """The path below the prefix that the application is served at."""
    prefix = script_name.rstrip("/")
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :]
    return path
