"""What Django's HttpRequest holds, as the contract needs it: the raw URI, a bounded body, the session id
and whether its cookie counts, the client's address, a request id."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.utils.http import is_same_domain

from toto_django.conf import settings
from toto_django.exceptions import BodyTimedOut, HeadersTooLarge, RequestError, TooLarge
from toto_django.requests import CallRequest, has_cookies, header, query_string
from toto_django.signing import SignedRequest

__all__ = [
    "SESSION_COOKIE",
    "check_request",
    "cookie_signer",
    "given_session_id",
    "header_size",
    "is_trusted_origin",
    "may_use_cookie",
    "raw_uris",
    "read_body",
    "redact_session_id",
    "session_id_in_cookie",
    "signed_opening",
    "usable_request_id",
]

SESSION_COOKIE = "toto-session-id"
SIMPLE_TYPES = {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
"""Media types that pages may send to other sites without a preflight (CORS-safelisted, Fetch standard)."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def given_session_id(request: HttpRequest) -> str:
    """The id in the header or, where it is empty and USE_COOKIES is on, in the cookie; else ""."""
    given = header(request, "HTTP_X_TOTO_SESSION_ID", "").strip(" \t")
    if given:
        return given if len(given) <= settings.MAX_HEADERS else ""
    if not settings.USE_COOKIES or not has_cookies(request):
        return ""
    return session_id_in_cookie(request.COOKIES.get(SESSION_COOKIE, ""))


def session_id_in_cookie(cookie: str) -> str:
    """The id that a session cookie's value holds, "" for one that is forged, or with USE_COOKIES off."""
    if not settings.USE_COOKIES or len(cookie) > settings.MAX_HEADERS:
        return ""
    if not settings.SECURE_COOKIES:
        return cookie
    try:
        return cookie_signer().unsign(cookie)
    except BadSignature:
        return ""


def cookie_signer() -> Signer:
    """What signs the session cookie."""
    return Signer(salt="toto_django.session_cookie")


def may_use_cookie(request: HttpRequest) -> bool:
    """Whether the session cookie counts for a call, and its answer may change it (docs/protocol.md 14.3).

    Not where a page of another site can have made the browser send it. What browsers send
    to other sites only after a preflight proves that none has: no preflight is answered with
    Access-Control-Allow-Credentials.
    """
    if not settings.COOKIE_GUARD or header(request, "HTTP_X_TOTO_SESSION_ID", "").strip(" \t"):
        return True
    if request.method != "POST":
        return False
    origin = header(request, "HTTP_ORIGIN", None)
    if origin is not None:
        return is_trusted_origin(origin, request)
    site = request.META.get("HTTP_SEC_FETCH_SITE", "none")
    if site != "none":
        return bool(site == "same-origin")
    is_signed = header(request, "HTTP_X_TOTO_HMAC", None) is not None
    return is_signed or not _is_simple(header(request, "CONTENT_TYPE", ""))


def is_trusted_origin(origin: str, request: HttpRequest) -> bool:
    """The request's own, or one that ALLOW_ORIGIN or CSRF_TRUSTED_ORIGINS names; "*" names nobody."""
    if origin in ("*", "null"):
        return False
    allowed = settings.ALLOW_ORIGIN
    return (
        origin == _own_origin(request)
        or origin in ([allowed] if isinstance(allowed, str) else allowed)
        or any(_names(trusted, origin) for trusted in django_settings.CSRF_TRUSTED_ORIGINS)
    )


def _own_origin(request: HttpRequest) -> str | None:
    try:
        return f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return None


def _names(trusted: str, origin: str) -> bool:
    """``https://*.example.com`` names the domain and all below it, as for Django's CSRF check."""
    scheme, _, host = trusted.partition("://")
    sent_scheme, _, sent_host = origin.partition("://")
    return scheme == sent_scheme and is_same_domain(sent_host, host.removeprefix("*"))


def _is_simple(content_type: str) -> bool:
    """Repeated headers arrive as one, separated by commas: any of them will do."""
    return any(part.partition(";")[0].strip().lower() in SIMPLE_TYPES for part in content_type.split(","))


def raw_uris(request: HttpRequest) -> tuple[str, ...]:
    """Path and query exactly as sent; where the server does not tell, the spellings they may have had."""
    scope = getattr(request, "scope", None)
    if scope is not None and scope.get("raw_path"):
        return (_with_query(scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")),)
    raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if raw:
        return (raw if raw.startswith("/") else _without_origin(raw),)
    query = query_string(request)
    return (request.get_full_path(), _with_query(quote(request.path), query))


def signed_opening(scope: Mapping[str, Any]) -> tuple[SignedRequest, str]:
    """What is signed of a web socket's opening, and its signature, "" where there is none.

    In the header or, since pages cannot set any, in ``hmac``, the last argument of the query.
    """
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    signature = dict(scope["headers"]).get(b"x-toto-hmac", b"").decode("latin-1")
    before, _, last = query.rpartition("&")
    if last.startswith("hmac="):
        query, signature = before, unquote(last.removeprefix("hmac="))
    return SignedRequest("GET", (_with_query(path, query),), b""), signature


def redact_session_id(scope: Any) -> None:
    """Servers log the path of the web socket's scope that they made: take the session id out of it."""
    session_id = scope["url_route"]["kwargs"].get("session_id")
    if session_id:
        before = scope["path"][: -len(session_id)]
        scope["path"] = f"{before}…"
        if scope.get("raw_path"):
            scope["raw_path"] = f"{quote(before)}...".encode()


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _without_origin(uri: str) -> str:
    parts = urlsplit(uri)
    return _with_query(parts.path or "/", parts.query)


def check_request(request: HttpRequest) -> None:
    """Raises HeadersTooLarge and BodyTimedOut, whatever is asked for."""
    if isinstance(request, CallRequest) and request.is_late:
        raise BodyTimedOut
    if header_size(request) > settings.MAX_HEADERS:
        raise HeadersTooLarge(settings.MAX_HEADERS)


def header_size(request: Any) -> int:
    """Bytes of all names and values of headers together, of an HttpRequest or an ASGI scope."""
    scope = request if isinstance(request, dict) else getattr(request, "scope", None)
    size = 0
    if scope is None:
        for key, value in request.META.items():
            if key.startswith(("HTTP_", "CONTENT_")):
                size += len(key.removeprefix("HTTP_")) + len(value)
    else:
        for name, value in scope["headers"]:
            size += len(name) + len(value)
    return size


def read_body(request: HttpRequest) -> bytes:
    """The whole body, at most MAX_BODY bytes. Raises TooLarge, if it can before reading."""
    if not hasattr(request, "_body"):
        _check_length(_declared_length(request))
        try:
            request._body = _stream(request).read(settings.MAX_BODY + 1)
        except Exception as error:  # Of malformed chunks each server has an error of its own.
            raise RequestError("The body ended early.") from error
    _check_length(len(request._body))
    return request._body


def _check_length(length: int) -> None:
    if length > settings.MAX_BODY:
        raise TooLarge(f"The body is larger than {settings.MAX_BODY} bytes.")


def _declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise RequestError("The Content-Length is not a number.") from None


def _stream(request: HttpRequest) -> HttpRequest:
    """Where to read from: Django's WSGI request ends at the declared length and so finds no chunked body."""
    meta = request.META
    if meta.get("wsgi.input_terminated") and not meta.get("CONTENT_LENGTH"):
        stream: HttpRequest = meta["wsgi.input"]
        return stream
    return request


def usable_request_id(given: str) -> str | None:
    """An x-request-id that may stand in logs and in the answer; None for any other."""
    return given if REQUEST_ID.fullmatch(given) else None
