"""Version 2: HMAC-SHA256 over the whole request, its time and a nonce (docs/signing.md).

Requests: ``v2:<Unix seconds>:<nonce>:<base64>``; answers: ``v2:<base64>``.
"""

import hashlib
import hmac
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator

from toto_django.conf import settings
from toto_django.exceptions import StaleRequest
from toto_django.signing.base import Proof, Scheme, SignedRequest, SignedSession, derived_keys

__all__ = ["SUFFIX", "V2Scheme"]

SUFFIX = ".v2"
"""What the permanent ids of sessions end in whose requests are signed so, for their whole lives."""
KEY_SALT = b"toto_django.signing.v2"
KEY_SIZE = 32
"""Bytes."""
HEADER = re.compile(
    r"v2:(?P<time>[0-9]{1,12}):(?P<nonce>[A-Za-z0-9_-]{16,64}):(?P<mac>[A-Za-z0-9+/]{43}=)", re.ASCII
)


class V2Scheme(Scheme):
    """A key per session; a request is accepted once, and an answer belongs to its request."""

    name = "v2"
    always_required = True
    gives_key = True
    signs_sockets = True
    offer = "v2"

    def keys(self, session: SignedSession) -> Iterator[str]:
        return derived_keys(KEY_SALT, session.permanent_id, KEY_SIZE)

    def sign_request(
        self,
        key: str,
        session_id: str,
        method: str,
        uri: str,
        body: bytes,
        *,
        clock_offset: float = 0,
        nonce: str | None = None,
    ) -> str:
        """The nonce is random unless given."""
        nonce = nonce or secrets.token_urlsafe(16)
        seconds = str(int(time.time() + clock_offset))
        message = _request_message(method, uri, session_id, seconds, nonce, _digest(body))
        return f"v2:{seconds}:{nonce}:{_mac(key, message)}"

    def sign_answer(self, key: str, session_id: str, body: bytes, request_signature: str) -> str:
        given = HEADER.fullmatch(request_signature)
        message = _lines("v2 answer", session_id, given["nonce"] if given else "", _digest(body))
        return f"v2:{_mac(key, message)}"

    def proof(self, session: SignedSession, request: SignedRequest, signature: str) -> Proof | None:
        given = HEADER.fullmatch(signature)
        if given is None:
            return None
        seconds, nonce, mac = given.groups()
        digest = _digest(request.body)
        found = None
        for key in self.keys(session):
            for uri in request.uris:
                message = _request_message(request.method, uri, session.session_id, seconds, nonce, digest)
                if hmac.compare_digest(mac, _mac(key, message)):
                    found = key
        if found is None:
            return None
        ahead, window = int(seconds) - time.time(), settings.HMAC_WINDOW
        if abs(ahead) > window:
            raise StaleRequest
        return Proof(found, f"{session.permanent_id} {nonce}", ahead + window)


def _request_message(method: str, uri: str, session_id: str, seconds: str, nonce: str, digest: str) -> bytes:
    return _lines("v2", method, uri, session_id, seconds, nonce, digest)


def _lines(*parts: str) -> bytes:
    return "\n".join(parts).encode("latin-1", "replace")


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _mac(key: str, message: bytes) -> str:
    return b64encode(hmac.digest(key.encode(), message, "sha256")).decode()
