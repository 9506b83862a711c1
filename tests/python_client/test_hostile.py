"""What comes from a man in the middle, a proxy, a broken or a malicious server."""

import base64
import gzip
import hmac
import itertools
import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.python_client.conftest import PASSWORD, Make
from tests.python_client.hostile import answering, between, http, listening, message
from tests.realtime import Server
from toto_django.client import (
    AnswerTooLarge,
    CallTimeout,
    ConnectionLost,
    HTTPStatusError,
    InvalidAnswer,
    InvalidResponseHMAC,
    NotConnected,
    Session,
    TotoError,
)

pytestmark = pytest.mark.server

SESSION = Session("A" * 22, "ada", 4e9)
JSON = "Content-Type: application/json"
OK = http(b'{"result": 1}', JSON)

signing_server = pytest.fixture(params=["user_id", "session_key", "v2"])(
    lambda request: request.getfixturevalue(f"{request.param}_service")
)


# In the middle


def without_signature(answer: bytes) -> bytes:
    return re.sub(rb"(?i)x-toto-hmac: [^\r]*\r\n", b"", answer)


def with_wrong_signature(answer: bytes) -> bytes:
    return re.sub(rb"(?i)(x-toto-hmac: )[^\r]*", rb"\1AAAAAAAAAAAAAAAAAAAAAAAAAAA=", answer)


def with_garbage_for_signature(answer: bytes) -> bytes:
    return re.sub(rb"(?i)(x-toto-hmac: )[^\r]*", b"\\1\xff\xfe", answer)


def with_another_result(answer: bytes) -> bytes:
    return answer.replace(b'"result": {"user_id"', b'"result": {"user_iD"')


def of_another_account(answer: bytes) -> bytes:
    return re.sub(rb'("user_id": "user)\d', rb"\1x", answer)


def of_another_session(answer: bytes) -> bytes:
    return re.sub(rb'("session_id": ")....', rb"\1XXXX", answer)


@pytest.mark.parametrize(
    "change",
    [
        without_signature,
        with_wrong_signature,
        with_garbage_for_signature,
        with_another_result,
        of_another_account,
        of_another_session,
    ],
)
def test_changed_answers_are_refused_and_change_nothing(
    signing_server: Server, make: Make, name: str, change: Callable[[bytes], bytes]
) -> None:
    session = make(signing_server).create(name, PASSWORD)
    with listening(between(signing_server.port, change)) as port:
        options = {"signing": signing_server.signing, "session": session}  # type: ignore[attr-defined]
        client = make(f"http://127.0.0.1:{port}/", **options)
        with pytest.raises(InvalidResponseHMAC) as caught:
            client.call("rt.user")
        assert caught.value.code == 1009
        assert client.session == session
        with pytest.raises(InvalidResponseHMAC), client.batch() as batch:
            batch.call("rt.user")


def test_no_answer_replaces_the_key_of_a_session(session_key_service: Server, make: Make, name: str) -> None:
    """A key that comes with the answer it has signed proves nothing."""
    session = make(session_key_service).create(name, PASSWORD)

    def forged(answer: bytes) -> bytes:
        shown = {"session_id": session.session_id, "expires": 4e9, "user_id": name, "key": "mine"}
        body = json.dumps({"result": "forged", "session": shown}).encode()
        digest = hmac.digest(b"mine", session.session_id.encode() + body, "sha1")
        return http(body, f"x-toto-hmac: {base64.b64encode(digest).decode()}", JSON)

    with listening(between(session_key_service.port, forged)) as port:
        client = make(f"http://127.0.0.1:{port}/", signing="session_key", session=session)
        with pytest.raises(InvalidResponseHMAC):
            client.call("rt.user")
        assert client.session == session


def test_an_honest_relay_is_fine(signing_server: Server, make: Make, name: str) -> None:
    with listening(between(signing_server.port, bytes)) as port:
        client = make(f"http://127.0.0.1:{port}/", signing=signing_server.signing)  # type: ignore[attr-defined]
        client.create(name, PASSWORD)
        assert client.call("rt.user") == {"user_id": name}


# Nonsense


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"1", b'"x"', b"null", b"\xff\xfe", b'{"result": NaN}', b"[" * 5000, b'{"a": ' * 300],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("codec", ["json", "msgpack", "bson"])
def test_what_is_no_answer_is_told_apart(make: Make, body: bytes, codec: str) -> None:
    with listening(answering(http(body, JSON))) as port, pytest.raises(InvalidAnswer):
        make(f"http://127.0.0.1:{port}/", codec=codec).call("x")
    own = answering(http(body, f"Content-Type: application/{codec}"))
    with listening(own) as port, pytest.raises(InvalidAnswer):
        make(f"http://127.0.0.1:{port}/", codec=codec).call("x")


@pytest.mark.parametrize(
    "session",
    [
        1,
        [],
        "x",
        {},
        {"session_id": 1, "expires": 1, "user_id": ""},
        {"session_id": "", "expires": 1, "user_id": ""},
        {"session_id": "a\\r\\nb", "expires": 1, "user_id": ""},
        {"session_id": "a", "expires": "1", "user_id": ""},
        {"session_id": "a", "expires": 1, "user_id": ["x"]},
        {"session_id": "a", "expires": 1, "user_id": "\\ud800"},
    ],
    ids=str,
)
@pytest.mark.parametrize("signing", ["user_id", "session_key", None])
def test_sessions_of_the_wrong_shape_are_refused(make: Make, session: Any, signing: Any) -> None:
    body = repr({"result": 1, "session": session}).replace("'", '"').replace("\\\\", "\\").encode()
    with listening(answering(http(body, JSON))) as port:
        client = make(f"http://127.0.0.1:{port}/", signing=signing, session=SESSION)
        with pytest.raises(InvalidAnswer):
            client.call("x")
        assert client.session == SESSION


@pytest.mark.parametrize(
    "key", ["1", "null", "[]", '"\\ud800"', '"x"'], ids=["number", "null", "list", "surrogate", "text"]
)
def test_keys_of_the_wrong_shape_are_no_keys(make: Make, key: str) -> None:
    session = f'{{"session_id": "a", "expires": 1, "user_id": "", "key": {key}}}'
    body = f'{{"result": {session}, "session": {session}}}'.encode()
    with listening(answering(http(body, "x-toto-hmac: x", JSON))) as port, pytest.raises(InvalidResponseHMAC):
        make(f"http://127.0.0.1:{port}/", signing="session_key").call("x")


@pytest.mark.parametrize(
    "body", [b'{"batch": []}', b'{"batch": {}}', b'{"batch": {"000000": 1}}', b"{}", b""]
)
def test_batches_without_their_members_are_refused(make: Make, body: bytes) -> None:
    with listening(answering(http(body, JSON))) as port:
        client = make(f"http://127.0.0.1:{port}/")
        try:
            with client.batch() as batch:
                member = batch.call("x")
        except InvalidAnswer:
            pass
        assert isinstance(member.error(), InvalidAnswer)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "404 Not Found", "502 Bad Gateway", "503 Busy"])
def test_others_that_answer_are_told_apart(make: Make, status: str) -> None:
    answer = http(b"<h1>Sorry</h1>", "Location: http://127.0.0.1:9/", status=status)
    with listening(answering(answer)) as port:
        with pytest.raises(HTTPStatusError) as caught:
            make(f"http://127.0.0.1:{port}/").call("x")
        assert caught.value.status == int(status[:3])


def test_a_proxy_whose_service_is_away_is_asked_again(make: Make) -> None:
    answers = itertools.chain([http(b"", status="503 Busy")] * 2, itertools.repeat(OK))

    def behave(connection: socket.socket) -> None:
        message(connection)
        connection.sendall(next(answers))

    with listening(behave) as port:
        assert make(f"http://127.0.0.1:{port}/").call("x", retry=True) == 1


# Broken off, slow, endless


def test_a_connection_lost_in_mid_answer_is_not_made_again(make: Make) -> None:
    requests = []

    def behave(connection: socket.socket) -> None:
        requests.append(message(connection))
        connection.sendall(OK[:-3])

    with listening(behave) as port:
        client = make(f"http://127.0.0.1:{port}/")
        with pytest.raises(ConnectionLost):
            client.call("x")
        assert len(requests) == 1
        with pytest.raises(ConnectionLost):
            client.call("x", retry=True)
        assert len(requests) == 4


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 300_000], ids=len
)
def test_what_is_no_http_is_a_lost_connection(make: Make, sent: bytes) -> None:
    with listening(answering(sent)) as port, pytest.raises(ConnectionLost):
        make(f"http://127.0.0.1:{port}/").call("x")


def dripping(connection: socket.socket) -> None:
    """A byte of a body at a time, each soon enough for a time limit of its own."""
    message(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    message(connection)
    time.sleep(5)


@pytest.mark.parametrize("behave", [dripping, silent])
def test_slow_answers_end_in_time(make: Make, behave: Any) -> None:
    with listening(behave) as port:
        client = make(f"http://127.0.0.1:{port}/")
        began = time.monotonic()
        with pytest.raises(CallTimeout):
            client.call("x", timeout=0.5)
        assert time.monotonic() - began < 2


def endless(connection: socket.socket) -> None:
    message(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def test_answers_are_read_up_to_a_size(unsigned_service: Server, make: Make) -> None:
    with listening(endless) as port, pytest.raises(AnswerTooLarge):
        make(f"http://127.0.0.1:{port}/").call("x")
    with pytest.raises(AnswerTooLarge):
        make(unsigned_service, max_answer=1000).call("pc.large", {"size": 1000})
    assert len(make(unsigned_service, max_answer=1100).call("pc.large", {"size": 1000})) == 1000


def test_packed_answers_are_bounded_unpacked(make: Make) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    with listening(answering(http(bomb, "Content-Encoding: gzip"))) as port, pytest.raises(AnswerTooLarge):
        make(f"http://127.0.0.1:{port}/").call("x")
    packed = gzip.compress(b'{"result": 1}')
    with listening(answering(http(packed, "Content-Encoding: gzip"))) as port:
        assert make(f"http://127.0.0.1:{port}/").call("x") == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b'{"result": 1}')[:-4]),
        ("gzip, gzip", b"x"),
    ],
    ids=["unknown", "not gzip", "cut off", "twice"],
)
def test_what_cannot_be_unpacked_is_refused(make: Make, encoding: str, body: bytes) -> None:
    with (
        listening(answering(http(body, f"Content-Encoding: {encoding}"))) as port,
        pytest.raises(InvalidAnswer),
    ):
        make(f"http://127.0.0.1:{port}/").call("x")


def test_a_long_poll_outlives_its_service(make: Make) -> None:
    answers = itertools.chain([b"", http(b"", status="502 Bad Gateway")], itertools.repeat(OK))

    def behave(connection: socket.socket) -> None:
        message(connection)
        connection.sendall(next(answers))

    with listening(behave) as port:
        messages = make(f"http://127.0.0.1:{port}/").messages("x")
        assert next(messages) == 1
        messages.close()


def test_empty_answers_do_not_make_a_poll_spin(make: Make) -> None:
    requests = []

    def behave(connection: socket.socket) -> None:
        requests.append(message(connection))
        connection.sendall(http(b'{"result": []}') if len(requests) < 3 else OK)

    with listening(behave) as port:
        messages = make(f"http://127.0.0.1:{port}/").messages("x")
        began = time.monotonic()
        assert next(messages) == 1
        assert time.monotonic() - began > 1.8
        messages.close()


@pytest.mark.parametrize("answer", [http(b"<html>"), http(b"", status="404 Not Found")])
def test_nonsense_ends_a_poll(make: Make, answer: bytes) -> None:
    with listening(answering(answer)) as port, pytest.raises(TotoError):
        next(make(f"http://127.0.0.1:{port}/").messages("x"))


def test_an_unreachable_host_is_not_waited_for_long(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        client = make(f"http://127.0.0.1:{listener.getsockname()[1]}/", retries=0)
        with pytest.raises((NotConnected, CallTimeout)):
            client.call("x", timeout=0.5)
        for filler in fillers:
            filler.close()
