"""Bounds of what waits and of what is sent: calls, web sockets, headers. Slow clients are in tests/server."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.signing import Signer
from django.test import RequestFactory
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.calls import Service
from tests.realtime import MEMORY, PATIENCE, Server, until
from tests.test_asgi import JSON_TYPE, Client, Hybrid, call, first, nothing_is_left, synchronous, through
from tests.test_wsgi import Answer
from toto_django import http, sessions, waiting
from toto_django.asgi import ASGIApplication, get_asgi_application
from toto_django.events import EventManager
from toto_django.http import given_session_id, header_size
from toto_django.invocation import anonymous_session, asynchronous, error_redirect
from toto_django.leaving import WATCH_SECONDS
from toto_django.registry import Method
from toto_django.wsgi import get_wsgi_application

Register = Callable[..., Method]
Toto = Callable[..., None]

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
OVER = {"result": "over"}
LIMITED = {"error": {"code": 1101, "value": "Too many requests", "retry_after": 1}}


@pytest.fixture(autouse=True)
def toto_(toto: Toto) -> Toto:
    """Calls that need no database."""
    toto(HMAC=None, STORES=MEMORY)
    return toto


@pytest.fixture
def application(toto_: Toto) -> ASGIApplication:
    return get_asgi_application()


# Calls that wait


async def wait(handler: Any, parameters: Any) -> Any:
    await handler.wait_event("crowd", parameters.get("timeout"))
    return "over"


async def wait_for_two(handler: Any, parameters: Any) -> Any:
    await asyncio.gather(handler.wait_event("crowd", 20), handler.wait_event("crowd", 20))
    return "over"


@asynchronous
def wait_handler(handler: Any, parameters: Any) -> None:
    handler.register_event_handler("crowd", lambda args: handler.respond("over"))


@asynchronous
async def wait_beside(handler: Any, parameters: Any) -> None:
    """In a task of its own, while the call waits for its answer."""

    async def respond() -> None:
        await handler.wait_event("crowd", 20)
        handler.respond("over")

    handler.task = asyncio.create_task(respond())


@anonymous_session
async def wait_session(handler: Any, parameters: Any) -> Any:
    return await wait(handler, parameters)


async def wait_often(handler: Any, parameters: Any) -> Any:
    for _ in range(5):
        await handler.wait_event("crowd", 20)
    return "over"


@asynchronous(timeout=0.2)
def wait_shortly(handler: Any, parameters: Any) -> None:
    handler.register_event_handler("never sent", handler.respond)


async def wait_and_fail(handler: Any, parameters: Any) -> Any:
    await handler.wait_event("crowd", 20)
    raise LookupError


@asynchronous
def answer(handler: Any, parameters: Any) -> None:
    handler.respond("over")


METHODS = {
    **{"wait": wait, "wait_for_two": wait_for_two, "wait_handler": wait_handler, "wait_beside": wait_beside},
    **{"wait_session": wait_session, "wait_often": wait_often, "wait_shortly": wait_shortly},
    **{"wait_and_fail": wait_and_fail, "answer": answer},
    "wait_elsewhere": error_redirect({"1101": "/full"}, "/")(wait),
    "plain": lambda handler, parameters: "over",
}
WAITING = ["wait", "wait_for_two", "wait_handler", "wait_beside"]


@pytest.fixture
def methods(register: Register) -> None:
    for name, function in METHODS.items():
        register(f"t.{name}", function)


class Crowd:
    """Calls that wait, in the running event loop."""

    def __init__(self, application: ASGIApplication) -> None:
        self.application = application
        self.clients: list[Client] = []
        self.tasks: list[asyncio.Future[None]] = []

    async def begin(self, name: str = "wait", address: str = HOME, **options: Any) -> Client:
        """A call that waits now."""
        before = waiting_calls()
        client = client_of(name, address, **options)
        self.clients.append(client)
        self.tasks.append(client.start(self.application))
        await reached(lambda: waiting_calls() > before or bool(client.sent))
        assert not client.sent, client.body
        return client

    async def ask(self, name: str = "wait", address: str = HOME, **options: Any) -> Any:
        """The answer to a call that does not wait, as it turns out."""
        client = await client_of(name, address, **options).ask(self.application)
        answer = client.answer
        return {key: value for key, value in answer.items() if key != "session"} if answer else answer

    async def end(self) -> list[Any]:
        """The answers, once the event has come."""
        async with asyncio.timeout(20):
            while not all(task.done() for task in self.tasks):
                await EventManager.instance().asend("crowd")
                await asyncio.sleep(0.01)
        await asyncio.gather(*self.tasks)
        answers = [client.answer["result"] for client in self.clients]
        self.clients.clear()
        self.tasks.clear()
        return answers


def client_of(name: str, address: str, session_id: str = "", **parameters: Any) -> Client:
    headers = [JSON_TYPE, (b"x-toto-session-id", session_id.encode())]
    return call(f"t.{name}", parameters, client=(address, 5000), headers=headers)


def waiting_calls() -> int:
    return len(waiting._callers)


async def reached(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.01)


def count_handlers() -> int:
    return EventManager.instance().count_handlers()


@pytest.mark.parametrize("name", WAITING)
def test_call_beyond_the_limit_of_its_address_is_refused_at_once(
    application: ASGIApplication, methods: None, toto: Toto, name: str
) -> None:
    toto(MAX_ADDRESS_WAITERS=4)

    async def main() -> None:
        crowd = Crowd(application)
        for one in WAITING:
            await crowd.begin(one)
        before = count_handlers()
        assert await crowd.ask(name) == LIMITED
        await reached(lambda: count_handlers() == before)
        assert waiting_calls() == 4
        assert await crowd.end() == ["over"] * 4
        await crowd.begin(name)
        assert await crowd.end() == ["over"]

    asyncio.run(main())


def test_what_does_not_wait_is_not_counted(application: ASGIApplication, methods: None, toto: Toto) -> None:
    toto(MAX_ADDRESS_WAITERS=1)

    async def main() -> None:
        crowd = Crowd(application)
        await crowd.begin()
        assert [await crowd.ask(name) for name in ("plain", "answer")] == [OVER] * 2
        head = client_of("wait_handler", HOME)
        head.scope.update(method="HEAD", path="/t.wait_handler")
        assert (await head.ask(application)).status == 200
        assert await crowd.end() == ["over"]

    asyncio.run(main())


def test_other_addresses_are_not_concerned(application: ASGIApplication, methods: None, toto: Toto) -> None:
    toto(MAX_ADDRESS_WAITERS=1)

    async def main() -> None:
        crowd = Crowd(application)
        for address in (HOME, ELSEWHERE, "2001:db8:0:1::1", "2001:db8:0:2::1"):
            await crowd.begin(address=address)
        for address in (HOME, ELSEWHERE, "2001:db8:0:1::2", "2001:db8:0:2:ffff::"):
            assert await crowd.ask(address=address) == LIMITED
        assert await crowd.end() == ["over"] * 4

    asyncio.run(main())


def test_address_is_the_one_that_trusted_proxies_tell(
    application: ASGIApplication, methods: None, toto: Toto
) -> None:
    toto(MAX_ADDRESS_WAITERS=1, TRUSTED_PROXIES=["10.0.0.1"])

    def forwarded(peer: str, address: str) -> Client:
        client = client_of("wait", peer)
        client.scope["headers"].append((b"x-forwarded-for", address.encode()))
        return client

    async def main() -> None:
        clients = [forwarded("10.0.0.1", address) for address in (HOME, ELSEWHERE)]
        tasks = [client.start(application) for client in clients]
        await reached(lambda: waiting_calls() == 2)
        assert (await forwarded("10.0.0.1", HOME).ask(application)).answer == LIMITED
        liar = forwarded("192.0.2.66", "192.0.2.3")
        tasks.append(liar.start(application))
        await reached(lambda: waiting_calls() == 3)
        assert (await forwarded("192.0.2.66", "192.0.2.4").ask(application)).answer == LIMITED
        await EventManager.instance().asend("crowd")
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_session_has_a_limit_of_its_own_wherever_its_calls_come_from(
    application: ASGIApplication, methods: None, toto: Toto
) -> None:
    toto(MAX_SESSION_WAITERS=2, MAX_ADDRESS_WAITERS=4)

    async def main() -> None:
        crowd = Crowd(application)
        one, other = [(await sessions.acreate_session()).session_id for _ in range(2)]
        await crowd.begin("wait_session", HOME, session_id=one)
        await crowd.begin("wait_session", ELSEWHERE, session_id=one)
        assert await crowd.ask("wait_session", "192.0.2.3", session_id=one) == LIMITED
        await crowd.begin("wait_session", HOME, session_id=other)
        await crowd.begin("wait", HOME, session_id=one)  # It does not ask for its session.
        assert await crowd.end() == ["over"] * 4
        for _ in range(2):
            await crowd.begin("wait_session", HOME, session_id=one)
        assert await crowd.end() == ["over"] * 2

    asyncio.run(main())


@pytest.mark.parametrize("name", ["wait_often", "wait_for_two", "wait_beside"])
def test_call_counts_once_however_often_it_waits(
    application: ASGIApplication, methods: None, toto: Toto, name: str
) -> None:
    toto(MAX_ADDRESS_WAITERS=2)

    async def main() -> None:
        crowd = Crowd(application)
        for _ in range(2):
            await crowd.begin(name)
        assert await crowd.ask() == LIMITED
        assert await crowd.end() == ["over"] * 2
        assert waiting_calls() == 0

    asyncio.run(main())


def test_member_of_a_batch_is_refused_alone(application: ASGIApplication, methods: None, toto: Toto) -> None:
    toto(MAX_ADDRESS_WAITERS=2)
    members = {name: {"method": f"t.{name}"} for name in ("answer", "plain", "wait", "wait_handler")}

    async def main() -> None:
        crowd = Crowd(application)
        for _ in range(2):
            await crowd.begin()
        client = Client(json.dumps({"batch": members}).encode(), client=(HOME, 5000))
        batch = (await client.ask(application)).answer["batch"]
        assert batch == {"answer": OVER, "plain": OVER, "wait": LIMITED, "wait_handler": LIMITED}
        assert await crowd.end() == ["over"] * 2

    asyncio.run(main())


def test_refusal_is_an_error_as_others_for_the_methods_decorators(
    application: ASGIApplication, methods: None, toto: Toto
) -> None:
    toto(MAX_ADDRESS_WAITERS=1)

    async def main() -> None:
        crowd = Crowd(application)
        await crowd.begin()
        client = await client_of("wait_elsewhere", HOME).ask(application)
        assert (client.status, client.headers["location"]) == (302, "/full")
        await crowd.end()

    asyncio.run(main())


async def answered(crowd: Crowd, name: str) -> None:
    await crowd.begin(name)
    assert await crowd.end() == ["over"]


async def timed_out(crowd: Crowd, name: str) -> None:
    parameters: Any = {"timeout": 0.1} if name == "wait" else {}
    answer = await crowd.ask("wait" if name == "wait" else "wait_shortly", **parameters)
    assert answer["error"]["code"] == 1102


async def left(crowd: Crowd, name: str) -> None:
    client = await crowd.begin(name)
    client.has_left.set()
    await asyncio.wait_for(asyncio.gather(*crowd.tasks), 20)
    assert not client.sent
    crowd.tasks.clear()


async def cancelled(crowd: Crowd, name: str) -> None:
    await crowd.begin(name)
    crowd.tasks[0].cancel()
    await asyncio.wait(crowd.tasks)
    crowd.tasks.clear()


async def failed(crowd: Crowd, name: str) -> None:
    client = await crowd.begin("wait_and_fail")
    async with asyncio.timeout(20):
        while not client.sent:
            await EventManager.instance().asend("crowd")
            await asyncio.sleep(0.01)
    assert client.answer["error"]["code"] == 1000
    await asyncio.gather(*crowd.tasks)
    crowd.tasks.clear()


async def ended(crowd: Crowd, name: str) -> None:
    client = await crowd.begin(name)
    waiting.end_all_waiting()
    waiting._is_ending = False
    await asyncio.wait_for(asyncio.gather(*crowd.tasks), 20)
    assert client.answer["error"]["code"] == 1104
    crowd.tasks.clear()


@pytest.mark.parametrize("end", [answered, timed_out, left, cancelled, failed, ended])
@pytest.mark.parametrize("name", ["wait", "wait_handler"])
def test_place_is_given_back_however_the_wait_ends(
    application: ASGIApplication, methods: None, toto: Toto, name: str, end: Any
) -> None:
    toto(MAX_ADDRESS_WAITERS=1)

    async def main() -> None:
        for _ in range(3):
            await end(Crowd(application), name)
            await reached(lambda: waiting_calls() == 0)
        await answered(Crowd(application), name)
        assert count_handlers() == 0
        assert not waiting._places._of_addresses
        assert not waiting._leaves

    asyncio.run(main())


def test_coroutines_that_wait_under_wsgi_count_too(methods: None, toto: Toto, db: None) -> None:
    toto(MAX_ADDRESS_WAITERS=1)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(Service("wsgi").call("t.wait", {"timeout": 20})))
    thread.start()
    until(lambda: waiting_calls() == 1)
    assert Service("wsgi").call("t.wait") == LIMITED
    while not answers:
        EventManager.instance().send("crowd")
    thread.join()
    assert answers == [OVER]


# Web sockets


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    limits = {"MAX_SESSION_SOCKETS": 2, "MAX_ADDRESS_SOCKETS": 4, "MAX_HEADERS": 4000}
    hooks = {"SOCKET_OPENED_METHOD": "rt.opened", "SOCKET_CLOSED_METHOD": "rt.closed"}
    waiters = {"MAX_SESSION_WAITERS": 2, "MAX_ADDRESS_WAITERS": 3}
    with Server({**limits, **hooks, **waiters}) as server:
        yield server


def opened(server: Server, session_id: str = "", address: str = HOME, **headers: str) -> ClientConnection:
    """A socket that has been accepted. uvicorn believes proxies on the same host."""
    url = f"ws://127.0.0.1:{server.port}/websocket/{session_id}"
    names = {"x-forwarded-for": address, **headers}
    return connect(url, additional_headers=names, open_timeout=PATIENCE, close_timeout=5)


def served(client: ClientConnection) -> bool:
    """Whether it has a place: the first frame is that of the opening method, or else the close."""
    try:
        frame = json.loads(client.recv(PATIENCE))
    except ConnectionClosed as closed:
        end = closed.rcvd
    else:
        return bool(frame == "welcome")
    assert end is not None
    assert (end.code, end.reason) == (1013, "Too many web sockets")
    return False


def test_socket_beyond_a_limit_is_told_so_and_closed(server: Server) -> None:
    one, other, third = [server.call("rt.session")["session_id"] for _ in range(3)]
    server.call("rt.journal", clear=True)
    with ExitStack() as stack:

        def is_served(session_id: str, address: str = HOME) -> bool:
            return served(stack.enter_context(opened(server, session_id, address)))

        assert [is_served(one) for _ in range(3)] == [True, True, False]
        assert not is_served(one, ELSEWHERE)
        assert [is_served(other), is_served(""), is_served(third), is_served("")] == [
            True,
            True,
            False,
            False,
        ]
        assert is_served(third, ELSEWHERE)
        assert server.journal() == ["opened"] * 5
    until(lambda: server.journal() == ["opened"] * 5 + ["closed"] * 5)


@pytest.mark.parametrize("how", ["closed", "vanished", "refused"])
def test_place_of_a_socket_is_given_back(server: Server, how: str) -> None:
    session_id = server.call("rt.session")["session_id"]
    for _ in range(5):
        until(lambda: _ended_at_once(server, session_id, how))


def _ended_at_once(server: Server, session_id: str, how: str) -> bool:
    """Whether both places of a session were free."""
    with ExitStack() as stack:
        clients = [stack.enter_context(opened(server, session_id)) for _ in range(2)]
        are_served = [served(client) for client in clients]
        if how == "refused" and all(are_served):
            assert not served(stack.enter_context(opened(server, session_id)))
        if how == "vanished" and all(are_served):
            for client in clients:
                client.socket.shutdown(socket.SHUT_RDWR)
    return all(are_served)


def test_frame_that_would_wait_too_much_is_refused_alone(server: Server) -> None:
    with opened(server) as client:
        assert served(client)
        for number in range(4):
            client.send(json.dumps({"id": number, "method": "rt.wait", "parameters": {"event": "frames"}}))
        refused = json.loads(client.recv(PATIENCE))
        assert refused.pop("id") in range(4)
        assert refused == LIMITED
        server.until_handlers(3)
        server.call("rt.send", event="frames", args=1)
        assert [json.loads(client.recv(PATIENCE))["result"] for _ in range(3)] == [{"got": 1}] * 3


@pytest.mark.parametrize("where", ["header", "cookie", "path", "query"])
def test_socket_with_too_much_of_headers_is_refused(server: Server, where: str) -> None:
    long = "x" * 4000
    names = {"header": {"x-toto-session-id": long}, "cookie": {"cookie": f"toto-session-id={long}"}}
    headers = names.get(where, {})
    with pytest.raises(InvalidStatus) as refused:
        opened(server, {"path": long, "query": f"?{long}"}.get(where, ""), **headers)
    assert refused.value.response.status_code == 403


# Headers


APPLICATIONS = ["ASGI", "Django's ASGI", "WSGI", "Django's WSGI"]


def asked(application: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and decoded body of the answer to ``echo``, called with these headers and two more."""
    body = b"{}"
    if application.endswith("WSGI"):
        wsgi: Any = get_wsgi_application()
        environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        answer = Answer(wsgi.django if "Django" in application else wsgi, "POST", "/echo", body, **environ)
        return int(answer.status.partition(" ")[0]), answer.headers, json.loads(answer.body)
    asgi: Any = get_asgi_application()
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    client = Client(body, path="/echo", headers=[JSON_TYPE, (b"content-length", b"2"), *sent])
    asyncio.run(client.ask(asgi.django if "Django" in application else asgi))
    return client.status, client.headers, json.loads(client.body)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("name", ["x_toto_session_id", "x_toto_hmac", "cookie", "x_other"])
def test_headers_may_be_as_large_as_max_headers_and_no_larger(
    toto: Toto, db: None, application: str, name: str
) -> None:
    most = 300
    toto(MAX_HEADERS=most)
    others = "content-typeapplication/jsoncontent-length2"
    room = most - len(others) - len(name)
    assert asked(application, **{name: "x" * room})[0] == 200
    status, headers, body = asked(application, **{name: "x" * (room + 1)})
    assert (status, body) == (
        431,
        {"error": {"code": 1103, "value": "The headers are larger than 300 bytes."}},
    )
    assert headers["content-type"] == "application/json"
    assert headers["access-control-allow-origin"] == "*"
    many = {f"x_many_{number:02}": "x" * 10 for number in range(20)}
    assert asked(application, **many)[0] == 431


class RecordingSigner(Signer):
    """Keeps what it would hash."""

    def unsign(self, signed_value: str) -> str:
        given.append(signed_value)
        return super().unsign(signed_value)


given: list[str] = []


def test_too_large_headers_reach_no_store_and_no_hash(
    toto: Toto, register: Register, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    toto(MAX_HEADERS=300, USE_COOKIES=True, COOKIE_GUARD=False)
    monkeypatch.setattr(sessions, "load_session", given.append)
    monkeypatch.setattr(http, "cookie_signer", lambda: RecordingSigner())
    register("t.session", anonymous_session(lambda handler, parameters: None))
    given.clear()
    for length, status in ((100, "200"), (301, "431")):
        for name, value in (("X_TOTO_SESSION_ID", ""), ("X_TOTO_HMAC", ""), ("COOKIE", "toto-session-id=")):
            environ: Any = {f"HTTP_{name}": value + "x" * length}
            answer = Answer(get_wsgi_application(), "POST", "/t.session", b"{}", **environ)
            assert answer.status.startswith(status)
            own_view = given_session_id(RequestFactory().post("/", **environ))
            assert own_view == ("x" * 100 if name == "X_TOTO_SESSION_ID" and length == 100 else "")
    assert max(map(len, given)) == 100


def test_headers_of_a_real_server_are_bounded(server: Server) -> None:
    """httptools, which uvicorn reads them with, has no bound of its own."""

    def status(length: int) -> int:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/rt.echo", b"{}", {"x-toto-session-id": "x" * length})
            return connection.getresponse().status
        finally:
            connection.close()

    assert [status(length) for length in (3000, 4000, 1_000_000, 3000)] == [200, 431, 431, 200]


@pytest.mark.parametrize("how", ["wsgi", "scope"])
def test_size_of_headers_is_that_of_names_and_values(how: str) -> None:
    headers = {"x-a": "12345", "x-long-name": ""}
    if how == "wsgi":
        request: Any = RequestFactory().get("/", headers=headers)
        bare: Any = RequestFactory().get("/")
    else:
        bare = {"headers": [(b"host", b"testserver")]}
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = {"headers": [*bare["headers"], *sent]}
    assert header_size(request) - header_size(bare) == 3 + 5 + 11


# Bodies


SHORT = WATCH_SECONDS * 3
"""A BODY_TIMEOUT, and more than it takes until somebody looks for old calls."""


def late(*parts: bytes, **scope: Any) -> Client:
    """A client that sends this and no more."""
    return Client(*parts, is_complete=False, **scope)


@pytest.mark.parametrize("middleware", [None, first, synchronous, Hybrid])
@pytest.mark.parametrize(
    "parts", [[b""], [b'{"method": "t.plain"}'], [b"{", b"}"]], ids=["nothing", "all", "some"]
)
@pytest.mark.parametrize("seconds", [SHORT, 0.001])
def test_body_that_is_late_is_408_and_calls_nothing(
    toto: Toto, register: Register, middleware: Any, parts: list[bytes], seconds: float
) -> None:
    called: list[Any] = []
    register("t.plain", lambda handler, parameters: called.append(parameters))
    toto(BODY_TIMEOUT=seconds)
    application = through(toto, *filter(None, [middleware]))

    async def main() -> None:
        client = await late(*parts, path="/t.plain").ask(application)
        assert client.status == 408
        assert json.loads(client.body) == {"error": {"code": 1102, "value": "The body did not come in time."}}
        assert client.headers["connection"] == "close"
        await nothing_is_left()
        newer = await late(*parts, path="/t.plain", http_version="2").ask(application)
        assert newer.status == 408
        assert "connection" not in newer.headers

    asyncio.run(main())
    assert called == []


def test_late_body_is_a_request_as_others_for_the_receivers_of_signals(
    toto: Toto, application: ASGIApplication
) -> None:
    toto(BODY_TIMEOUT=SHORT)
    heard: list[str] = []

    def started(**kwargs: Any) -> None:
        heard.append("started")

    def finished(**kwargs: Any) -> None:
        heard.append("finished")

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        asyncio.run(late(b"{").ask(application))
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert heard == ["started", "finished"]


class Late(Client):
    """Sends the rest of its body when it is told to."""

    def __init__(self, *parts: bytes, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.told = asyncio.Event()

    async def receive(self) -> Any:
        if not self.messages:
            await self.told.wait()
        return await super().receive()


def test_body_that_comes_in_time_leaves_no_timer(application: ASGIApplication, register: Register) -> None:
    register("t.plain", lambda handler, parameters: "over")

    async def main() -> None:
        client = Late(b"{", is_complete=False, path="/t.plain")
        task = client.start(application)
        await asyncio.sleep(SHORT)
        client.messages.append({"type": "http.request", "body": b"}", "more_body": False})
        client.told.set()
        await asyncio.wait_for(task, 20)
        assert client.answer == OVER
        await nothing_is_left()

    asyncio.run(main())


@pytest.mark.parametrize("by", ["client", "server"])
def test_end_amid_a_slow_body_is_no_time_out(application: ASGIApplication, by: str) -> None:
    async def main() -> None:
        client = late(b"{")
        task = client.start(application)
        await asyncio.sleep(SHORT)
        if by == "client":
            client.has_left.set()
            await asyncio.wait_for(task, 20)
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert client.sent == []
        await nothing_is_left()

    asyncio.run(main())


def test_cancellation_by_the_server_at_the_same_time_passes_through(
    toto: Toto, application: ASGIApplication
) -> None:
    toto(BODY_TIMEOUT=SHORT)

    async def main() -> None:
        client = late(b"{")
        task = asyncio.create_task(application(client.scope, client.receive, client.send))  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            while not task.cancelling():  # The body's time is over.
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.sent == []
        await nothing_is_left()

    asyncio.run(main())
