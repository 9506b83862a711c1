"""Random requests through the real WSGI and ASGI handlers: always an answer of the documented kind.

Calls made from the description of each method are in tests/attacks/test_described_methods.py.
TOTO_FUZZ_EXAMPLES is the number of requests of each test; with CI in the environment they
are always the same. A failure prints the line that repeats it.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import bson
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.calls import PASSWORD, signature
from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.transports import PATIENCE, AsgiTransport, Transport, WsgiTransport
from toto_django.registry import registry

STATUSES = {200, 204, 302, 304, 400, 405, 413, 415}
MEMBERS = {"result", "error", "batch", "session"}
RAW_TYPES = {"application/octet-stream", "text/html", "text/plain", "text/javascript"}

fuzz = settings(
    max_examples=int(os.environ.get("TOTO_FUZZ_EXAMPLES", "150")),
    deadline=5000,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Answer]


@pytest.fixture(params=[WsgiTransport, AsgiTransport], ids=["wsgi", "asgi"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    with request.param() as transport:
        yield transport


@pytest.fixture
def send(transport: Transport) -> Send:
    """Sends a request, checks what every answer must be, and returns it."""

    def checked(verb: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = Request(method=verb, path=target, headers={"Host": "toto.test", **headers}, body=body)
        answer = transport.send(request).result(PATIENCE)
        assert answer.status in STATUSES, answer
        assert answer.get("access-control-allow-origin") == "*"
        assert answer.get("access-control-expose-headers") == "x-toto-hmac"
        check_body(answer)
        return answer

    return checked


@pytest.fixture
def login(send: Send) -> dict[str, Any]:
    body = json.dumps({"user_id": "anna", "password": PASSWORD}).encode()
    return dict(send("POST", "/account.create", body, {}).decoded["session"])


def check_body(answer: Answer) -> None:
    """Empty, or the wire's form in the content type that it says."""
    if not answer.body:
        return
    if answer.media_type in RAW_TYPES:
        assert answer.get("x-toto-hmac") is None
        return
    value = answer.decoded
    assert isinstance(value, dict), answer
    assert value.keys() <= MEMBERS
    if answer.status != 200:
        assert answer.media_type == "application/json"
        assert value.keys() == {"error"}
    for error in errors(value):
        assert error.keys() >= {"code", "value"}


def errors(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    members = value.get("batch", {}).values()
    yield from (member["error"] for member in (value, *members) if "error" in member)


# What is sent

SKIPPED = ("async_.", "ev.", "misc.closed", "misc.status", "misc.ctype", "receive_message")
"""Methods that wait on purpose, and those that set the status or the content type they like."""
CALLABLE = [name for name in registry.names() if not name.startswith(SKIPPED)]

names = st.one_of(
    st.sampled_from(CALLABLE),
    st.sampled_from(["account.create", "account.login", "account.update", "auth.anon", "sess.set", "echo"]),
    st.text(max_size=20),
    st.sampled_from(["", ".", "echo.", "_private", "__class__", "echo.__init__", "websocket"]),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["anna", PASSWORD, "", "\0", "\ud800", 2**63, 2**64, 10**400]),
)
keys = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["user_id", "password", "new_password", "session_id", "k", "v", "x", "id", "jsonp", "a"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
calls = st.fixed_dictionaries(
    {}, optional={"method": st.one_of(names, names, values), "parameters": values, "session_id": scalars}
)
batches = st.fixed_dictionaries(
    {"batch": st.one_of(st.dictionaries(keys, st.one_of(calls, values), max_size=5), values)}
)
envelopes = st.one_of(calls, calls, batches, values)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_bson(value: Any) -> bytes:
    """BSON where it can be, else bytes that are none."""
    try:
        return bson.encode(value)
    except (bson.errors.BSONError, TypeError, ValueError, OverflowError):
        return repr(value).encode("utf-8", "replace")


def as_msgpack(value: Any) -> bytes:
    """See as_bson."""
    try:
        return bytes(msgpack.packb(value, use_bin_type=len(repr(value)) % 2 == 0))
    except (TypeError, ValueError, OverflowError):
        return repr(value).encode("utf-8", "replace")


WRITERS = {
    "application/json": as_json,
    "application/bson": as_bson,
    "application/msgpack": as_msgpack,
    "application/x-msgpack": as_msgpack,
}


@st.composite
def mutated(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A body with some bytes replaced, inserted or cut off."""
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["replace", "insert", "cut"])):
            case "replace":
                body[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                body[at:at] = draw(st.binary(min_size=1, max_size=6))
            case "cut":
                del body[at:]
    return bytes(body)


typed_bodies = st.sampled_from(sorted(WRITERS)).flatmap(
    lambda content_type: st.tuples(st.just(content_type), envelopes.map(WRITERS[content_type]))
)
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"]
form_bodies = st.one_of(
    st.binary(max_size=60),
    st.lists(st.tuples(keys, st.text(max_size=8)), max_size=5).map(
        lambda pairs: "&".join(
            f"{quote(a, errors='replace')}={quote(b, errors='replace')}" for a, b in pairs
        ).encode()
    ),
    mutated(
        st.sampled_from(
            [
                b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
                b'--x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n\x00\r\n--x--\r\n',
            ]
        )
    ),
)
sendable = st.characters(
    min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\x7f", exclude_categories=["Cc"]
)
header_texts = st.text(sendable, max_size=30)
content_types = st.one_of(
    st.sampled_from(
        [*WRITERS, *FORMS, "", "text/plain", "application/json; charset=utf-16", "APPLICATION/BSON"]
    ),
    header_texts,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "x-toto-session-id": header_texts,
        "x-toto-hmac": header_texts,
        "origin": header_texts,
        "content-type": content_types,
        "cookie": header_texts,
        "accept": header_texts,
        "access-control-request-method": st.one_of(st.sampled_from(["POST", "PUT", "get"]), header_texts),
        "access-control-request-headers": header_texts,
    },
)
paths = st.one_of(
    names.map(lambda name: "/" + quote(name.encode("utf-8", "replace")).replace(".", "/")),
    names.map(lambda name: "/" + quote(name.encode("utf-8", "replace"), safe="")),
    st.binary(max_size=12).map(lambda path: "/" + quote(path)),
    st.just("/"),
)
queries = st.one_of(
    st.just(""),
    st.binary(max_size=20).map(lambda query: "?" + quote(query, safe="&=;+%?")),
    st.lists(st.tuples(keys, st.text(max_size=8)), max_size=4).map(
        lambda pairs: "?" + "&".join(quote(f"{a}={b}".encode("utf-8", "replace"), safe="=") for a, b in pairs)
    ),
)
targets = st.builds(str.__add__, paths, queries)
verbs = st.one_of(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]),
    st.sampled_from(["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "post", "X"]),
)


# Tests


@fuzz
@given(verb=verbs, target=targets, body=st.none() | st.binary(max_size=80), headers=headers)
def test_any_request_gets_a_documented_answer(
    send: Send, verb: str, target: str, body: bytes | None, headers: dict[str, str]
) -> None:
    answer = send(verb, target, body, headers)
    if verb == "HEAD":
        assert answer.body == b""
    if verb.upper() not in {"GET", "POST", "HEAD", "OPTIONS"}:
        assert answer.status == 405


@fuzz
@given(target=targets, typed=typed_bodies, headers=headers)
def test_any_envelope_gets_a_documented_answer(
    send: Send, target: str, typed: tuple[str, bytes], headers: dict[str, str]
) -> None:
    content_type, body = typed
    send("POST", target, body, {**headers, "content-type": content_type})


@fuzz
@given(target=targets, content_type=st.sampled_from(sorted(WRITERS)), body=st.data())
def test_any_damaged_body_gets_a_documented_answer(
    send: Send, target: str, content_type: str, body: st.DataObject
) -> None:
    damaged = body.draw(mutated(envelopes.map(WRITERS[content_type])))
    send("POST", target, damaged, {"content-type": content_type})


@fuzz
@given(target=targets, content_type=st.sampled_from(FORMS), body=form_bodies)
def test_any_form_gets_a_documented_answer(send: Send, target: str, content_type: str, body: bytes) -> None:
    send("POST", target, body, {"content-type": content_type})


@fuzz
@given(typed=typed_bodies)
def test_any_signed_call_of_a_session_gets_a_documented_answer(
    send: Send, login: dict[str, Any], typed: tuple[str, bytes]
) -> None:
    content_type, body = typed
    headers = {"x-toto-session-id": login["session_id"], "x-toto-hmac": signature("anna", body)}
    answer = send("POST", "/", body, {**headers, "content-type": content_type})
    if answer.get("x-toto-hmac") is not None and answer.decoded["session"]["user_id"] == "anna":
        assert answer.get("x-toto-hmac") == signature("anna", answer.body)
