"""For a project's own Django REST framework views: parsers, renderers and TotoAuthentication."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from toto_django.codecs.base import Codec, Malformed
from toto_django.codecs.bson import BSONCodec
from toto_django.codecs.msgpack import MessagePackCodec
from toto_django.conf import settings
from toto_django.exceptions import InvalidHMAC, Unavailable
from toto_django.sessions import Session
from toto_django.stores import account_store

__all__ = ["BSONParser", "BSONRenderer", "MessagePackParser", "MessagePackRenderer", "TotoAuthentication"]


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


class TotoAuthentication(BaseAuthentication):
    """By the request's verified Toto session: ``request.user`` is its account, ``request.auth`` the session.

    Needs TotoMiddleware. Answers are signed as on the wire.
    """

    def authenticate(self, request: Request) -> tuple[Any, Session] | None:
        try:
            session = request._request.toto.retrieve_session()  # type: ignore[attr-defined]
            if session is None or not session.user_id:
                return None
            user = account_store().get_user(session.user_id)
        except InvalidHMAC as error:
            raise AuthenticationFailed(error.value) from None
        except Unavailable as error:
            raise _ServiceUnavailable(error.value) from None
        if user is None or not user.is_active:
            raise AuthenticationFailed
        return user, session

    def authenticate_header(self, request: Request) -> str:
        return "Toto"


class _ContentTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class _ServiceUnavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
