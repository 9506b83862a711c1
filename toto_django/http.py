"""What Django's HttpRequest holds, as the contract needs it: the raw URI, a bounded body, the session id."""

from urllib.parse import quote, urlsplit

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from toto_django.conf import settings
from toto_django.exceptions import RequestError, TooLarge
from toto_django.requests import header, query_string

__all__ = [
    "SESSION_COOKIE",
    "cookie_signer",
    "given_session_id",
    "raw_uris",
    "read_body",
    "session_id_in_cookie",
]

SESSION_COOKIE = "toto-session-id"


def given_session_id(request: HttpRequest) -> str:
    """The id in the header or, where it is empty and USE_COOKIES is on, in the cookie; else ""."""
    given = header(request, "HTTP_X_TOTO_SESSION_ID", "").strip()
    if given or not settings.USE_COOKIES:
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
