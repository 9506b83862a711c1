"""Web sockets of the asynchronous client."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.python_client.conftest import PASSWORD
from tests.realtime import Server
from toto_django.client import (
    AsyncClient,
    CallTimeout,
    ConnectionLost,
    HTTPStatusError,
    InvalidAnswer,
    InvalidMethod,
    NotAuthorized,
    NotConnected,
    SocketMessage,
)
from toto_django.client.socket import socket_url

pytestmark = pytest.mark.server

each_codec = pytest.mark.parametrize("codec", ["json", "bson", "msgpack"])
Test = Callable[..., Coroutine[Any, Any, None]]


def on_a_loop(test: Test) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def client_of(server: Any, **options: Any) -> AsyncClient:
    port = server.port if isinstance(server, Server) else server
    return AsyncClient(f"http://127.0.0.1:{port}/", **{"signing": "user_id", **options})


@each_codec
@on_a_loop
async def test_calls_and_messages_share_a_socket(user_id_service: Server, codec: str, name: str) -> None:
    async with client_of(user_id_service, codec=codec) as client:
        await client.create(name, PASSWORD)
        async with client.socket() as connected:
            assert await connected.call("rt.user") == {"user_id": name}
            assert await connected.methods.rt.echo(a="é☃😀") == {"a": "é☃😀"}
            assert await connected.call("pc.nothing") is None
            await connected.call("rt.push", {"count": 2, "message_id": "m"})
            await connected.call("rt.push", {"count": 1})
            messages = connected.messages()
            got = [await anext(messages) for _ in range(3)]
            assert SocketMessage({"number": 0}) in got
            assert [m for m in got if m.message_id] == [
                SocketMessage({"number": 0}, "m"),
                SocketMessage({"number": 1}, "m"),
            ]
            with pytest.raises(InvalidMethod):
                await connected.call("no.such")
        assert [message async for message in messages] == []
        with pytest.raises(ConnectionLost):
            await connected.call("rt.user")


@on_a_loop
async def test_calls_run_side_by_side(unsigned_service: Server, name: str) -> None:
    async with client_of(unsigned_service, signing=None) as client, client.socket(max_calls=2) as connected:
        waiting = asyncio.create_task(connected.call("rt.wait", {"event": name}))
        echoes = await asyncio.gather(*(connected.call("rt.echo", {"n": n}) for n in range(300)))
        assert echoes == [{"n": n} for n in range(300)]
        await client.call("rt.send", {"event": name, "args": 1})
        assert await waiting == {"got": 1}


@on_a_loop
async def test_the_session_is_the_clients_and_a_login_the_sockets(
    session_key_service: Server, name: str
) -> None:
    async with client_of(session_key_service, signing="session_key") as client:
        async with client.socket() as anonymous:
            with pytest.raises(NotAuthorized):
                await anonymous.call("rt.user")
            await anonymous.call("account.create", {"user_id": name, "password": PASSWORD})
            assert await anonymous.call("rt.user") == {"user_id": name}
        assert client.session is None


@on_a_loop
async def test_replies_end_in_time_and_late_ones_are_dropped(unsigned_service: Server, name: str) -> None:
    async with client_of(unsigned_service, signing=None) as client, client.socket() as connected:
        with pytest.raises(CallTimeout):
            await connected.call("rt.wait", {"event": name}, timeout=0.3)
        await connected.call("rt.send", {"event": name})
        assert await connected.call("rt.echo", 1) == 1
        assert connected._messages.empty()


@on_a_loop
async def test_whoever_waits_is_told_when_the_service_ends(name: str) -> None:
    with Server({"METHOD_MODULES": ["tests.service.realtime"]}) as server:
        async with client_of(server, signing=None) as client, client.socket() as connected:
            waiting = asyncio.create_task(connected.call("rt.wait", {"event": name}))
            assert await connected.call("rt.echo", 1) == 1
            server.kill()
            with pytest.raises(ConnectionLost):
                await waiting
            with pytest.raises(ConnectionLost):
                await anext(connected.messages())
            with pytest.raises(ConnectionLost):
                await connected.call("rt.echo")


@on_a_loop
async def test_whoever_waits_is_told_when_the_socket_is_closed(unsigned_service: Server, name: str) -> None:
    async with client_of(unsigned_service, signing=None) as client:
        async with client.socket() as connected:
            waiting = asyncio.create_task(connected.call("rt.wait", {"event": name}))
            reading = asyncio.create_task(_all(connected.messages()))
            assert await connected.call("rt.echo", 1) == 1
        with pytest.raises(ConnectionLost):
            await waiting
        assert await reading == []


async def _all(messages: Any) -> list[Any]:
    return [message async for message in messages]


@on_a_loop
async def test_messages_that_nobody_reads_are_bounded(unsigned_service: Server) -> None:
    async with client_of(unsigned_service, signing=None) as client, client.socket(max_queue=5) as connected:
        with suppress(ConnectionLost):
            await connected.call("rt.push", {"count": 20})
        messages = connected.messages()
        await asyncio.sleep(0.5)
        assert [(await anext(messages)).data["number"] for _ in range(5)] == list(range(5))
        with pytest.raises(ConnectionLost, match="5 messages"):
            await anext(messages)


@on_a_loop
async def test_a_socket_is_entered_before_it_is_used_and_once(unsigned_service: Server) -> None:
    async with client_of(unsigned_service, signing=None) as client:
        connected = client.socket()
        with pytest.raises(RuntimeError, match="Enter the socket"):
            await connected.call("rt.echo")
        async with connected:
            with pytest.raises(RuntimeError, match="entered once"):
                await connected.__aenter__()
        await connected.close()


@on_a_loop
async def test_handshakes_that_fail_are_told_apart(unsigned_service: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    async with client_of(free) as client:
        with pytest.raises(NotConnected):
            await client.socket().__aenter__()
    async with AsyncClient(f"http://127.0.0.1:{unsigned_service.port}/no/such") as client:
        with pytest.raises(HTTPStatusError) as caught:
            await client.socket().__aenter__()
        assert caught.value.status == 403


# Services that misbehave


async def _against(behave: Callable[[ServerConnection], Coroutine[Any, Any, None]], use: Any) -> None:
    async def tolerant(connection: ServerConnection) -> None:
        try:
            await behave(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            pass

    async with serve(tolerant, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with client_of(port, max_answer=1000) as client, client.socket() as connected:
            await use(connected)


@pytest.mark.parametrize("frame", ["nonsense", b"\x00binary", '{"a": NaN}', "[" * 900])
@on_a_loop
async def test_frames_that_are_none_end_the_socket(frame: Any) -> None:
    async def use(connected: Any) -> None:
        with pytest.raises((InvalidAnswer, ConnectionLost)):
            await connected.call("x")
        with pytest.raises(InvalidAnswer):
            await anext(connected.messages())

    await _against(lambda connection: connection.send(frame), use)


@on_a_loop
async def test_frames_are_read_up_to_a_size() -> None:
    async def use(connected: Any) -> None:
        with pytest.raises(ConnectionLost):
            await anext(connected.messages())

    await _against(lambda connection: connection.send("x" * 1001), use)


@pytest.mark.parametrize("code", [1000, 1001, 1013])
@on_a_loop
async def test_the_code_of_a_close_is_told(code: int) -> None:
    async def use(connected: Any) -> None:
        with pytest.raises(ConnectionLost, match=f"code {code}"):
            await anext(connected.messages())

    await _against(lambda connection: connection.close(code), use)


@on_a_loop
async def test_replies_that_nobody_asked_for_are_messages() -> None:
    async def use(connected: Any) -> None:
        messages = connected.messages()
        assert [(await anext(messages)).data for _ in range(3)] == [{"id": "1", "result": 2}, 7, {"id": []}]

    async def behave(connection: ServerConnection) -> None:
        for text in ('{"id": "1", "result": 2}', "7", '{"id": []}'):
            await connection.send(text)

    await _against(behave, use)


@on_a_loop
async def test_redirects_are_not_followed() -> None:
    visits: list[Any] = []

    def elsewhere(connection: ServerConnection, request: Any) -> Any:
        visits.append(request.headers.get("x-toto-session-id"))
        return connection.respond(200, "")

    async def nothing(connection: ServerConnection) -> None:
        pass

    async with serve(nothing, "127.0.0.1", 0, process_request=elsewhere) as other:
        place = f"ws://127.0.0.1:{next(iter(other.sockets)).getsockname()[1]}/"

        def redirect(connection: ServerConnection, request: Any) -> Any:
            response = connection.respond(302, "")
            response.headers["Location"] = place
            return response

        async with serve(nothing, "127.0.0.1", 0, process_request=redirect) as server:
            client = client_of(next(iter(server.sockets)).getsockname()[1])
            with pytest.raises(HTTPStatusError) as caught:
                await client.socket().__aenter__()
            await client.close()
    assert (caught.value.status, visits) == (302, [])


@on_a_loop
async def test_the_session_id_is_in_no_log(
    user_id_service: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with client_of(user_id_service) as client:
        session = await client.create(name, PASSWORD)
        async with client.socket() as connected:
            assert await connected.call("rt.user") == {"user_id": name}
            assert session.session_id not in repr(connected)
    assert session.session_id not in caplog.text
    assert session.session_id not in user_id_service.said()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost/", "ws://localhost/websocket"),
        ("https://localhost:8443/service", "wss://localhost:8443/service/websocket"),
        ("http://localhost/service/?a=b", "ws://localhost/service/websocket?a=b"),
    ],
)
def test_sockets_are_below_the_service(url: str, expected: str) -> None:
    assert socket_url(url) == expected
