"""The custom signatures of the recordings: a request's time and body in, a marked body out."""

import base64
import hashlib
import hmac
from typing import Any


def _signature(session: Any, message: bytes) -> str:
    return base64.b64encode(hmac.digest(session.key.encode(), message, hashlib.sha1)).decode()


def verify(session: Any, request: Any) -> bool:
    """Over the x-time header, a colon and the body."""
    expected = _signature(session, request.headers["x-time"].encode() + b":" + request.body)
    return hmac.compare_digest(expected.encode(), request.headers["x-toto-hmac"].encode())


def sign(session: Any, body: bytes) -> str:
    """Over ``RESP:`` and the body."""
    return _signature(session, b"RESP:" + body)
