"""Toto's schemes: HMAC-SHA1 over a message, in base64 (docs/protocol.md section 13)."""

import hmac
from collections.abc import Iterator

from toto_django.conf import settings
from toto_django.signing.base import Proof, Scheme, SignedRequest, SignedSession, derived_keys, sign

__all__ = ["SessionKeyScheme", "UserIDScheme", "low_bytes"]

KEY_SALT = b"toto_django.signing.session_key"
KEY_SIZE = 16
"""Bytes."""


class _TotoScheme(Scheme):
    def sign_request(
        self, key: str, session_id: str, method: str, uri: str, body: bytes, *, clock_offset: float = 0
    ) -> str:
        return sign(key, self.request_message(method, uri, body)).decode()

    def sign_answer(self, key: str, session_id: str, body: bytes, request_signature: str) -> str:
        return sign(key, self.answer_message(session_id, body)).decode()

    def proof(self, session: SignedSession, request: SignedRequest, signature: str) -> Proof | None:
        given = signature.encode("utf-8", "replace")
        found = None
        for key in self.keys(session):
            for message in self.request_messages(request):
                if hmac.compare_digest(given, sign(key, message)):
                    found = Proof(key)
        return found

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        raise NotImplementedError

    def request_messages(self, request: SignedRequest) -> Iterator[bytes]:
        """The readings of a request that are accepted."""
        for uri in request.uris:
            yield self.request_message(request.method, uri, request.body)

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        raise NotImplementedError


class UserIDScheme(_TotoScheme):
    """The documented scheme: key = user id, message = body. Integrity, not secrecy."""

    name = "user_id"
    verifies_anonymous = False

    def keys(self, session: SignedSession) -> Iterator[str]:
        yield session.user_id

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        return body

    def request_messages(self, request: SignedRequest) -> Iterator[bytes]:
        yield request.body
        if settings.HMAC_LEGACY_BYTES and (legacy := low_bytes(request.body)) is not None:
            yield legacy

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        return body


class SessionKeyScheme(_TotoScheme):
    """Toto 1.0's scheme: a key per session; METHOD + URI + body, answered over session id + body."""

    name = "session_key"
    always_required = True
    gives_key = True

    def keys(self, session: SignedSession) -> Iterator[str]:
        return derived_keys(KEY_SALT, session.permanent_id, KEY_SIZE)

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        return f"{method}{uri}".encode("latin-1", "replace") + body

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        return session_id.encode() + body


def low_bytes(body: bytes) -> bytes | None:
    """The body as the published JavaScript clients hash it: the low byte of each UTF-16 unit.

    None when that reading equals the body or does not exist (docs/protocol.md 13.4).
    """
    if body.isascii():
        return None
    try:
        return body.decode("utf-8").encode("utf-16-le")[::2]
    except UnicodeDecodeError:
        return None
