"""Web sockets over a real server (docs/protocol.md section 15)."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bson
import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.calls import PASSWORD
from tests.realtime import PATIENCE, Server, until

LIMIT = 20_000
ORIGIN = "https://good.test"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    toto = {"SOCKET_CALLS": 3, "MAX_BODY": LIMIT, "ALLOW_ORIGIN": [ORIGIN], "USE_COOKIES": True}
    with Server({**toto, "SECURE_COOKIES": False}) as server:
        yield server


@pytest.fixture(scope="module")
def hooked() -> Iterator[Server]:
    """A server with methods for sockets that open and close."""
    hooks = {"SOCKET_OPENED_METHOD": "rt.opened", "SOCKET_CLOSED_METHOD": "rt.closed"}
    with Server({**hooks, "ALLOW_ORIGIN": ORIGIN}) as server:
        yield server


@contextmanager
def opened(server: Server, path: str = "/websocket", **options: Any) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}{path}"
    with connect(url, open_timeout=PATIENCE, close_timeout=5, **options) as client:
        yield client


def send(client: ClientConnection, method: Any, call_id: Any = None, **parameters: Any) -> None:
    frame = {"method": method, "parameters": parameters}
    client.send(json.dumps(frame if call_id is None else {"id": call_id, **frame}))


def received(client: ClientConnection) -> Any:
    return json.loads(client.recv(PATIENCE))


def asked(client: ClientConnection, method: Any, **parameters: Any) -> Any:
    """The answer to a call with an id; no other frame may come before it."""
    send(client, method, "ask", **parameters)
    answer = received(client)
    assert answer.pop("id") == "ask"
    return answer


def account(server: Server, user_id: str) -> Any:
    return server.call("account.create", user_id=user_id, password=PASSWORD)


# Addresses and sessions


@pytest.mark.parametrize("path", ["/websocket", "/websocket/", "//websocket", "//websocket/"])
def test_address_without_a_session_id(server: Server, path: str) -> None:
    with opened(server, path) as client:
        assert asked(client, "rt.echo", a=1) == {"result": {"a": 1}}
        assert asked(client, "rt.user")["error"]["code"] == 1004


@pytest.mark.parametrize("path", ["/websocket/{}", "/websocket{}", "//websocket/{}", "//websocket{}"])
def test_address_with_a_session_id(server: Server, path: str) -> None:
    session = server.call("rt.session")
    with opened(server, path.format(session["session_id"])) as client:
        assert asked(client, "rt.session") == {"result": session}


def test_session_id_of_the_header(server: Server) -> None:
    session = server.call("rt.session")
    headers = {"x-toto-session-id": session["session_id"]}
    with opened(server, additional_headers=headers) as client:
        assert asked(client, "rt.session") == {"result": session}


def test_session_id_of_the_cookie(server: Server) -> None:
    session = server.call("rt.session")
    headers = {"cookie": f"toto-session-id={session['session_id']}"}
    with opened(server, additional_headers=headers) as client:
        assert asked(client, "rt.session") == {"result": session}


def test_unknown_session_id_is_no_session(server: Server) -> None:
    with opened(server, "/websocket/nothing") as client:
        assert asked(client, "rt.user")["error"]["code"] == 1004


@pytest.mark.parametrize("path", ["/", "/web", "/other/websocket", "/websocket/a/b", "/websocke/t"])
def test_other_addresses_are_refused(server: Server, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(server, path):
        pass
    assert refused.value.response.status_code == 403


def test_login_over_the_socket_counts_for_later_calls(server: Server) -> None:
    account(server, "lena")
    with opened(server) as client:
        login = asked(client, "account.login", user_id="lena", password=PASSWORD)
        assert login["result"]["user_id"] == "lena"
        assert asked(client, "rt.user") == {"result": {"user_id": "lena"}}
        asked(client, "account.logout")
        assert asked(client, "rt.user")["error"]["code"] == 1004


def test_login_survives_a_call_that_began_before_it(server: Server) -> None:
    account(server, "mona")
    with opened(server) as client:
        asked(client, "rt.session")
        send(client, "rt.wait_session", 1, event="before login")
        server.until_handlers(1)
        asked(client, "account.login", user_id="mona", password=PASSWORD)
        server.call("rt.send", event="before login")
        assert received(client) == {"id": 1, "result": {"got": None}}
        assert asked(client, "rt.user") == {"result": {"user_id": "mona"}}


def test_session_id_is_in_no_log(server: Server) -> None:
    session_ids = [server.call("rt.session")["session_id"] for _ in range(4)]
    with (
        opened(server, f"/websocket/{session_ids[0]}") as client,
        opened(server, f"/websocket{session_ids[1]}") as other,
        opened(server, additional_headers={"x-toto-session-id": session_ids[2]}) as third,
    ):
        for one in (client, other, third):
            assert asked(one, "rt.session")["result"]["session_id"] in session_ids
            asked(one, "rt.log")
            asked(one, "rt.fail")
            one.send("{")
            received(one)
    with (
        pytest.raises(InvalidStatus),
        opened(server, f"/websocket/{session_ids[3]}", origin="https://bad.test"),
    ):
        pass
    until(lambda: "403" in server.said())
    said = server.said()
    assert "rt.fail failed" in said
    assert [one for one in session_ids if one in said] == []


# Calls


@pytest.mark.parametrize("call_id", [0, 1, "", "a", "é", [1], {"a": 1}, False])
def test_call_with_an_id_is_answered_with_it(server: Server, call_id: Any) -> None:
    with opened(server) as client:
        send(client, "rt.echo", call_id, a="é")
        assert received(client) == {"id": call_id, "result": {"a": "é"}}
        send(client, "rt.fail", call_id)
        assert received(client) == {"id": call_id, "error": {"code": 1000, "value": "Server error"}}


def test_call_without_an_id_is_answered_only_if_it_fails(server: Server) -> None:
    with opened(server) as client:
        send(client, "rt.echo", a=1)
        send(client, "rt.fail")
        assert received(client) == {"error": {"code": 1000, "value": "Server error"}}
        send(client, "rt.echo", a=1)
        assert asked(client, "rt.echo", b=2) == {"result": {"b": 2}}


@pytest.mark.parametrize(
    ("frame", "code"),
    [({"id": 1}, 1002), ({"id": 1, "method": "no.such"}, 1001), ({"id": 1, "method": [1]}, 1001)],
)
def test_call_of_nothing_is_an_error_with_its_id(server: Server, frame: Any, code: int) -> None:
    with opened(server) as client:
        client.send(json.dumps(frame))
        answer = received(client)
        assert (answer["id"], answer["error"]["code"]) == (1, code)


@pytest.mark.parametrize("frame", ["", "{", "[]", "5", "null", '"text"', '{"a"', b"", b"\xc1", b"\x93\x01"])
def test_malformed_frame_is_an_error_and_the_socket_goes_on(server: Server, frame: Any) -> None:
    with opened(server) as client:
        client.send(frame)
        data = client.recv(PATIENCE)
        answer = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
        assert answer["error"]["code"] == 1000
        assert asked(client, "rt.echo", a=1) == {"result": {"a": 1}}


@pytest.mark.parametrize("frame", ["x" * (LIMIT + 1), b"x" * (LIMIT + 1)], ids=["text", "binary"])
def test_frame_above_the_limit_ends_the_socket(server: Server, frame: Any) -> None:
    with opened(server) as client:
        client.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("subprotocol", "dumps", "loads"),
    [
        (None, msgpack.packb, msgpack.unpackb),
        ("toto.msgpack", msgpack.packb, msgpack.unpackb),
        ("toto.bson", bson.encode, bson.decode),
    ],
)
def test_binary_frames_are_answered_alike(server: Server, subprotocol: Any, dumps: Any, loads: Any) -> None:
    offered = ["unknown", subprotocol] if subprotocol else None
    with opened(server, subprotocols=offered) as client:
        assert client.subprotocol == subprotocol
        client.send(dumps({"id": 1, "method": "rt.echo", "parameters": {"a": [1, "é"]}}))
        assert loads(client.recv(PATIENCE)) == {"id": 1, "result": {"a": [1, "é"]}}
        client.send(dumps({"method": "no.such"}))
        assert loads(client.recv(PATIENCE))["error"]["code"] == 1001
        assert asked(client, "rt.echo") == {"result": {}}


def test_calls_overlap_but_no_more_than_are_allowed(server: Server) -> None:
    with opened(server) as client:
        for number in range(5):
            send(client, "rt.slow", number, event=f"slow {number}")
        server.until_handlers(3)
        for position, number in enumerate((2, 0, 1, 4, 3)):
            server.until_handlers(min(3, 5 - position))
            server.call("rt.send", event=f"slow {number}")
            answer = received(client)
            assert (answer["id"], answer["result"]["most"]) == (number, 3)


# Messages and events


def test_messages_come_from_a_thread(server: Server) -> None:
    with opened(server) as client:
        send(client, "rt.push", count=3)
        assert [received(client) for _ in range(3)] == [{"number": number} for number in range(3)]
        send(client, "rt.push", count=2, message_id="m")
        assert [received(client) for _ in range(2)] == [
            {"message_id": "m", "data": {"number": number}} for number in range(2)
        ]


def test_message_without_a_socket_is_an_error(server: Server) -> None:
    assert server.ask("rt.opened")["error"]["code"] == 1000


def test_message_to_a_socket_that_is_gone_is_dropped_quietly(server: Server) -> None:
    pushed = server.journal().count("pushed")
    with opened(server) as client:
        send(client, "rt.push_late")
        received(client)
        client.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: server.journal().count("pushed") > pushed)
    assert "Task exception was never retrieved" not in server.said()
    assert "Unexpected ASGI message" not in server.said()


def test_event_handlers_live_as_long_as_the_socket(server: Server) -> None:
    with opened(server) as client, opened(server) as other:
        for one in (client, other):
            assert asked(one, "rt.subscribe", event="news") == {"result": {"subscribed": True}}
        for number in range(3):
            server.call("rt.send", event="news", args=number)
            assert received(client) == {"event": number}
            assert received(other) == {"event": number}
            server.until_handlers(2)
        other.close()
        server.until_handlers(1)
        server.call("rt.send", event="news", args="é")
        assert received(client) == {"event": "é"}
    server.until_handlers(0)


def test_event_handler_of_the_call_only(server: Server) -> None:
    with opened(server) as client:
        asked(client, "rt.subscribe", event="news", until_finish=True)
        assert server.stats()["handlers"] == 0


@pytest.mark.parametrize("calls", [1, 3, 4, 10], ids="{} calls".format)
@pytest.mark.parametrize("politely", [True, False], ids=["closed", "vanished"])
def test_nothing_is_left_of_a_socket_that_closes(calls: int, politely: bool) -> None:
    with Server({"SOCKET_CALLS": 3}) as server:
        before = server.stats()
        with opened(server) as client:
            for number in range(calls):
                send(client, "rt.wait", number, event="never sent")
            server.until_handlers(min(calls, 3))
            if not politely:
                client.socket.shutdown(socket.SHUT_RDWR)
        server.until_handlers(0)
        until(lambda: server.stats()["tasks"] <= before["tasks"])
        assert set(server.journal()) == {"closed rt.wait"}


# Opening, closing, origins


def test_methods_of_opening_and_closing(hooked: Server) -> None:
    with opened(hooked) as client:
        assert received(client) == "welcome"
        assert hooked.journal() == ["opened"]
    until(lambda: hooked.journal() == ["opened", "closed"])
    assert hooked.call("rt.journal", clear=True) == ["opened", "closed"]


def test_foreign_origin_is_refused_and_was_never_open(hooked: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(hooked, origin="https://bad.test"):
        pass
    assert refused.value.response.status_code == 403
    with opened(hooked, origin=ORIGIN) as client:
        assert received(client) == "welcome"
    until(lambda: "closed" in hooked.journal()[1:])
    assert hooked.call("rt.journal", clear=True) == ["opened", "closed"]


@pytest.mark.parametrize(
    "origin", ["http://good.test", "https://good.test:81", "null", "https://good.test.x"]
)
def test_nearly_allowed_origin_is_refused(server: Server, origin: Any) -> None:
    with pytest.raises(InvalidStatus), opened(server, origin=origin):
        pass


@pytest.mark.parametrize("origin", [ORIGIN, None])
def test_allowed_origin_and_none_at_all(server: Server, origin: Any) -> None:
    with opened(server, origin=origin) as client:
        assert asked(client, "rt.echo") == {"result": {}}


def test_server_starts_and_stops_with_its_sockets_open() -> None:
    with Server() as server, opened(server) as client:
        send(client, "rt.wait", 1, event="never sent")
        server.until_handlers(1)
        server.process.terminate()
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        server.process.wait(PATIENCE)
        said = server.said()
    assert "Application startup complete" in said
    assert "Application shutdown complete" in said
    assert "Traceback" not in said
