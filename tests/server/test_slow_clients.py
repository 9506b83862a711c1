"""Clients of a real uvicorn that send their bodies slowly, and those that do not read what they are sent."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame
from websockets.uri import parse_uri

from tests.realtime import PATIENCE, Server, until

pytestmark = pytest.mark.server

MEGABYTE = 1_000_000
LARGE = 8 * MEGABYTE
"""Characters of an answer that no buffer of the system holds."""
RECEIVE_BUFFER = 4096
"""Bytes that the kernel keeps for a client that does not read, or little more."""
BODY_SECONDS = 0.5
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
POST = b"POST /rt.echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


# Bodies


@pytest.fixture(scope="module")
def impatient() -> Iterator[Server]:
    """A server that waits for bodies for half a second."""
    with Server({"BODY_TIMEOUT": BODY_SECONDS}) as server:
        server.stats()
        yield server


def sending(server: Server, data: bytes) -> socket.socket:
    """A connection over which this has been sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    connection.sendall(data)
    return connection


def trickle(connection: socket.socket, part: bytes) -> None:
    """Send a little now and then, until there is an answer."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            connection.sendall(part)
            connection.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
    connection.settimeout(PATIENCE)


def received(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of what comes until the server closes the connection."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    head, _, body = data.removeprefix(CONTINUE).partition(b"\r\n\r\n")
    return head, body


BEGINNINGS = {
    "nothing": (POST + b"Content-Length: 1000\r\n\r\n", b" "),
    "a part": (POST + b'Content-Length: 1000\r\n\r\n{"a":', b" "),
    "a chunk": (POST + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', b"1\r\n \r\n"),
    "a GET": (b"GET /rt.echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", b" "),
}


@pytest.mark.parametrize(("beginning", "more"), BEGINNINGS.values(), ids=BEGINNINGS.keys())
@pytest.mark.parametrize("goes_on", [False, True], ids=["stops", "trickles"])
def test_body_that_does_not_come_in_time_is_408(
    impatient: Server, beginning: bytes, more: bytes, goes_on: bool
) -> None:
    before = impatient.stats()["tasks"]
    began = time.monotonic()
    with sending(impatient, beginning) as connection:
        if goes_on:
            trickle(connection, more)
        head, body = received(connection)
    assert time.monotonic() - began >= BODY_SECONDS
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\naccess-control-allow-origin: *" in head.lower()
    assert json.loads(body) == {"error": {"code": 1102, "value": "The body did not come in time."}}
    until(lambda: impatient.stats()["tasks"] <= before)
    assert "Traceback" not in impatient.said()


def test_client_that_is_told_to_continue_and_does_not_is_late_too(impatient: Server) -> None:
    with sending(impatient, POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n") as connection:
        head, _ = received(connection)
    assert head.startswith(b"HTTP/1.1 408 ")


def test_many_slow_clients_leave_nothing(impatient: Server) -> None:
    before = impatient.stats()
    connections = [sending(impatient, BEGINNINGS["a part"][0]) for _ in range(100)]
    assert impatient.call("rt.echo", a=1) == {"a": 1}
    for connection in connections:
        with connection:
            assert received(connection)[0].startswith(b"HTTP/1.1 408 ")

    def is_as_before() -> bool:
        now = impatient.stats()
        return now["tasks"] <= before["tasks"] and len(now["files"]) <= len(before["files"]) + 1

    until(is_as_before)


def test_body_that_takes_its_time_is_read_and_its_call_is_watched() -> None:
    body = json.dumps({"event": "never sent"}).encode()
    head = POST.replace(b"echo", b"wait") + f"Content-Length: {len(body)}\r\n\r\n".encode()
    with Server() as server:
        for number in range(1, 4):
            with sending(server, head) as connection:
                for byte in body:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.03)
                server.until_handlers(1)
                time.sleep(0.3)  # Longer than from one look for old calls to the next.
            server.until_handlers(0)
            until(lambda number=number: server.journal() == ["closed rt.wait"] * number)  # type: ignore[misc]


# Web sockets


class Socket:
    """A web socket that is read when the test says so; it sends and keeps what it is told."""

    def __init__(self, server: Server, path: str = "/websocket") -> None:
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(("127.0.0.1", server.port))
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{server.port}{path}"), max_size=None)
        self.events: list[Any] = []
        self.protocol.send_request(self.protocol.connect())
        self._flush()
        self.read(1)

    def call(self, method: str, call_id: int | None = None, **parameters: Any) -> None:
        frame = {"method": method, "parameters": parameters, **({} if call_id is None else {"id": call_id})}
        self.protocol.send_text(json.dumps(frame).encode())
        self._flush()

    def stand_in_the_way(self) -> None:
        """Do not read a large answer, so that what comes after it waits."""
        self.call("rt.large", 0, size=LARGE)
        assert self.connection.recv(1, socket.MSG_PEEK)

    def read(self, count: int | None = None) -> list[Any]:
        """So many events of the protocol, or all until the server closes the socket; frames are decoded."""
        while count is None or len(self.events) < count:
            data = self.connection.recv(65536)
            if not data:
                assert count is None, self.events
                break
            self.protocol.receive_data(data)
            self.events += self.protocol.events_received()
            self._flush()
        read, self.events = self.events[:count], self.events[count or len(self.events) :]
        return [_decoded(event) for event in read]

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            self.connection.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()


def _decoded(event: Any) -> Any:
    is_text = isinstance(event, Frame) and event.opcode == 1
    return json.loads(event.data) if is_text else event


def numbers(frames: list[Any]) -> list[int]:
    """Of messages that `rt.push` and its like sent."""
    return [frame["number"] for frame in frames if isinstance(frame, dict) and "number" in frame]


HOOKS = {"SOCKET_OPENED_METHOD": "rt.opened", "SOCKET_CLOSED_METHOD": "rt.closed"}


@pytest.mark.parametrize(
    ("limits", "count", "size"),
    [({"SOCKET_QUEUE": 200}, 20_000, 10_000), ({"MAX_BODY": 3 * MEGABYTE}, 200, MEGABYTE)],
    ids=["frames", "bytes"],
)
def test_socket_that_is_not_read_is_closed_and_takes_no_memory(
    limits: dict[str, Any], count: int, size: int
) -> None:
    with Server({**limits, **HOOKS, "MAX_ADDRESS_SOCKETS": 1}) as server:
        with Socket(server) as client:
            assert client.read(1) == ["welcome"]
            client.call("rt.subscribe", event="more")
            client.call("rt.wait", event="never sent")
            server.until_handlers(2)
            before = server.stats()["rss"]
            client.stand_in_the_way()
            client.call("rt.push", count=count, size=size)
            until(lambda: "closed rt.wait" in server.journal())
            stats = server.stats()
            assert stats["handlers"] == 0
            assert stats["rss"] - before < 40 * MEGABYTE  # Of 200 that were pushed.
            assert server.journal() == ["opened", "closed rt.wait"]
            seen = client.read()
        assert len(seen[0]["result"]) == LARGE
        assert numbers(seen) == list(range(len(numbers(seen))))
        assert len(numbers(seen)) < count
        assert client.protocol.close_rcvd == Close(1013, "Too many messages are waiting")
        until(lambda: server.journal()[-1] == "closed")
        with Socket(server) as client:
            assert client.read(1) == ["welcome"]
        assert "Traceback" not in server.said()


@pytest.mark.parametrize("is_read", [False, True], ids=["left", "read in the end"])
def test_nothing_is_left_of_a_client_that_did_not_read(is_read: bool) -> None:
    with Server({"SOCKET_QUEUE": 50, **HOOKS, "MAX_ADDRESS_SOCKETS": 1}) as server:
        before = server.stats()
        for _ in range(3):
            with Socket(server) as client:
                client.call("rt.wait", event="never sent")
                server.until_handlers(1)
                client.call("rt.push", count=1000, size=50_000)
                server.until_handlers(0)
                if is_read:
                    client.read()
            until(lambda: server.stats()["tasks"] <= before["tasks"])
        assert server.journal() == ["opened", "closed rt.wait", "closed"] * 3
        assert "Traceback" not in server.said()


def test_calls_of_a_slow_reader_wait_for_their_answers_to_leave() -> None:
    """They are many times MAX_BODY together, and no reason to close."""
    with Server({"MAX_BODY": 2 * MEGABYTE, "SOCKET_CALLS": 3, "SOCKET_QUEUE": 1}) as server:
        before = server.stats()["rss"]
        with Socket(server) as client:
            for number in range(60):
                client.call("rt.large", number, size=MEGABYTE)
            time.sleep(1)
            assert server.stats()["rss"] - before < 30 * MEGABYTE  # Of 60.
            answers = client.read(60)
        assert sorted(answer["id"] for answer in answers) == list(range(60))
        assert {len(answer["result"]) for answer in answers} == {MEGABYTE}


@pytest.mark.parametrize("method", ["rt.push_here", "rt.push_in_thread"])
@pytest.mark.parametrize("is_slow", [False, True], ids=["reader", "slow reader"])
def test_frames_leave_in_the_order_they_were_pushed(method: str, is_slow: bool) -> None:
    with Server({"SOCKET_CALLS": 1, "SOCKET_QUEUE": 10_000}) as server, Socket(server) as client:
        if is_slow:
            client.stand_in_the_way()
        for call_id in range(1, 51):
            client.call(method, call_id, numbers=[call_id * 100 + number for number in range(20)])
        if is_slow:
            time.sleep(0.5)
            assert client.read(1)[0]["id"] == 0
        frames = client.read(50 * 21)
    expected: list[Any] = []
    for call_id in range(1, 51):
        expected += [{"number": call_id * 100 + number} for number in range(20)]
        expected.append({"id": call_id, "result": "pushed"})
    assert frames == expected


def test_messages_stay_in_order_where_the_reader_stops_again_and_again() -> None:
    count = 2000
    limits = {"SOCKET_QUEUE": count, "MAX_BODY": 100 * MEGABYTE}
    with Server(limits) as server, Socket(server) as client:
        client.call("rt.push", count=count, size=30_000)
        seen: list[int] = []
        while len(seen) < count:
            seen += numbers(client.read(50))
            time.sleep(0.002)
    assert seen == list(range(count))
