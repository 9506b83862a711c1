"""For a project's own Django REST framework views: parsers, renderers, authentication and throttles."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from rest_framework import status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from toto_django import sessions
from toto_django.audit import audit
from toto_django.buckets import current_buckets
from toto_django.codecs.base import Codec, Malformed
from toto_django.codecs.bson import BSONCodec
from toto_django.codecs.msgpack import MessagePackCodec
from toto_django.conf import settings
from toto_django.exceptions import InvalidHMAC, Unavailable
from toto_django.exchange import Exchange
from toto_django.http import SESSION_COOKIE, session_id_in_cookie
from toto_django.rates import whole_seconds
from toto_django.sessions import Session
from toto_django.signing import current_scheme
from toto_django.stores import account_store
from toto_django.throttling import account_or_address, named_rate

__all__ = [
    "BSONParser",
    "BSONRenderer",
    "MessagePackParser",
    "MessagePackRenderer",
    "TotoAuthentication",
    "TotoCookieAuthentication",
    "TotoThrottle",
]


class _CodecParser(BaseParser):
    codec: ClassVar[Codec]

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return self.codec.loads(_read(stream), media_type or "")
        except Malformed as error:
            raise ParseError(error.value) from None


class _CodecRenderer(BaseRenderer):
    codec: ClassVar[Codec]
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else self.codec.dumps(data)


def _read(stream: IO[Any]) -> bytes:
    body: bytes = stream.read(settings.MAX_BODY + 1)
    if len(body) > settings.MAX_BODY:
        raise _ContentTooLarge(f"The body is larger than {settings.MAX_BODY} bytes.")
    return body


class BSONParser(_CodecParser):
    """Reads application/bson."""

    media_type = "application/bson"
    codec = BSONCodec()


class BSONRenderer(_CodecRenderer):
    """BSON has documents only: a list is sent as ``{"results": list}``."""

    media_type = "application/bson"
    format = "bson"
    codec = BSONCodec()

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        document = data if data is None or isinstance(data, Mapping) else {"results": data}
        return super().render(document, accepted_media_type, renderer_context)


class MessagePackParser(_CodecParser):
    """Reads application/msgpack."""

    media_type = "application/msgpack"
    codec = MessagePackCodec()


class MessagePackRenderer(_CodecRenderer):
    """Writes application/msgpack."""

    media_type = "application/msgpack"
    format = "msgpack"
    codec = MessagePackCodec()


class TotoAuthentication(SessionAuthentication):
    """By the request's verified Toto session: ``request.user`` is its account, ``request.auth`` the session.

    Needs TotoMiddleware. Answers are signed as on the wire. Where nothing but the cookie names
    the session and nothing is signed, Django's CSRF check applies.
    """

    def authenticate(self, request: Request) -> tuple[Any, Session] | None:
        try:
            session = self.session_of(request)
            if session is None or not session.user_id:
                return None
            user = account_store().get_user(session.user_id)
        except InvalidHMAC as error:
            raise AuthenticationFailed(error.value) from None
        except Unavailable as error:
            raise _ServiceUnavailable(error.value) from None
        if user is None or not user.is_active:
            raise AuthenticationFailed
        if self.needs_csrf_check(request):
            self.enforce_csrf(request)
        return user, session

    def session_of(self, request: Request) -> Session | None:
        """Whose request it is. Raises InvalidHMAC, Unavailable."""
        return _exchange(request).retrieve_session()

    def needs_csrf_check(self, request: Request) -> bool:
        """A page of another site could have made the browser send this request."""
        if request.headers.get("x-toto-session-id", "").strip():
            return False
        return current_scheme() is None or "x-toto-hmac" not in request.headers

    def authenticate_header(self, request: Request) -> str:
        return "Toto"


class TotoCookieAuthentication(TotoAuthentication):
    """By the session cookie alone, unsigned, for people with a browser: the browsable API, forms, links.

    Needs USE_COOKIES. Django's CSRF check applies.
    """

    def session_of(self, request: Request) -> Session | None:
        if hasattr(request._request, "toto"):
            request._request.toto.was_asked = True
        session_id = session_id_in_cookie(request.COOKIES.get(SESSION_COOKIE, ""))
        session = sessions.load_session(session_id) if session_id else None
        if session is not None:
            sessions.renew(session)
        return session

    def needs_csrf_check(self, request: Request) -> bool:
        return True


class TotoThrottle(BaseThrottle):
    """At most the rate in THROTTLES that a view names with ``throttle_scope``, together with all methods that
    have ``@throttle(<name>, by="account")``.

    Requests count for the account, those of nobody for their address.
    """

    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        name = getattr(view, "throttle_scope", None)
        rate = None if name is None else named_rate(name)
        if rate is None:
            return True
        subject = account_or_address(_user_id(request), request._request)
        try:
            self._wait = current_buckets().charge(f"{name} {subject}", rate)
        except Unavailable as error:
            raise _ServiceUnavailable(error.value) from None
        if self._wait > 0:
            audit("throttled", _user_id(request), rate=str(name))
        return self._wait <= 0

    def wait(self) -> float:
        return whole_seconds(self._wait)


def _exchange(request: Request) -> Exchange:
    try:
        exchange: Exchange = request._request.toto  # type: ignore[attr-defined]
    except AttributeError:
        raise ImproperlyConfigured("TotoAuthentication needs TotoMiddleware in MIDDLEWARE.") from None
    return exchange


def _user_id(request: Request) -> str:
    """Of the session, or of the user that another authentication found; "" for nobody."""
    if isinstance(request.auth, Session):
        return request.auth.user_id
    is_somebody = getattr(request.user, "is_authenticated", False)
    return request.user.get_username() if is_somebody else ""


class _ContentTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class _ServiceUnavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
