"""What Django's HttpRequest holds, as the contract needs it: the raw URI, a bounded body, the session id,
the client's address."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from toto_django.conf import settings
from toto_django.exceptions import RequestError, TooLarge
from toto_django.requests import has_cookies, header, query_string

__all__ = [
    "SESSION_COOKIE",
    "client_address",
    "cookie_signer",
    "given_session_id",
    "raw_uris",
    "read_body",
    "session_id_in_cookie",
]

SESSION_COOKIE = "toto-session-id"
UNIX = "unix"
"""What TRUSTED_PROXIES calls a proxy that comes by a Unix socket, and so has no address."""

Address = IPv4Address | IPv6Address


def given_session_id(request: HttpRequest) -> str:
    """The id in the header or, where it is empty and USE_COOKIES is on, in the cookie; else ""."""
    given = header(request, "HTTP_X_TOTO_SESSION_ID", "").strip()
    if given or not settings.USE_COOKIES or not has_cookies(request):
        return given
    return session_id_in_cookie(request.COOKIES.get(SESSION_COOKIE, ""))


def session_id_in_cookie(cookie: str) -> str:
    """The id that a session cookie's value holds, "" for one that is forged, or with USE_COOKIES off."""
    if not settings.USE_COOKIES or not settings.SECURE_COOKIES:
        return cookie if settings.USE_COOKIES else ""
    try:
        return cookie_signer().unsign(cookie)
    except BadSignature:
        return ""


def cookie_signer() -> Signer:
    """What signs the session cookie."""
    return Signer(salt="toto_django.session_cookie")


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


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _without_origin(uri: str) -> str:
    parts = urlsplit(uri)
    return _with_query(parts.path or "/", parts.query)


def read_body(request: HttpRequest) -> bytes:
    """The whole body, at most MAX_BODY bytes. Raises TooLarge, if it can before reading."""
    if not hasattr(request, "_body"):
        _check_length(_declared_length(request))
        try:
            request._body = _stream(request).read(settings.MAX_BODY + 1)
        except OSError as error:
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


def client_address(request: Any) -> Address | None:
    """Of an HttpRequest or an ASGI scope; None where nobody tells.

    X-Forwarded-For is read from its right end, where the nearest proxy wrote, and only as
    far as TRUSTED_PROXIES wrote it.
    """
    peer, forwarded = _peer_and_forwarded(request)
    address = _parsed_address(peer)
    if not settings.TRUSTED_PROXIES or not _is_trusted(address or (None if peer else UNIX)):
        return address
    for hop in reversed(forwarded.split(",")):
        given = _parsed_address(hop)
        if given is None:
            return address
        address = given
        if not _is_trusted(address):
            return address
    return address


def _peer_and_forwarded(request: Any) -> tuple[str, str]:
    """Whoever opened the connection, "" without an address; and the whole X-Forwarded-For."""
    scope = request if isinstance(request, dict) else getattr(request, "scope", None)
    if scope is None or "META" in getattr(request, "__dict__", ()):
        return request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", "")
    headers = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return (scope.get("client") or [""])[0] or "", b",".join(headers).decode("latin-1")


def _parsed_address(text: str) -> Address | None:
    """With or without a port, as proxies write them."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address | str | None) -> bool:
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    if address is None or isinstance(address, str):
        return address in networks
    return any(address in network for network in networks if not isinstance(network, str))


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network | str, ...]:
    return tuple(item if item == UNIX else ip_network(item) for item in trusted)
