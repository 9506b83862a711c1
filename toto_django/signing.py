"""Signing schemes: HMAC-SHA1 over a message, base64 in ``x-toto-hmac`` (docs/protocol.md section 13).

A scheme says what is signed with which key; it sees bytes and text, no request object.
"""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings as django_settings

from toto_django.conf import settings

__all__ = [
    "SCHEMES",
    "Scheme",
    "SessionKeyScheme",
    "SignedRequest",
    "UserIDScheme",
    "current_scheme",
    "derived_keys",
    "low_bytes",
    "sign",
]

KEY_SALT = b"toto_django.signing.session_key"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a request's signature can cover.

    ``uris`` are the readings of path and query, a character a byte: one where the server
    tells what was sent, else those it may have been.
    """

    method: str
    uris: tuple[str, ...]
    body: bytes


class Scheme:
    """What a signature covers and which key makes it."""

    name: str
    always_required = False
    """A missing header is refused whatever HMAC_REQUIRED says."""
    verifies_anonymous = True
    gives_key = False
    """The client is given a key of its own with each new session."""

    def keys(self, permanent_id: str, user_id: str) -> Iterator[str]:
        """The keys a client of this session may hold, newest first."""
        raise NotImplementedError

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        """What a client signs; ``uri`` is path and query as it sends them."""
        raise NotImplementedError

    def request_messages(self, request: SignedRequest) -> Iterator[bytes]:
        """The readings of a request that are accepted."""
        for uri in request.uris:
            yield self.request_message(request.method, uri, request.body)

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        raise NotImplementedError

    def matching_key(
        self, permanent_id: str, user_id: str, request: SignedRequest, signature: str
    ) -> str | None:
        """The key with which the request was signed, or None."""
        given = signature.encode("utf-8", "replace")
        found = None
        for key in self.keys(permanent_id, user_id):
            for message in self.request_messages(request):
                if hmac.compare_digest(given, sign(key, message)):
                    found = key
        return found


class UserIDScheme(Scheme):
    """The documented scheme: key = user id, message = body. Integrity, not secrecy."""

    name = "user_id"
    verifies_anonymous = False

    def keys(self, permanent_id: str, user_id: str) -> Iterator[str]:
        yield user_id

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        return body

    def request_messages(self, request: SignedRequest) -> Iterator[bytes]:
        yield request.body
        if settings.HMAC_LEGACY_BYTES and (legacy := low_bytes(request.body)) is not None:
            yield legacy

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        return body


class SessionKeyScheme(Scheme):
    """Toto 1.0's scheme: a key per session; METHOD + URI + body, answered over session id + body."""

    name = "session_key"
    always_required = True
    gives_key = True

    def keys(self, permanent_id: str, user_id: str) -> Iterator[str]:
        return derived_keys(permanent_id)

    def request_message(self, method: str, uri: str, body: bytes) -> bytes:
        return f"{method}{uri}".encode("latin-1", "replace") + body

    def answer_message(self, session_id: str, body: bytes) -> bytes:
        return session_id.encode() + body


SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (UserIDScheme(), SessionKeyScheme())}


def current_scheme() -> Scheme | None:
    """The scheme that TOTO["HMAC"] names; None when signing is off."""
    name = settings.HMAC
    return None if name is None else SCHEMES[name]


def sign(key: str, message: bytes) -> bytes:
    """base64(HMAC-SHA1(key, message))."""
    return b64encode(hmac.digest(key.encode(), message, "sha1"))


def derived_keys(permanent_id: str) -> Iterator[str]:
    """A session's signing keys, 22 ASCII characters each: by SECRET_KEY, then by its fallbacks."""
    for secret in (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS):
        secret_bytes = secret if isinstance(secret, bytes) else secret.encode()
        root = hashlib.sha256(KEY_SALT + secret_bytes).digest()
        digest = hmac.digest(root, permanent_id.encode("utf-8", "surrogateescape"), "sha256")
        yield urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


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
