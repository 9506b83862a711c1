"""What a signing scheme is."""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from django.conf import settings as django_settings

__all__ = ["Proof", "Scheme", "SignedRequest", "SignedSession", "derived_keys", "sign"]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a request's signature can cover.

    ``uris`` are the readings of path and query, a character a byte: one where the server
    tells what was sent, else those it may have been.
    """

    method: str
    uris: tuple[str, ...]
    body: bytes


class SignedSession(Protocol):
    """What a scheme knows of the session that a request names."""

    @property
    def session_id(self) -> str: ...
    @property
    def permanent_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...


class Proof(NamedTuple):
    """What a right signature shows: the key it was made with.

    A ``nonce`` may be used once within the next ``seconds``: whoever accepts the request claims it.
    """

    key: str
    nonce: str | None = None
    seconds: float = 0


class Scheme:
    """What a signature covers and which key makes it; ``x-toto-hmac`` holds it.

    Sees text and bytes, no requests and no stores: servers and clients share it.
    """

    name: str
    always_required = False
    """A missing header is refused whatever HMAC_REQUIRED says."""
    verifies_anonymous = True
    gives_key = False
    """The client is given a key of its own with each new session."""
    signs_sockets = False
    """The opening of a web socket is signed."""
    offer = ""
    """The header of requests without a session, by which clients ask for this scheme."""

    def keys(self, session: SignedSession) -> Iterator[str]:
        """The keys a client of this session may hold, newest first."""
        raise NotImplementedError

    def sign_request(
        self, key: str, session_id: str, method: str, uri: str, body: bytes, *, clock_offset: float = 0
    ) -> str:
        """A client's header; ``uri`` is path and query as it sends them.

        ``clock_offset`` is how many seconds the service's clock is ahead.
        """
        raise NotImplementedError

    def sign_answer(self, key: str, session_id: str, body: bytes, request_signature: str) -> str:
        """An answer's header, given that of the request, "" where there was none."""
        raise NotImplementedError

    def proof(self, session: SignedSession, request: SignedRequest, signature: str) -> Proof | None:
        """None for a signature that is not right. Raises StaleRequest."""
        raise NotImplementedError


def sign(key: str, message: bytes) -> bytes:
    """base64(HMAC-SHA1(key, message))."""
    return b64encode(hmac.digest(key.encode(), message, "sha1"))


def derived_keys(salt: bytes, permanent_id: str, size: int) -> Iterator[str]:
    """A session's signing keys of ``size`` bytes, as URL-safe base64 without padding.

    By SECRET_KEY, then by its fallbacks.
    """
    for secret in (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS):
        secret_bytes = secret if isinstance(secret, bytes) else secret.encode()
        root = hashlib.sha256(salt + secret_bytes).digest()
        digest = hmac.digest(root, permanent_id.encode("utf-8", "surrogateescape"), "sha256")
        yield urlsafe_b64encode(digest[:size]).rstrip(b"=").decode()
