"""HttpResponses of calls, without what Django would do and check again for each."""

from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.http.cookie import SimpleCookie
from django.http.response import HttpResponseBase, ResponseHeaders

__all__ = ["add_headers", "add_length", "close", "make_response"]

WITHOUT_LENGTH = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

Headers = tuple[tuple[str, str], ...]


def make_response(content: bytes = b"", content_type: str = "application/json") -> Any:
    """``HttpResponse(content, content_type)``. Raises BadHeaderError."""
    response: Any = HttpResponse.__new__(HttpResponse)
    response.__dict__.update(_attributes(content_type))
    response.headers = ResponseHeaders.__new__(ResponseHeaders)
    response.headers._store = {"content-type": ("Content-Type", content_type)}
    response.cookies = SimpleCookie()
    response._resource_closers = []
    response._container = [content]
    return response


@lru_cache(maxsize=64)
def _attributes(content_type: str) -> dict[str, Any]:
    return vars(HttpResponse(content_type=content_type))


def add_headers(response: HttpResponseBase, headers: Headers) -> None:
    """As by ``response.headers``, whose checks are made once for each value. Raises BadHeaderError."""
    response.headers._store.update(_stored(headers))


@lru_cache(maxsize=64)
def _stored(headers: Headers) -> dict[str, Any]:
    stored: dict[str, Any] = ResponseHeaders(dict(headers))._store
    return stored


def add_length(response: HttpResponseBase, content: bytes) -> None:
    """Content-Length, where it may stand and is not there yet; else servers send bodies in chunks."""
    stored = response.headers._store
    if "content-length" not in stored and response.status_code not in WITHOUT_LENGTH:
        stored["content-length"] = ("Content-Length", str(len(content)))


def close(response: Any) -> None:
    """``response.close()`` without its signal."""
    while response._resource_closers:
        with suppress(Exception):
            response._resource_closers.pop(0)()
    response.closed = True
