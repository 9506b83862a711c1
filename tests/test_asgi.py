"""The application of ASGI servers: calls on their own path, through the whole of it.

The server of the last tests imports this module for its middleware.
"""

import asyncio
import contextvars
import gc
import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction, sync_to_async
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import MiddlewareNotUsed, RequestDataTooBig
from django.core.signals import request_finished, request_started
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import clear_url_caches, get_script_prefix, get_urlconf, set_urlconf
from django.utils.deprecation import MiddlewareMixin

from tests.admin.site import admin_installed
from tests.calls import Service, envelope, signature
from tests.realtime import MEMORY, Server, until
from tests.service import urls
from toto_django import routes
from toto_django.asgi import ASGIApplication, CallHandler, get_asgi_application
from toto_django.invocation import asynchronous
from toto_django.leaving import WATCH_SECONDS
from toto_django.models import Account
from toto_django.registry import Method

Message = dict[str, Any]
Register = Callable[..., Method]
Toto = Callable[..., None]

TOTO_MIDDLEWARE = "toto_django.middleware.TotoMiddleware"
JSON_TYPE = (b"content-type", b"application/json")
PARKED = WATCH_SECONDS * 3
"""Seconds after which somebody watches for the client's leaving."""


class Client:
    """The client's side of one request: what it sends, when it leaves, what it was sent."""

    def __init__(self, *parts: bytes, is_complete: bool = True, **scope: Any) -> None:
        parts = parts or (b"",)
        self.messages: deque[Message] = deque(
            {"type": "http.request", "body": part, "more_body": not is_complete or number < len(parts) - 1}
            for number, part in enumerate(parts)
        )
        self.scope: dict[str, Any] = {
            **{"type": "http", "http_version": "1.1", "scheme": "http", "method": "POST", "path": "/"},
            **{"query_string": b"", "headers": [(b"host", b"testserver"), JSON_TYPE]},
            **scope,
        }
        self.receives = 0
        self.has_left = asyncio.Event()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.receives += 1
        if self.messages:
            return self.messages.popleft()
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def ask(self, application: Callable[..., Awaitable[None]]) -> "Client":
        await asyncio.wait_for(asyncio.shield(self.start(application)), 20)
        return self

    def start(self, application: Callable[..., Awaitable[None]]) -> "asyncio.Future[None]":
        """The request under way, as servers do it: in a task."""
        return asyncio.ensure_future(application(self.scope, self.receive, self.send))  # type: ignore[arg-type]

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        assert [message.get("more_body", False) for message in self.sent[1:]][-1] is False
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def answer(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body) if self.body else None


def call(name: str, parameters: Any = None, **scope: Any) -> Client:
    return Client(envelope(name, parameters), **scope)


def ask(application: ASGIApplication, client: Client) -> Client:
    return asyncio.run(client.ask(application))


@pytest.fixture(autouse=True)
def toto_(toto: Toto) -> Toto:
    """Calls that need no database."""
    toto(HMAC=None, STORES=MEMORY)
    return toto


@pytest.fixture
def application(toto_: Toto) -> ASGIApplication:
    return get_asgi_application()


@pytest.fixture
def methods(register: Register) -> None:
    register("t.plain", lambda handler, parameters: {"plain": parameters})
    register("t.coroutine", coroutine)


async def coroutine(handler: Any, parameters: Any) -> Any:
    return {"coroutine": parameters}


def through(toto: Toto, *middleware: Any) -> ASGIApplication:
    """With these around calls, and TotoMiddleware innermost."""
    names = [f"{__name__}.{one.__name__}" for one in middleware]
    toto(MIDDLEWARE=[*names, TOTO_MIDDLEWARE])
    return get_asgi_application()


@pytest.fixture(autouse=True)
def told() -> Iterator[list[Any]]:
    """What the middleware of this module has to tell."""
    journal.clear()
    yield journal
    journal.clear()


journal: list[Any] = []


# Middleware


def coroutine_middleware(function: Callable[..., Any]) -> Any:
    """A middleware of one coroutine: ``function(request, get_response)``."""

    def factory(get_response: Any) -> Any:
        async def middleware(request: Any) -> Any:
            return await function(request, get_response)

        return middleware

    factory.sync_capable = False  # type: ignore[attr-defined]
    factory.async_capable = True  # type: ignore[attr-defined]
    factory.__name__ = function.__name__
    return factory


def marking(name: str) -> Any:
    async def function(request: Any, get_response: Any) -> Any:
        response = await get_response(request)
        response.headers["X-Seen"] = f"{response.headers.get('X-Seen', '')}{name}"
        return response

    function.__name__ = name
    return coroutine_middleware(function)


first, second, third = marking("first"), marking("second"), marking("third")


def test_middleware_of_calls_is_for_calls_only(toto: Toto, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.own_views"
    settings.MIDDLEWARE = [f"{__name__}.third"]
    application = through(toto, first, second)
    assert list(settings.MIDDLEWARE) == [f"{__name__}.third"]
    seen = {
        path: ask(application, Client(path=path, method="GET")).headers.get("x-seen")
        for path in ("/service/echo", "/own/untouched", "/nowhere")
    }
    assert seen == {"/service/echo": "secondfirst", "/own/untouched": "third", "/nowhere": "third"}


@pytest.mark.parametrize("toto_middleware", [{}, {"MIDDLEWARE": None}])
def test_middleware_of_calls_is_the_projects_where_none_is_given(
    toto: Toto, settings: Any, toto_middleware: Any
) -> None:
    settings.MIDDLEWARE = (f"{__name__}.first", f"{__name__}.second")
    toto(**toto_middleware)
    assert ask(get_asgi_application(), call("echo")).headers["x-seen"] == "secondfirst"
    assert tuple(settings.MIDDLEWARE) == (f"{__name__}.first", f"{__name__}.second")


def test_no_middleware_at_all_still_answers(toto: Toto) -> None:
    toto(MIDDLEWARE=[])
    assert ask(get_asgi_application(), call("echo", {"a": 1})).answer == {"result": {"parameters": {"a": 1}}}


def test_project_setting_is_untouched_by_an_application_that_cannot_be_made(
    toto: Toto, settings: Any
) -> None:
    before = settings.MIDDLEWARE
    toto(MIDDLEWARE=["tests.nowhere"])
    with pytest.raises(ImportError):
        get_asgi_application()
    assert settings.MIDDLEWARE is before


gates: dict[str, threading.Event] = {}
"""Middleware waits at the one that the query names."""


def synchronous(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        journal.append(threading.get_ident())
        pass_gate(request)
        response = get_response(request)
        response.headers["X-Seen"] = "synchronous"
        return response

    return middleware


class Hybrid(MiddlewareMixin):
    def process_request(self, request: Any) -> None:
        journal.append(threading.get_ident())
        pass_gate(request)


def pass_gate(request: Any) -> None:
    name = request.META["QUERY_STRING"]
    assert not name or gates[name].wait(20)


def test_synchronous_middleware_runs_off_the_loop_with_a_thread_for_each_call(
    toto: Toto, methods: None
) -> None:
    application = through(toto, synchronous)

    async def main() -> list[Client]:
        gates["all"] = threading.Event()
        names = ["t.plain", *["t.coroutine"] * 21]
        clients = [call(name, {}, query_string=b"all") for name in names]
        waiting = [client.start(application) for client in clients]
        await reached(22)
        gates["all"].set()
        await asyncio.gather(*waiting)
        return clients

    clients = asyncio.run(main())
    assert {client.headers["x-seen"] for client in clients} == {"synchronous"}
    assert [client.answer["result"] for client in clients] == [{"plain": {}}] + [{"coroutine": {}}] * 21
    assert len(set(journal)) == 22
    assert threading.get_ident() not in journal


async def reached(count: int) -> None:
    async with asyncio.timeout(20):
        while len(journal) < count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("middleware", [synchronous, Hybrid])
def test_slow_synchronous_middleware_keeps_no_other_call_waiting(
    toto: Toto, methods: None, middleware: Any
) -> None:
    toto(THREADS=2)
    application = through(toto, middleware)

    async def main() -> list[Any]:
        gates["slow"] = threading.Event()
        slow = call("t.coroutine", "slow", query_string=b"slow")
        waiting = slow.start(application)
        await reached(1)
        quick = [(await call("t.coroutine", number).ask(application)).answer for number in range(6)]
        assert not waiting.done()
        gates["slow"].set()
        await waiting
        return [slow.answer, *quick]

    results = [answer["result"]["coroutine"] for answer in asyncio.run(main())]
    assert results == ["slow", *range(6)]


class Looking:
    """With every hook."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: Any) -> Any:
        journal.append(("before", request.resolver_match))
        response = await self.get_response(request)
        journal.append(("after", request.resolver_match.view_name))
        return response

    async def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        journal.append((view.__name__, args, kwargs, request.resolver_match.url_name))
        return HttpResponse("instead") if request.META.get("HTTP_X_TOTO_HMAC") == "stop" else None

    def process_exception(self, request: Any, error: Exception) -> Any:
        journal.append(error)
        return HttpResponse("of the exception")


def test_middleware_sees_the_view_and_may_answer_in_its_place(toto: Toto, methods: None) -> None:
    application = through(toto, Looking)
    assert ask(application, Client(b"{}", path="/t.plain")).answer == {"result": {"plain": {}}}
    looks = [
        ("before", None),
        ("adispatch", (), {"path": "t.plain"}, "dispatch"),
        ("after", "toto_django:dispatch"),
    ]
    assert journal == looks
    headers = [JSON_TYPE, (b"x-toto-hmac", b"stop")]
    assert ask(application, Client(b"{}", path="/t.plain", headers=headers)).body == b"instead"
    assert journal == looks * 2


def test_resolver_match_is_there_without_such_hooks(toto: Toto, register: Register) -> None:
    matches: list[Any] = []
    register("t.match", lambda handler, parameters: matches.append(handler.request.resolver_match))
    ask(through(toto), Client(b"{}", path="/t.match"))
    assert [(match.view_name, match.kwargs) for match in matches] == [
        ("toto_django:dispatch", {"path": "t.match"})
    ]


def test_exceptions_of_methods_are_answered_and_not_for_process_exception(
    toto: Toto, register: Register
) -> None:
    def fail(handler: Any, parameters: Any) -> Any:
        raise ValueError

    register("t.fail", fail)
    assert ask(through(toto, Looking), call("t.fail")).answer["error"]["code"] == 1000
    assert not [entry for entry in journal if isinstance(entry, Exception)]


@coroutine_middleware
async def refusing(request: Any, get_response: Any) -> Any:
    return HttpResponse("refused", status=403)


def test_middleware_that_answers_itself_calls_nothing(
    toto: Toto, methods: None, caplog: pytest.LogCaptureFixture
) -> None:
    client = ask(through(toto, first, refusing, second), call("t.plain"))
    assert (client.status, client.body, client.headers["x-seen"]) == (403, b"refused", "first")
    assert logged(caplog) == [("django.request", "Forbidden: /")]


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.name, record.getMessage()) for record in caplog.records if record.levelno > logging.INFO]


@coroutine_middleware
async def failing(request: Any, get_response: Any) -> Any:
    await get_response(request)
    raise LookupError("of a middleware")


def test_exception_of_a_middleware_is_djangos_500(
    toto: Toto, methods: None, caplog: pytest.LogCaptureFixture
) -> None:
    client = ask(through(toto, first, failing), call("t.plain"))
    assert (client.status, client.headers["x-seen"]) == (500, "first")
    assert b"Server Error (500)" in client.body
    assert logged(caplog) == [("django.request", "Internal Server Error: /")]
    assert isinstance(caplog.records[-1].exc_info[1], LookupError)  # type: ignore[index]


def unused(get_response: Any) -> Any:
    raise MiddlewareNotUsed


def test_middleware_that_is_not_used_is_left_out(toto: Toto, methods: None) -> None:
    client = ask(through(toto, first, unused, second), call("t.plain", 1))
    assert (client.answer, client.headers["x-seen"]) == ({"result": {"plain": 1}}, "secondfirst")


@coroutine_middleware
async def moving(request: Any, get_response: Any) -> Any:
    to = request.headers.get("x-to", "")
    if to.startswith("/"):
        request.path_info = to
    elif to:
        request.urlconf = to
    return await get_response(request)


@pytest.mark.parametrize(
    ("to", "body"),
    [
        (b"", b'{"result": {"plain": {}}}'),
        (b"/service/t.coroutine", b'{"result": {"coroutine": {}}}'),
        (b"/own/untouched", b"no session was asked for"),
        (b"tests.service.urls", b'{"error": {"value": "Cannot call \'service.t.plain\'.", "code": 1001}}'),
    ],
)
def test_middleware_may_change_path_and_urlconf(
    toto: Toto, settings: Any, methods: None, to: bytes, body: bytes
) -> None:
    settings.ROOT_URLCONF = "tests.own_views"
    application = through(toto, moving)

    async def main() -> Client:
        client = Client(b"{}", path="/service/t.plain", headers=[JSON_TYPE, (b"x-to", to)])
        await application(client.scope, client.receive, client.send)
        assert get_urlconf() in (None, "tests.own_views")
        return client

    client = asyncio.run(main())
    assert client.status == 200
    if client.headers["content-type"] == "application/json":
        assert json.loads(client.body) == json.loads(body)
    else:
        assert client.body == body


META = {
    "HTTP_X_TOTO_SESSION_ID": "changed id",
    "HTTP_ORIGIN": "https://changed.test",
    "QUERY_STRING": "a=changed",
    "REMOTE_ADDR": "192.0.2.7",
}


@coroutine_middleware
async def rewriting(request: Any, get_response: Any) -> Any:
    request.META.update(META)
    return await get_response(request)


def test_what_middleware_changes_in_meta_counts(toto: Toto, register: Register) -> None:
    toto(ALLOW_ORIGIN=["https://changed.test"])

    def look(handler: Any, parameters: Any) -> Any:
        request = handler.request
        return [parameters, handler.exchange.given_session_id, request.META["REMOTE_ADDR"]]

    register("t.look", look)
    headers = [(b"x-toto-session-id", b"sent"), (b"origin", b"https://sent.test")]
    client = Client(path="/t.look", method="GET", query_string=b"a=sent", headers=headers, client=("::1", 1))
    ask(through(toto, rewriting), client)
    assert client.answer == {"result": [{"a": "changed"}, "changed id", "192.0.2.7"]}
    assert client.headers["access-control-allow-origin"] == "https://changed.test"


# Signals


@pytest.mark.parametrize("is_async", [False, True])
def test_receivers_of_the_project_are_called_whenever_they_were_connected(
    application: ASGIApplication, methods: None, is_async: bool
) -> None:
    heard: list[Any] = []

    async def heard_on_loop(sender: Any, **kwargs: Any) -> None:
        heard.append((sender, kwargs.get("scope"), threading.get_ident()))

    def heard_in_thread(sender: Any, **kwargs: Any) -> None:
        heard.append((sender, kwargs.get("scope"), threading.get_ident()))

    listener = heard_on_loop if is_async else heard_in_thread
    client = call("t.coroutine")
    ask(application, client)
    for signal in (request_started, request_finished):
        signal.connect(listener)
    try:
        ask(application, client := call("t.coroutine"))
        senders = [(sender, scope) for sender, scope, _ in heard]
        assert senders == [(CallHandler, client.scope), (CallHandler, None)]
        assert is_async or threading.get_ident() not in [thread for *_, thread in heard]
    finally:
        for signal in (request_started, request_finished):
            signal.disconnect(listener)
    ask(application, call("t.coroutine"))
    assert len(heard) == 2


def test_request_finished_is_sent_for_a_client_that_left(
    application: ASGIApplication, register: Register
) -> None:
    heard: list[Any] = []
    register("t.park", park)

    @receiver(request_finished)
    def listener(sender: Any, **kwargs: Any) -> None:
        heard.append(sender)

    try:
        asyncio.run(leave_early(application, call("t.park")))
    finally:
        request_finished.disconnect(listener)
    assert heard == [CallHandler]


class Closing(LocMemCache):
    """Tells who closed it, and where."""

    def close(self, **kwargs: Any) -> None:
        journal.append((id(self), threading.get_ident()))


@pytest.mark.parametrize("listens", [False, True])
def test_caches_of_a_call_are_closed_and_not_on_the_loop(
    application: ASGIApplication, register: Register, settings: Any, listens: bool
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Closing"}}
    used: list[Any] = []

    async def method(handler: Any, parameters: Any) -> Any:
        await cache.aset("a", 1)
        used.append(id(cache._connections[cache._alias]))  # type: ignore[attr-defined]
        return await cache.aget("a")

    def listener(sender: Any, **kwargs: Any) -> None: ...

    register("t.cache", method)
    if listens:
        request_finished.connect(listener)
    try:
        assert ask(application, call("t.cache")).answer == {"result": 1}
    finally:
        request_finished.disconnect(listener)
    until(lambda: used[0] in [closed for closed, _ in journal], 5)
    assert threading.get_ident() not in [thread for _, thread in journal]


# Connections


@pytest.fixture
def opened(transactional_db: None) -> Iterator[list[Any]]:
    """The connections that calls open, which may be kept for as long as CONN_MAX_AGE says."""
    made: list[Any] = []
    own = threading.get_ident()

    def keep(connection: Any, **kwargs: Any) -> None:
        if threading.get_ident() != own:
            made.append(connection)

    connection_created.connect(keep)
    yield made
    connection_created.disconnect(keep)
    for one in made:
        if is_open(one):
            one.inc_thread_sharing()
            one.close()


def max_age(monkeypatch: pytest.MonkeyPatch, seconds: Any) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", seconds)


def is_open(one: Any) -> bool:
    return one.connection is not None


@pytest.fixture
def database_methods(register: Register) -> None:
    async def acount(handler: Any, parameters: Any) -> Any:
        return await Account.objects.acount()

    async def aget(handler: Any, parameters: Any) -> Any:
        return (await Account.objects.aget(user_id=parameters["user_id"])).user_id

    def count(handler: Any, parameters: Any) -> Any:
        return Account.objects.count()

    for method in (acount, aget, count):
        register(f"t.{method.__name__}", method)


@pytest.mark.parametrize("middleware", [None, synchronous, Hybrid])
@pytest.mark.parametrize("listens", [False, True])
def test_asynchronous_orm_leaves_no_connection_open(
    toto: Toto,
    opened: list[Any],
    database_methods: None,
    monkeypatch: pytest.MonkeyPatch,
    middleware: Any,
    listens: bool,
) -> None:
    def listener(sender: Any, **kwargs: Any) -> None: ...

    max_age(monkeypatch, 0)
    Account.objects.create(user_id="anna")
    application = through(toto, *filter(None, [middleware]))
    if listens:
        request_started.connect(listener)
        request_finished.connect(listener)
    try:
        assert ask(application, call("t.acount")).answer == {"result": 1}
        assert ask(application, call("t.aget", {"user_id": "anna"})).answer == {"result": "anna"}
    finally:
        request_started.disconnect(listener)
        request_finished.disconnect(listener)
    assert opened
    until(lambda: not any(map(is_open, opened)), 5)


def test_asynchronous_orm_keeps_its_connection_where_it_may(
    application: ASGIApplication,
    opened: list[Any],
    database_methods: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    max_age(monkeypatch, None)

    async def main() -> None:
        for _ in range(5):
            await call("t.acount").ask(application)

    asyncio.run(main())
    assert len(opened) == 1
    assert is_open(opened[0])


def test_connection_that_grew_too_old_while_nobody_called_is_replaced(
    application: ASGIApplication,
    opened: list[Any],
    database_methods: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    max_age(monkeypatch, 0.2)
    ask(application, call("t.acount"))
    assert is_open(opened[0])
    raw = opened[0].connection
    time.sleep(0.3)
    assert ask(application, call("t.acount")).answer == {"result": 0}
    assert len(opened) == 2
    assert opened[1].connection is not raw


@pytest.mark.parametrize("age", [0, None])
def test_there_are_never_more_connections_than_threads(
    toto: Toto, opened: list[Any], database_methods: None, monkeypatch: pytest.MonkeyPatch, age: Any
) -> None:
    toto(THREADS=3)
    max_age(monkeypatch, age)
    application = get_asgi_application()
    most = 0

    async def main() -> list[Any]:
        nonlocal most
        clients = [call(f"t.{name}") for _ in range(30) for name in ("count", "acount")]
        waiting = [client.start(application) for client in clients]
        while not all(one.done() for one in waiting):
            most = max(most, sum(map(is_open, set(opened))))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return [client.answer for client in clients]

    assert asyncio.run(main()) == [{"result": 0}] * 60
    assert 1 <= most <= 6
    assert len(set(map(id, opened))) <= 6


def test_rows_are_read_to_the_end_beside_calls_that_end_in_the_same_thread(
    toto: Toto,
    opened: list[Any],
    database_methods: None,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody closes the connection of an open cursor."""
    toto(THREADS=1)
    max_age(monkeypatch, 0)
    Account.objects.bulk_create([Account(user_id=f"{number:03}") for number in range(50)])
    application = get_asgi_application()

    async def rows(handler: Any, parameters: Any) -> Any:
        found = []
        async for account in Account.objects.order_by("user_id").aiterator(chunk_size=5):
            found.append(account.user_id)
            if len(found) % 5 == 0:
                await call("t.acount").ask(application)
        return found

    register("t.rows", rows)
    answer = ask(application, call("t.rows")).answer
    assert answer == {"result": [f"{number:03}" for number in range(50)]}
    until(lambda: not any(map(is_open, opened)), 5)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL ends connections")
@pytest.mark.service
def test_broken_connection_is_replaced_though_its_thread_is_never_free(
    toto: Toto,
    opened: list[Any],
    database_methods: None,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toto(THREADS=1)
    max_age(monkeypatch, None)
    application = get_asgi_application()

    async def wait(handler: Any, parameters: Any) -> None:
        await Account.objects.acount()
        journal.append("parked")
        await asyncio.sleep(60)

    register("t.wait", wait)

    async def main() -> list[Any]:
        parked = call("t.wait")
        waiting = parked.start(application)
        await reached(1)
        await sync_to_async(terminate, thread_sensitive=False)(opened[0].connection.info.backend_pid)
        answers = [(await call("t.acount").ask(application)).answer for _ in range(3)]
        parked.has_left.set()
        await waiting
        return answers

    answers = asyncio.run(main())
    assert answers[0]["error"]["code"] == 1000
    assert answers[1:] == [{"result": 0}] * 2


def terminate(pid: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        connection.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL tells who is connected")
@pytest.mark.service
@pytest.mark.parametrize(("age", "count"), [(0, 0), (None, 1)])
def test_server_sees_connections_for_as_long_as_they_may_live(
    application: ASGIApplication,
    opened: list[Any],
    database_methods: None,
    monkeypatch: pytest.MonkeyPatch,
    age: Any,
    count: int,
) -> None:
    max_age(monkeypatch, age)
    before = others()
    asyncio.run(call("t.acount").ask(application))
    until(lambda: others() == before + count, 5)


def others() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_task_that_outlives_its_call_can_use_the_orm(
    application: ASGIApplication, opened: list[Any], register: Register
) -> None:
    tasks: list[asyncio.Task[Any]] = []
    over = asyncio.Event()

    async def later() -> Any:
        await over.wait()
        await Account.objects.acreate(user_id="later")
        return await Account.objects.acount(), await sync_to_async(threading.get_ident)()

    async def method(handler: Any, parameters: Any) -> None:
        tasks.append(asyncio.create_task(later()))

    register("t.begin", method)

    async def main() -> Any:
        await call("t.begin").ask(application)
        over.set()
        return await tasks[0]

    count, thread = asyncio.run(main())
    assert count == 1
    assert thread != threading.get_ident()


# Clients that leave


async def park(handler: Any, parameters: Any) -> None:
    journal.append("parked")
    try:
        await asyncio.sleep(60)
    finally:
        journal.append("cancelled")


def closed(handler: Any) -> None:
    journal.append("closed")


async def stubborn(handler: Any, parameters: Any) -> Any:
    journal.append("parked")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "as if nothing had been"


async def leave_early(application: ASGIApplication, client: Client, after: float = PARKED) -> None:
    """In this task, which must not be left cancelled."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(after, client.has_left.set)
    async with asyncio.timeout(20):
        await application(client.scope, client.receive, client.send)
    assert task.cancelling() == 0
    await nothing_is_left()


async def nothing_is_left() -> None:
    """No task but this one, and no timer."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.sleep(PARKED)
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    assert [timer for timer in timers if not timer.cancelled()] == []


@pytest.mark.parametrize("middleware", [None, first, synchronous, Hybrid])
@pytest.mark.parametrize("after", [0.01, PARKED])
def test_parked_call_ends_when_its_client_leaves(
    toto: Toto, register: Register, caplog: pytest.LogCaptureFixture, middleware: Any, after: float
) -> None:
    register("t.park", replace(Method.of(park), on_connection_close=closed))
    application = through(toto, *filter(None, [middleware]))
    client = call("t.park")
    asyncio.run(leave_early(application, client, after))
    assert client.sent == []
    assert [entry for entry in journal if isinstance(entry, str)] == ["parked", "cancelled", "closed"]
    assert logged(caplog) == []


def test_method_that_takes_no_notice_of_its_client_leaves_no_cancelled_task(
    application: ASGIApplication, register: Register
) -> None:
    register("t.stubborn", stubborn)
    client = call("t.stubborn")
    asyncio.run(leave_early(application, client))
    assert client.answer == {"result": "as if nothing had been"}


@pytest.mark.parametrize("leaves_too", [False, True])
def test_cancellation_of_the_server_passes_through(
    application: ASGIApplication, register: Register, leaves_too: bool
) -> None:
    register("t.park", park)

    async def main() -> None:
        client = call("t.park")
        task = asyncio.create_task(application(client.scope, client.receive, client.send))  # type: ignore[arg-type]
        while not journal:
            await asyncio.sleep(0.01)
        await asyncio.sleep(PARKED)
        if leaves_too:
            client.has_left.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert task.cancelling() == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.sent == []
        await nothing_is_left()

    asyncio.run(main())
    assert journal == ["parked", "cancelled"]


def test_quick_call_asks_for_its_body_and_nothing_else(application: ASGIApplication, methods: None) -> None:
    async def main() -> None:
        whole = envelope("t.coroutine", "x" * 100)
        for parts in ([whole], [whole[:5], whole[5:50], whole[50:]], [whole, b""]):
            client = await Client(*parts).ask(application)
            assert client.answer == {"result": {"coroutine": "x" * 100}}
            assert client.receives == len(parts)
            await nothing_is_left()

    asyncio.run(main())


def test_client_that_leaves_amid_its_body_calls_nothing(
    application: ASGIApplication, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    register("t.park", park)
    body = envelope("t.park")

    async def main(*parts: bytes) -> Client:
        client = Client(*parts, is_complete=False)
        client.has_left.set()
        await client.ask(application)
        await nothing_is_left()
        return client

    for parts in ([body], [body[:9], body[9:]]):
        client = asyncio.run(main(*parts))
        assert client.sent == []
        assert client.receives == len(parts) + 1
    assert journal == []
    assert logged(caplog) == []


@coroutine_middleware
async def streaming(request: Any, get_response: Any) -> Any:
    async def parts() -> Any:
        yield b"begin"
        await asyncio.sleep(60)

    response = StreamingHttpResponse(parts())
    response._resource_closers.append(lambda: journal.append("closed"))  # type: ignore[attr-defined]
    return response


def test_stream_that_its_client_leaves_is_closed(toto: Toto) -> None:
    client = call("echo")
    asyncio.run(leave_early(through(toto, streaming), client))
    assert [message.get("body") for message in client.sent] == [None, b"begin"]
    assert journal == ["closed"]


# Bodies


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_body_in_any_parts_is_one_body(application: ASGIApplication, methods: None, size: int) -> None:
    body = envelope("t.plain", "é" * 500)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    assert ask(application, Client(*parts, b"")).answer == {"result": {"plain": "é" * 500}}


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
def test_body_may_be_as_long_as_max_body_and_no_longer(
    application: ASGIApplication, methods: None, toto: Toto, declared: bool, parts: int
) -> None:
    limit = len(envelope("t.plain", "x" * 50))
    toto(MAX_BODY=limit)
    for extra, status in ((0, 200), (1, 413)):
        body = envelope("t.plain", "x" * (50 + extra))
        length = [(b"content-length", str(len(body)).encode())] if declared else []
        client = ask(application, Client(body[:9], body[9:], headers=[JSON_TYPE, *length]))
        assert client.status == status
        assert client.receives == (0 if declared and extra else 2)
        assert extra == 0 or json.loads(client.body)["error"]["code"] == 1103


def test_body_that_is_too_long_is_not_received_to_its_end(application: ASGIApplication, toto: Toto) -> None:
    toto(MAX_BODY=100)
    client = ask(application, Client(*[b"x" * 40] * 1000))
    assert (client.status, client.receives) == (413, 3)


@pytest.mark.parametrize("length", [b"3", b"100000", b"-1", b"x", b"", b"1,2", b"9" * 5000], ids=repr)
def test_wrong_length_of_a_body_that_is_there_harms_nobody(
    application: ASGIApplication, methods: None, length: bytes
) -> None:
    client = ask(
        application, Client(envelope("t.plain", 1), headers=[JSON_TYPE, (b"content-length", length)])
    )
    assert client.status == (400 if len(length) > 20 else 200)
    assert client.status == 400 or client.answer == {"result": {"plain": 1}}


@coroutine_middleware
async def reading(request: Any, get_response: Any) -> Any:
    with suppress(RequestDataTooBig):
        journal.append(len(request.body))
    return await get_response(request)


@pytest.mark.parametrize("declared", [True, False])
def test_middleware_that_reads_bodies_does_not_make_long_ones_short(
    toto: Toto, methods: None, settings: Any, declared: bool
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    toto(MAX_BODY=50)
    length = [(b"content-length", b"100")] if declared else []
    client = ask(through(toto, reading), Client(b"x" * 100, headers=[JSON_TYPE, *length]))
    assert client.status == 413
    assert 0 not in journal


def test_large_bodies_go_both_ways(application: ASGIApplication, methods: None) -> None:
    text = "é" * 1_000_000
    assert ask(application, call("t.coroutine", text)).answer == {"result": {"coroutine": text}}


# Context variables

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")


@coroutine_middleware
async def setting(request: Any, get_response: Any) -> Any:
    journal.append(variable.get())
    variable.set(f"{variable.get()} {request.headers['x-name']}")
    return await get_response(request)


class HybridSetting(MiddlewareMixin):
    def process_request(self, request: Any) -> None:
        variable.set(f"{variable.get()} {request.headers['x-name']}")


def plain_setting(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        variable.set(f"{variable.get()} {request.headers['x-name']}")
        return get_response(request)

    return middleware


@pytest.mark.parametrize("middleware", [setting, HybridSetting, plain_setting])
def test_methods_see_the_context_of_server_and_middleware_and_of_no_other_call(
    toto: Toto, register: Register, middleware: Any
) -> None:
    async def coroutine(handler: Any, parameters: Any) -> str:
        await asyncio.sleep(0.01)
        before = variable.get()
        variable.set("leaked")
        return before

    def plain(handler: Any, parameters: Any) -> str:
        time.sleep(0.01)
        before = variable.get()
        variable.set("leaked")
        return before

    register("t.acontext", coroutine)
    register("t.context", plain)
    application = through(toto, middleware)

    async def main() -> list[Any]:
        clients, tasks = [], []
        for number in range(20):
            name = ("t.acontext", "t.context")[number % 2]
            client = call(name, headers=[JSON_TYPE, (b"x-name", str(number).encode())])
            context = contextvars.copy_context()
            context.run(variable.set, f"server {number}")
            clients.append(client)
            tasks.append(asyncio.create_task(client.ask(application), context=context))
        await asyncio.gather(*tasks)
        assert variable.get() == "nobody"
        return [client.answer["result"] for client in clients]

    assert asyncio.run(main()) == [f"server {number} {number}" for number in range(20)]


def test_prefix_of_one_call_is_not_that_of_the_next(application: ASGIApplication, register: Register) -> None:
    async def prefix(handler: Any, parameters: Any) -> str:
        return get_script_prefix()

    register("t.prefix", prefix)

    async def main() -> list[Any]:
        clients = [call("t.prefix", root_path=root, path=f"{root}/") for root in ("/app", "", "/app")]
        for client in clients:
            await application(client.scope, client.receive, client.send)
        return [client.answer["result"] for client in clients]

    assert asyncio.run(main()) == ["/app/", "/", "/app/"]


# Answers


async def stream(handler: Any, parameters: Any) -> None:
    async def respond() -> None:
        for part in parameters:
            await asyncio.sleep(0.01)
            handler.respond_raw(part, "text/plain", finish=False)
        handler.respond_raw("", finish=True)

    handler.task = asyncio.create_task(respond())


def decorated(handler: Any, parameters: Any) -> Any:
    handler.set_cookie("one", "é 1", path="/t")
    handler.set_cookie("two", "2", httponly=True)
    handler.set_header("X-Other", "é")
    handler.set_status(parameters.get("status", 201))
    return parameters


REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {"path": "/t.plain", "body": b'{"a": 1}'},
    "coroutine": {"path": "/t/coroutine", "body": b'{"a": 1}'},
    "raw": {"path": "/t.raw", "body": b"{}"},
    "stream": {"path": "/t.stream", "body": b'["a", "bc", "d"]'},
    "decorated": {"path": "/t.decorated", "body": b"{}"},
    "no content": {"path": "/t.decorated", "body": b'{"status": 204}'},
    "teapot": {"path": "/t.decorated", "body": b'{"status": 418}'},
    "redirect": {"path": "/t.redirect", "body": b"{}"},
    "batch": {
        "path": "/",
        "body": b'{"batch": {"a": {"method": "t.plain"}, "b": {"method": "t.coroutine"}}}',
    },
    "unknown": {"path": "/not/there", "body": b"{}"},
    "malformed": {"path": "/", "body": b"{"},
    "get": {"path": "/t.plain", "method": "GET", "query_string": b"a=1&a=%FF&b=+"},
    "lower case": {"path": "/t.plain", "method": "get"},
    "head": {"path": "/t.plain", "method": "HEAD", "query_string": b"a=1"},
    "options": {"path": "/t.plain", "method": "OPTIONS"},
    "put": {"path": "/t.plain", "method": "PUT", "body": b"{}"},
    "bad query": {"path": "/t.plain", "method": "GET", "query_string": b"\xff"},
    "path in other letters": {"path": "/té.☃\n", "method": "GET"},
    "below a prefix": {"path": "/app/t.plain", "root_path": "/app", "method": "GET"},
    "content type": {"path": "/t.plain", "body": b"{}", "headers": [(b"content-type", b"text/csv")]},
    "form": {
        "path": "/t.plain",
        "body": b"a=1&b=%C3%A9",
        "query_string": b"a=0",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    },
    "twice the same header": {
        "path": "/t.plain",
        "body": b"{}",
        "headers": [(b"content-type", b"application/json"), (b"content-type", b"text/csv")],
    },
}


@pytest.fixture
def all_methods(methods: None, register: Register) -> None:
    register("t.stream", asynchronous(stream))
    register("t.decorated", decorated)
    register("t.raw", lambda handler, parameters: handler.respond_raw(b"raw\0", "image/x"))
    register("t.redirect", lambda handler, parameters: handler.redirect("/elsewhere"))


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_answer_and_log_are_those_of_djangos_own_handler(
    application: ASGIApplication,
    all_methods: None,
    request_: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = dict(request_)
    body = scope.pop("body", b"")

    def asked(handler: Any) -> Any:
        caplog.clear()
        client = asyncio.run(Client(body, **scope).ask(handler))
        headers = {name.lower(): value for name, value in client.sent[0]["headers"]}
        # Django leaves it to its CommonMiddleware.
        length = headers.pop(b"content-length", None)
        if handler is application and client.body and len(client.sent) == 2:
            assert length == str(len(client.body)).encode()
        return client.status, headers, client.body, logged(caplog)

    assert asked(application) == asked(application.django)


@pytest.mark.parametrize(("status", "length"), [(200, b"0"), (204, None), (304, None)])
def test_answer_tells_its_length_where_it_may(
    application: ASGIApplication, register: Register, status: int, length: bytes | None
) -> None:
    register("t.empty", lambda handler, parameters: handler.set_status(status))
    client = ask(application, Client(path="/t.empty", method="GET"))
    assert client.status == status
    assert dict(client.sent[0]["headers"]).get(b"Content-Length") == length


def test_streamed_parts_are_sent_one_by_one(application: ASGIApplication, all_methods: None) -> None:
    client = ask(application, Client(b'["a", "bc"]', path="/t.stream"))
    assert [message.get("body", b"") for message in client.sent[1:]] == [b"a", b"bc", b""]


@pytest.mark.parametrize("path", ["/service", "/services/echo", "/serviceecho", "/own/untouched", "/nowhere"])
def test_every_other_path_is_djangos(application: ASGIApplication, settings: Any, path: str) -> None:
    settings.ROOT_URLCONF = "tests.own_views"

    async def asked(handler: Any) -> Any:
        client = await Client(method="GET", path=path).ask(handler)
        return client.status, client.body

    assert asyncio.run(asked(application)) == asyncio.run(asked(application.django))
    assert ask(application, Client(b"{}", path="/service/echo")).answer == {"result": {"parameters": {}}}


def test_admin_stands_beside_calls(transactional_db: None) -> None:
    with admin_installed():
        application = get_asgi_application()
        page = ask(
            application, Client(method="GET", path="/admin/login/", headers=[(b"host", b"testserver")])
        )
        assert page.status == 200
        assert b"csrfmiddlewaretoken" in page.body
        assert ask(application, Client(b"{}", path="/service/echo")).answer == {"result": {"parameters": {}}}


def test_lifespan_is_answered(application: ASGIApplication) -> None:
    messages = deque([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.popleft()

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(application({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


# Settings that change, and what is remembered


def test_settings_count_when_they_are_changed(
    application: ASGIApplication, methods: None, settings: Any, toto: Toto
) -> None:
    def code(path: str) -> int | None:
        """None for a page that is missing, 0 for a result."""
        client = ask(application, Client(b"{}", path=path))
        return client.answer.get("error", {"code": 0})["code"] if client.status == 200 else None

    for _ in range(2):
        settings.ROOT_URLCONF = "tests.service.urls"
        assert (code("/t.plain"), code("/service/t.plain")) == (0, 1001)
        settings.ROOT_URLCONF = "tests.own_views"
        assert (code("/t.plain"), code("/service/t.plain")) == (None, 0)
    toto(METHOD_SELECT="parameter")
    assert code("/service/t.plain") == 1002


def test_allowed_hosts_count_for_middleware_that_asks(toto: Toto, settings: Any, methods: None) -> None:
    toto(MIDDLEWARE=["django.middleware.common.CommonMiddleware", TOTO_MIDDLEWARE])
    application = get_asgi_application()
    settings.ALLOWED_HOSTS = ["other.test"]
    assert ask(application, call("t.plain")).status == 400
    settings.ALLOWED_HOSTS = ["testserver"]
    assert ask(application, call("t.plain")).status == 200


def test_paths_that_are_remembered_are_few(application: ASGIApplication, methods: None) -> None:
    routes._call_match.cache_clear()

    async def main() -> None:
        for number in range(routes.KNOWN_PATHS + 50):
            await Client(method="GET", path=f"/not/{number}").ask(application)

    asyncio.run(main())
    assert routes._call_match.cache_info().currsize == routes.KNOWN_PATHS


def test_paths_are_forgotten_with_djangos_own_caches(
    application: ASGIApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(application, Client(b"{}", path="/echo")).status == 200
    monkeypatch.setattr(urls, "urlpatterns", [])
    clear_url_caches()
    try:
        assert ask(application, Client(b"{}", path="/echo")).status == 404
    finally:
        monkeypatch.undo()
        clear_url_caches()
        set_urlconf(None)


# Many at once


def test_each_of_many_calls_at_once_gets_its_own_answer(
    toto: Toto, register: Register, transactional_db: None
) -> None:
    toto(HMAC="user_id")
    application = through(toto, first, Hybrid)
    service = Service("asgi")
    logins = [service.create(f"user{number}") for number in range(5)]

    def plain(handler: Any, parameters: Any) -> Any:
        time.sleep(parameters["wait"])
        return {**parameters, "seen": handler.request.headers["x-number"]}

    async def coroutine(handler: Any, parameters: Any) -> Any:
        await asyncio.sleep(parameters["wait"])
        return {**parameters, "seen": handler.request.headers["x-number"]}

    async def whoami(handler: Any, parameters: Any) -> Any:
        session = await handler.aretrieve_session()
        await asyncio.sleep(parameters["wait"])
        return {**parameters, "seen": handler.request.headers["x-number"], "user": session.user_id}

    for method in (plain, coroutine, whoami):
        register(f"t.{method.__name__}", method)
    names = ["plain", "coroutine", "whoami"]

    async def one(number: int) -> None:
        name, login = names[number % 3], logins[number % 5]
        body = envelope(f"t.{name}", {"number": number, "wait": number * 7 % 11 / 500})
        headers = [
            *(JSON_TYPE, (b"x-number", str(number).encode())),
            (b"x-toto-session-id", login.session_id.encode()),
            (b"x-toto-hmac", signature(login.user_id, body).encode()),
        ]
        client = await Client(body[: number % 20], body[number % 20 :], headers=headers).ask(application)
        result = client.answer["result"]
        assert (result["number"], result["seen"]) == (number, str(number))
        if name == "whoami":
            assert result["user"] == login.user_id
            assert client.headers["x-toto-hmac"] == signature(login.user_id, client.body)
            assert client.answer["session"]["session_id"] == login.session_id

    async def main() -> None:
        await asyncio.gather(*map(one, range(200)))
        await nothing_is_left()

    asyncio.run(main())


def test_applications_that_are_gone_leave_no_threads(toto: Toto, register: Register) -> None:
    async def thread(handler: Any, parameters: Any) -> Any:
        await sync_to_async(threading.get_ident)()

    register("t.thread", thread)

    def threads() -> int:
        return sum(one.name.startswith("toto-asgi") for one in threading.enumerate())

    before = threads()
    for _ in range(5):
        ask(get_asgi_application(), call("t.thread"))

    def are_gone() -> bool:
        gc.collect()
        return threads() <= before

    until(are_gone, 5)


# Over a real server


@pytest.fixture(scope="module", params=[[], ["synchronous"]], ids=["async", "sync"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    names = [f"{__name__}.{name}" for name in request.param]
    with Server({"MIDDLEWARE": [*names, TOTO_MIDDLEWARE], "MAX_BODY": 1000}) as server:
        server.stats()
        yield server


def test_call_over_a_server_ends_when_its_client_leaves(server: Server) -> None:
    server.call("rt.journal", clear=True)
    waiting: Sequence[Any] = [server.wait("rt.wait", event="never sent") for _ in range(10)]
    server.until_handlers(10)
    time.sleep(PARKED)
    for one in waiting:
        one.leave()
    server.until_handlers(0)
    until(lambda: server.journal() == ["closed rt.wait"] * 10)
    assert "Traceback" not in server.said()


def test_client_of_a_server_that_leaves_amid_its_body_harms_nobody(server: Server) -> None:
    head = (
        b"POST /rt.fail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    )
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head)
            time.sleep(0.02)
    assert server.call("rt.echo", a=1) == {"a": 1}
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("length", [900, 1100])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_limit_of_bodies_over_a_server(server: Server, length: int, is_chunked: bool) -> None:
    body = b'{"a": 1}'.ljust(length)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        parts: Any = iter([body[:100], body[100:]]) if is_chunked else body
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/rt.echo", parts, headers, encode_chunked=is_chunked)
        response = connection.getresponse()
        assert response.status == (200 if length == 900 else 413)
        assert json.loads(response.read())
    finally:
        connection.close()
