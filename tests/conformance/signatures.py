"""HMAC-SHA1 signatures of requests and answers."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.conformance import paths
from tests.conformance.answers import Answer
from tests.conformance.history import History
from tests.conformance.recordings import Request, Sign


def signature(key: str, message: bytes) -> str:
    """base64(HMAC-SHA1(key, message))."""
    return base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha1)).decode()


def signed_headers(request: Request, sign: Sign, history: History) -> dict[str, str]:
    """The headers of ``request`` with x-toto-hmac made anew."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "x-toto-hmac"}
    message = b"".join(_request_part(part, request, history) for part in sign.parts)
    return headers | {"x-toto-hmac": signature(history.filled(sign.key), message)}


def _request_part(part: str, request: Request, history: History) -> bytes:
    match part.partition(":"):
        case "$method", _, _:
            return request.method.encode()
        case "$path", _, _:
            return request.path.encode()
        case "$body", _, _:
            return request.body or b""
        case "$header", _, name:
            return request.headers[name].encode()
        case _:
            return str(history.filled(part)).encode()


def signature_problems(
    answer: Answer, signed: Mapping[str, Any] | bool | None, history: History, custom: Iterable[str]
) -> Iterator[str]:
    """What is wrong with the answer's x-toto-hmac."""
    got = answer.all("x-toto-hmac")
    if not signed:
        if got:
            yield f"x-toto-hmac: expected none, got {got}"
        return
    assert isinstance(signed, Mapping)
    if len(got) != 1:
        yield f"x-toto-hmac: expected one, got {got} with {answer.body[:200]!r}"
    elif "unchecked" not in signed:
        key = signed["key"]
        key = paths.read(answer.decoded, key) if key.startswith("$") else history.filled(key)
        wanted = signature(key, _answer_message(signed["scheme"], answer, custom))
        if got != [wanted]:
            yield f"x-toto-hmac: expected {wanted}, got {got[0]}"


def _answer_message(scheme: str, answer: Answer, custom: Iterable[str]) -> bytes:
    match scheme:
        case "user_id":
            return answer.body
        case "session_key":
            return str(answer.decoded["session"]["session_id"]).encode() + answer.body
        case "custom":
            return b"".join(answer.body if part == "$body" else part.encode() for part in custom)
        case _:
            raise ValueError(f"unknown scheme {scheme!r}")
