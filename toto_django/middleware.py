"""TotoMiddleware: a lazy verified session on every request; on the way back cookies, CORS and the signature.

It signs the body as clients will read it, so it stands below whatever encodes bodies
(GZipMiddleware): the end of MIDDLEWARE is its place.
"""

import datetime
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http.cookies import Morsel
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.cache import patch_vary_headers

from toto_django.conf import settings
from toto_django.current import current_exchange
from toto_django.events import EventManager
from toto_django.exchange import Exchange
from toto_django.http import (
    SESSION_COOKIE,
    cookie_signer,
    given_session_id,
    may_use_cookie,
    raw_uris,
    read_body,
    usable_request_id,
)
from toto_django.requests import CallRequest, header
from toto_django.responses import add_headers, make_response
from toto_django.sessions import Session
from toto_django.signing import SignedRequest

__all__ = ["TotoMiddleware", "mount_prefix"]

LAST_SECOND = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp()
"""Dates end here."""

EXPOSED = ("Access-Control-Expose-Headers", "x-toto-hmac")

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class TotoMiddleware:
    """Sets ``request.toto``, an `Exchange`: its ``retrieve_session()`` loads and verifies the session."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        EventManager.instance().set_up()
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        token = current_exchange.set(_begin(request))
        try:
            return _finish(request, cast(HttpResponseBase, self.get_response(request)))
        finally:
            current_exchange.reset(token)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        token = current_exchange.set(_begin(request))
        try:
            return _finish(request, await cast("Awaitable[HttpResponseBase]", self.get_response(request)))
        finally:
            current_exchange.reset(token)


def _begin(request: HttpRequest) -> Exchange:
    """Attach the exchange; give a mount prefix without its slash the slash (docs/protocol.md 3.5)."""
    request.toto = exchange = Exchange(  # type: ignore[attr-defined]
        request,
        given_session_id=given_session_id(request),
        signature=header(request, "HTTP_X_TOTO_HMAC", None),
        signed_request=_signed_request,
        make_response=make_response,
    )
    request_id = header(request, "HTTP_X_REQUEST_ID", None)
    if request_id is not None:
        exchange.request_id = usable_request_id(request_id)
    if isinstance(request, CallRequest) and request.path_info == request.call_path:
        return exchange  # It has been resolved.
    with_slash = f"{request.path_info}/"
    if with_slash == mount_prefix(get_urlconf() or django_settings.ROOT_URLCONF, get_script_prefix()):
        request.path_info = with_slash
    return exchange


def _signed_request(request: HttpRequest) -> SignedRequest:
    return SignedRequest(cast(str, request.method), raw_uris(request), read_body(request))


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Cookies, CORS and signature of an answer. HEAD is signed as GET would be, and loses its body."""
    exchange: Exchange = request.toto  # type: ignore[attr-defined]
    if settings.USE_COOKIES:
        _finish_cookie(request, response, exchange)
    if exchange.is_signed is not None:
        _allow_origin(request, response)
        if exchange.request_id is not None:
            response.headers["X-Request-ID"] = exchange.request_id
    if isinstance(response, HttpResponse):
        signature = None if exchange.session is None else exchange.sign_answer(response.content)
        if signature is not None:
            response.headers["x-toto-hmac"] = signature
        if request.method == "HEAD" and exchange.is_signed is not None:
            response.headers["Content-Length"] = str(len(response.content))
            response.content = b""
    return response


@lru_cache(maxsize=16)
def mount_prefix(urlconf: str, script_prefix: str) -> str | None:
    """The path that calls are mounted at, kept because `reverse` costs more than a call."""
    try:
        mounted_at = reverse("toto_django:dispatch", urlconf=urlconf, kwargs={"path": ""})
    except NoReverseMatch:
        return None
    return f"/{mounted_at.removeprefix(script_prefix)}"


def _finish_cookie(request: HttpRequest, response: HttpResponseBase, exchange: Exchange) -> None:
    """Set or clear the session's cookie, and keep what depends on it out of caches.

    Calls that must not use the cookie leave it alone. Own views obey Django's CSRF check instead.
    """
    is_call = exchange.is_signed is not None
    if exchange.was_asked:
        patch_vary_headers(response, ["Cookie"])
    if exchange.session is not None and (not is_call or may_use_cookie(request)):
        response.headers.setdefault("Cache-Control", "no-store" if is_call else "private")
        _set_cookie(request, response, exchange.session)


def _set_cookie(request: HttpRequest, response: HttpResponseBase, session: Session) -> None:
    if session.ended:
        response.delete_cookie(SESSION_COOKIE, domain=settings.COOKIE_DOMAIN, samesite="Lax")
        response.cookies[SESSION_COOKIE]["httponly"] = True
        response.cookies[SESSION_COOKIE]["secure"] = request.is_secure()
        return
    keys = (django_settings.SECRET_KEY,) if settings.SECURE_COOKIES else ()
    kept = _cookie(session.session_id, session.expires, settings.COOKIE_DOMAIN, request.is_secure(), keys)
    response.cookies[SESSION_COOKIE] = cookie = kept.copy()
    cookie["max-age"] = str(max(0, int(session.expires - time.time())))


@lru_cache(maxsize=1024)
def _cookie(
    session_id: str, expires: float, domain: str | None, is_secure: bool, keys: tuple[str | bytes, ...]
) -> "Morsel[str]":
    """Signed if there are keys. Kept because making one costs as much as many a call."""
    response = HttpResponse()
    response.set_cookie(
        SESSION_COOKIE,
        cookie_signer().sign(session_id) if keys else session_id,
        expires=datetime.datetime.fromtimestamp(min(expires, LAST_SECOND), datetime.UTC),
        domain=domain,
        secure=is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response.cookies[SESSION_COOKIE]


def _allow_origin(request: HttpRequest, response: HttpResponseBase) -> None:
    allowed: Any = settings.ALLOW_ORIGIN
    if not isinstance(allowed, str):
        patch_vary_headers(response, ["Origin"])
        origin = header(request, "HTTP_ORIGIN", None)
        allowed = origin if origin in allowed or "*" in allowed else None
    add_headers(response, (("Access-Control-Allow-Origin", allowed), EXPOSED) if allowed else (EXPOSED,))
