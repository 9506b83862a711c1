"""Clients that vanish in the middle of whatever they do, and clients that send what is no call."""

import asyncio
import base64
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect

from benchmarks.soak.load import Kind
from benchmarks.soak.world import World, Wrong, check

__all__ = ["Rude"]

JSON = "application/json"
PATH = "/service/"
BEYOND = 11 * 1024 * 1024
"""Bytes that are more than MAX_BODY."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a connection that is closed is reset."""

Steps = Callable[[], Awaitable[None]]


def _call(name: str, **parameters: Any) -> bytes:
    return json.dumps({"method": name, "parameters": parameters}).encode()


def _posted(body: bytes, length: int | None = None) -> bytes:
    """The bytes of a request, which may say that its body is longer."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {JSON}\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


BATCH_THAT_WAITS = {
    "batch": {
        "1": {"method": "soak.add", "parameters": {"a": 1, "b": 2}},
        "2": {"method": "soak.wait", "parameters": {"event": "soak.nobody"}},
        "3": {"method": "soak.await", "parameters": {"event": "soak.nobody"}},
    }
}
VANISHING = {
    "a call": _posted(_call("soak.slow", seconds=1)),
    "a plain call": _posted(_call("soak.slow_plain", seconds=0.3)),
    "a long-poll": _posted(_call("soak.await", event="soak.nobody")),
    "a long-poll of a handler": _posted(_call("soak.wait", event="soak.nobody")),
    "a batch": _posted(json.dumps(BATCH_THAT_WAITS).encode()),
    "a stream": _posted(_call("soak.stream")),
    "a body": _posted(b'{"method": "soak.ad', 1000),
    "a head": b"POST /service/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConte",
    "a handshake": (
        b"GET /service/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(b"x" * 16) + b"\r\n\r\n"
    ),
}
"""What is sent before the client vanishes, by what it is in the middle of."""

MALFORMED: list[tuple[str, str, bytes, int, int]] = [
    ("POST", JSON, b"{", 400, 1000),
    ("POST", JSON, b"\xff\xfe", 400, 1000),
    ("POST", JSON, b"[" * 1000 + b"]" * 1000, 400, 1000),
    ("POST", JSON, b'{"parameters": {"a": NaN}}', 400, 1000),
    ("POST", JSON, b'{"batch": []}', 400, 1000),
    ("POST", JSON, json.dumps({"batch": {key: {} for key in range(101)}}).encode(), 413, 1103),
    ("POST", JSON, b"{}", 200, 1002),
    ("POST", JSON, _call("no.such.method"), 200, 1001),
    ("POST", JSON, _call("soak.signed", a=1, b=2), 200, 1004),
    ("POST", JSON, _call("soak.await"), 200, 1003),
    ("POST", "application/bson", b"no bson", 400, 1000),
    ("POST", "application/msgpack", b"\xc1", 400, 1000),
    ("POST", "text/nothing", b"x", 415, 1000),
    ("PUT", JSON, b"{}", 405, 1000),
    ("DELETE", JSON, b"", 405, 1000),
]
"""Verb, content type and body; HTTP status and code of the answer."""


class Rude:
    def __init__(self, world: World) -> None:
        self.world = world

    def kinds(self) -> Iterator[Kind]:
        yield Kind("vanishing client", 3, self.vanish)
        yield Kind("vanishing socket", 0.7, self.vanish_from_socket)
        yield Kind("malformed request", 3, self.send_malformed)
        yield Kind("malformed connection", 1, lambda: random.choice([self.send_noise, self.send_too_much])())
        yield Kind("malformed frame", 0.5, self.send_malformed_frame)

    # Vanishing

    async def vanish(self) -> None:
        await self.vanish_from(random.choice(list(VANISHING.values())))

    async def vanish_from(self, request: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", random.choice(self.world.ports))
        try:
            writer.write(request)
            await self.world.pause(random.choice([0, 0.05, 0.5, 2]))
        finally:
            _hang_up(writer)

    async def vanish_from_socket(self) -> None:
        """With calls and events under way."""
        url = f"ws://127.0.0.1:{random.choice(self.world.ports)}/service/websocket"
        connection = await connect(url, proxy=None)
        try:
            for number, (name, parameters) in enumerate(
                [
                    ("soak.follow", {"event": "soak.news"}),
                    ("soak.await", {"event": "soak.nobody"}),
                    ("soak.wait", {"event": "soak.nobody"}),
                    ("soak.slow_plain", {"seconds": 0.2}),
                    ("soak.push", {"count": 50}),
                ]
            ):
                await connection.send(json.dumps({"id": number, "method": name, "parameters": parameters}))
            await self.world.pause(random.choice([0, 0.05, 0.5, 2]))
        finally:
            connection.transport.abort()
            await connection.wait_closed()

    # What is no call

    async def send_malformed(self) -> None:
        verb, content_type, body, status, code = random.choice(MALFORMED)
        headers = {"content-type": content_type}
        with self.world.timed("malformed request"):
            answer = await self.world.http.request(
                verb, random.choice(self.world.urls), content=body, headers=headers
            )
        check(answer.status_code, status)
        check(answer.json()["error"]["code"], code)

    async def send_noise(self) -> None:
        """No HTTP at all."""
        answer = await self._answer(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 400"):
            raise Wrong(f"{answer!r:.200} to noise")

    async def send_too_much(self) -> None:
        answer = await self._answer(_posted(b"{", BEYOND))
        if not answer.startswith(b"HTTP/1.1 413"):
            raise Wrong(f"{answer!r:.200} to a body of {BEYOND} bytes")

    async def _answer(self, request: bytes) -> bytes:
        """The first line of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", random.choice(self.world.ports))
        try:
            writer.write(request)
            with self.world.timed("malformed connection"):
                return await reader.readline()
        finally:
            _hang_up(writer)

    async def send_malformed_frame(self) -> None:
        """The socket stays open."""
        url = f"ws://127.0.0.1:{random.choice(self.world.ports)}/service/websocket"
        async with connect(url, proxy=None) as connection:
            for frame in ("{", "[]", b"\xc1", '{"method": "no.such.method"}'):
                await connection.send(frame)
            await connection.send('{"id": 1, "method": "soak.add", "parameters": {"a": 1, "b": 2}}')
            with self.world.timed("malformed frame"):
                frames = [await connection.recv() for _ in range(5)]
        answers = [json.loads(frame) for frame in frames if isinstance(frame, str)]
        check(len(answers), 4)  # One is answered as it came, in MessagePack.
        codes = [answer["error"]["code"] for answer in answers if "error" in answer]
        check(sorted(codes), [1000, 1000, 1001])
        check([answer["result"] for answer in answers if "result" in answer], [{"sum": 3}])


def _hang_up(writer: asyncio.StreamWriter) -> None:
    """One time in two as a machine that crashes does."""
    if random.random() < 0.5:
        with suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
