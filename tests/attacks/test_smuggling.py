"""Requests of which a proxy and the service may read different things, over real servers.

Two headers of one name count as one that matches nothing, headers of unclear form are
refused, and nothing behind a refused body is taken for a request.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from tests.calls import PASSWORD, envelope, signature
from tests.conformance.servers import GunicornTransport, ServerTransport, UvicornTransport
from tests.realtime import PATIENCE, until

pytestmark = pytest.mark.server

TOTO = {"STORES": {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}}
HOST = b"Host: toto.test\r\n"
JSON = b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"
ASKED = envelope("auth.required")
SMUGGLED = envelope("account.create", {"user_id": "smuggled", "password": PASSWORD})
HIDDEN = (
    b"POST / HTTP/1.1\r\n" + HOST + JSON + CLOSE + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
)
"""A request in the body of another one."""
LAST = b"GET /whoami HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"


class Victim(NamedTuple):
    """A session, and what signs `ASKED` for it."""

    session_id: bytes
    signature: bytes


@pytest.fixture(scope="module", params=[UvicornTransport, GunicornTransport], ids=["uvicorn", "gunicorn"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerTransport]:
    with request.param({"TOTO_TEST_TOTO": json.dumps(TOTO)}) as server:
        until(lambda: answers(server, posted(b"", envelope("whoami"))), 2 * PATIENCE)
        yield server


@pytest.fixture(scope="module")
def victim(server: ServerTransport) -> Victim:
    created = answers(
        server, posted(b"", envelope("account.create", {"user_id": "ann", "password": PASSWORD}))
    )
    session_id = json.loads(body_of(created[0]))["result"]["session_id"]
    return Victim(session_id.encode(), signature("ann", ASKED).encode())


def answers(server: ServerTransport, sent: bytes) -> list[bytes]:
    """All that the server answers on one connection, to requests the last of which ends it."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(sent)
            if not server.is_asgi:  # uvicorn takes this for a client that has left.
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
    except ConnectionResetError:
        pass
    return [b"HTTP/1.1 " + each for each in received.split(b"HTTP/1.1 ")[1:]]


def lengths(*values: bytes) -> bytes:
    return b"".join(b"Content-Length: %b\r\n" % value for value in values)


def posted(headers: bytes, body: bytes = ASKED) -> bytes:
    return (
        b"POST / HTTP/1.1\r\n" + HOST + JSON + CLOSE + lengths(b"%d" % len(body)) + headers + b"\r\n" + body
    )


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    return int(answer.split()[1])


def code_of(answer: bytes) -> int | None:
    """Of the error; None for a result."""
    decoded = json.loads(body_of(answer))
    return decoded["error"]["code"] if "error" in decoded else None


# Headers


def test_victim_is_let_in(server: ServerTransport, victim: Victim) -> None:
    """The attacks below leave out, or add, but one thing."""
    for names in (
        b"x-toto-session-id: %b\r\nx-toto-hmac: %b\r\n",
        b"X-TOTO-Session-ID:%b\r\nX-Toto-HMAC:  %b\r\n",
    ):
        [answer] = answers(server, posted(names % victim))
        assert code_of(answer) is None


@pytest.mark.parametrize(
    "values", [(b"%b", b"%b"), (b"bogus", b"%b"), (b"%b", b"bogus"), (b"", b"%b"), (b"%b", b"")], ids=repr
)
def test_two_session_ids_are_none(
    server: ServerTransport, victim: Victim, values: tuple[bytes, bytes]
) -> None:
    headers = b"x-toto-hmac: %b\r\n" % victim.signature
    for value in values:
        headers += b"x-toto-session-id: %b\r\n" % value.replace(b"%b", victim.session_id)
    [answer] = answers(server, posted(headers))
    assert code_of(answer) == 1004


@pytest.mark.parametrize(
    "values", [(b"%b", b"%b"), (b"bogus", b"%b"), (b"%b", b"bogus"), (b"", b"%b"), (b"%b", b"")], ids=repr
)
def test_two_signatures_are_wrong(
    server: ServerTransport, victim: Victim, values: tuple[bytes, bytes]
) -> None:
    headers = b"x-toto-session-id: %b\r\n" % victim.session_id
    for value in values:
        headers += b"x-toto-hmac: %b\r\n" % value.replace(b"%b", victim.signature)
    [answer] = answers(server, posted(headers))
    assert code_of(answer) == 1008


@pytest.mark.parametrize("name", [b"X_Toto_Session_Id", b"x_toto_session_id", b"X-Toto_Session-Id"])
def test_name_with_underscores_is_another_header(
    server: ServerTransport, victim: Victim, name: bytes
) -> None:
    hmac = b"x-toto-hmac: %b\r\n" % victim.signature
    [answer] = answers(server, posted(hmac + b"%b: %b\r\n" % (name, victim.session_id)))
    assert code_of(answer) == 1004
    both = b"x-toto-session-id: %b\r\n%b: bogus\r\n" % (victim.session_id, name)
    [answer] = answers(server, posted(hmac + both))
    assert code_of(answer) is None, "a header that proxies do not know spoils one that they do"


@pytest.mark.parametrize(
    "header",
    [
        b"x-toto-session-id:\r\n %b\r\n",
        b"x-toto-session-id: %b\r\n bogus\r\n",
        b"x-other: a\r\n x-toto-session-id: %b\r\n",
        b"x-other: a\r\n\tb\r\nx-toto-session-id: %b\r\n",
        b"x-other: a\nx-toto-session-id: %b\r\n",
        b"x-other: a\rx-toto-session-id: %b\r\n",
        b"x-toto-session-id : %b\r\n",
        b"x-toto-session-id\t: %b\r\n",
        b" x-toto-session-id: %b\r\n",
        b"x-toto-session-id\0: %b\r\n",
        b"x-toto-session-id: %b\0\r\n",
        b"x-toto-session-id: \0%b\r\n",
        b"x-toto-session-id %b\r\n",
        b": %b\r\n",
    ],
    ids=repr,
)
def test_header_of_unclear_form_is_refused(server: ServerTransport, victim: Victim, header: bytes) -> None:
    hmac = b"x-toto-hmac: %b\r\n" % victim.signature
    [answer] = answers(server, posted(hmac + header % victim.session_id))
    assert status_of(answer) == 400


@pytest.mark.parametrize("padding", [b"\xa0", b"\x85", b"\xc2\xa0", b"%20", b"+", b'"', b";", b","], ids=repr)
def test_session_id_with_more_than_space_around_it_is_none(
    server: ServerTransport, victim: Victim, padding: bytes
) -> None:
    hmac = b"x-toto-hmac: %b\r\n" % victim.signature
    for value in (padding + victim.session_id, victim.session_id + padding):
        [answer] = answers(server, posted(hmac + b"x-toto-session-id: %b\r\n" % value))
        assert code_of(answer) == 1004


def test_two_content_types_are_none(server: ServerTransport) -> None:
    [answer] = answers(server, posted(b"Content-Type: application/msgpack\r\n"))
    assert status_of(answer) in (400, 415)


# Bodies and what comes after them


def is_smuggled(server: ServerTransport) -> bool:
    """Whether the request in the body was answered: its account is there."""
    login = envelope("account.login", {"user_id": "smuggled", "password": PASSWORD})
    [answer] = answers(server, posted(b"", login))
    return code_of(answer) is None


CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"0\r\n\r\n"
SHORT, LONG = b"%d" % len(ASKED), b"%d" % (len(ASKED) + len(HIDDEN))
UNCLEAR: dict[str, tuple[bytes, bytes]] = {
    "length, then chunked": (lengths(b"%d" % len(EMPTY + HIDDEN)) + CHUNKED, EMPTY + HIDDEN),
    "chunked, then length": (CHUNKED + lengths(b"%d" % len(EMPTY + HIDDEN)), EMPTY + HIDDEN),
    "length of nothing, and chunked": (lengths(b"0") + CHUNKED, b"%x\r\n" % len(HIDDEN) + HIDDEN + EMPTY),
    "short length, then long": (lengths(SHORT, LONG), ASKED + HIDDEN),
    "long length, then short": (lengths(LONG, SHORT), ASKED + HIDDEN),
    "list of lengths": (lengths(SHORT + b", " + LONG), ASKED + HIDDEN),
    "length with a sign": (lengths(b"+" + SHORT), ASKED + HIDDEN),
    "length below nothing": (lengths(b"-1"), ASKED + HIDDEN),
    "length in sixteens": (lengths(b"0x%x" % len(ASKED)), ASKED + HIDDEN),
    "length with an underscore": (lengths(b"4_5"), ASKED + HIDDEN),
    "length in other digits": (lengths("٤٥".encode()), ASKED + HIDDEN),
    "another coding": (b"Transfer-Encoding: xchunked\r\n", EMPTY + HIDDEN),
    "chunked, then identity": (b"Transfer-Encoding: chunked, identity\r\n", EMPTY + HIDDEN),
    "two codings": (CHUNKED + b"Transfer-Encoding: identity\r\n", EMPTY + HIDDEN),
    "coding behind a control character": (b"Transfer-Encoding: \x0bchunked\r\n", EMPTY + HIDDEN),
}


@pytest.mark.parametrize(("headers", "body"), UNCLEAR.values(), ids=UNCLEAR)
def test_body_of_unclear_length_is_refused_with_all_behind_it(
    server: ServerTransport, headers: bytes, body: bytes
) -> None:
    [answer] = answers(server, b"POST / HTTP/1.1\r\n" + HOST + JSON + headers + b"\r\n" + body)
    assert status_of(answer) in (400, 501)
    assert not is_smuggled(server)


@pytest.mark.parametrize("size", [b"-1", b"0x2d", b"zz", b"", b" 2d", b"f" * 17], ids=repr)
def test_chunk_of_unclear_size_is_refused_with_all_behind_it(
    server: ServerTransport, size: bytes, said: Callable[[], str]
) -> None:
    chunks = size + b"\r\n" + ASKED + b"\r\n" + EMPTY
    found = answers(server, b"POST / HTTP/1.1\r\n" + HOST + JSON + CHUNKED + b"\r\n" + chunks + HIDDEN)
    assert [status_of(answer) for answer in found[:1]] in ([400], [])
    assert len(found) <= 1
    assert not is_smuggled(server)
    assert "failed outside its method" not in said()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /echo HTTP/1.1\r\n",
        b"OPTIONS /echo HTTP/1.1\r\n",
        b"PUT /echo HTTP/1.1\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Type: text/plain\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Type: multipart/form-data\r\n",
    ],
    ids=repr,
)
def test_body_that_was_not_read_is_no_request(server: ServerTransport, head: bytes) -> None:
    sent = head + HOST + lengths(b"%d" % len(HIDDEN)) + b"\r\n" + HIDDEN
    answer, last = answers(server, sent + LAST)
    assert status_of(answer) in (200, 400, 405, 415)
    assert b'"pid"' in last
    assert not is_smuggled(server)


def test_body_that_is_too_long_to_be_read_is_no_request(server: ServerTransport) -> None:
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + HOST + JSON + lengths(b"99999999") + b"\r\n" + HIDDEN)
        received += connection.recv(65536)
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            received += connection.recv(65536)
    assert status_of(received) == 413
    assert received.count(b"HTTP/1.1 ") == 1
    assert not is_smuggled(server)


@pytest.fixture
def said(server: ServerTransport) -> Callable[[], str]:
    """What the server logged since the test began."""
    before = len(server.said())
    return lambda: server.said()[before:]
