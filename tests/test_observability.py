"""What monitoring sees of calls: signals in place, slow calls, request ids, records that tell their call."""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from tests.calls import Service, envelope
from tests.realtime import MEMORY, PATIENCE, until
from tests.test_asgi import Client, call
from toto_django import dispatcher, observing, waiting
from toto_django.asgi import ASGIApplication, get_asgi_application
from toto_django.current import current_exchange, current_handler
from toto_django.events import EventManager
from toto_django.exceptions import TotoException
from toto_django.exchange import Exchange
from toto_django.handler import Handler
from toto_django.invocation import asynchronous, error_redirect, raw_response
from toto_django.logs import CallFilter
from toto_django.middleware import TotoMiddleware
from toto_django.registry import Method, Policy
from toto_django.signals import call_finished, call_started, method_finished, method_started

Register = Callable[..., Method]
Toto = Callable[..., None]

span: ContextVar[str] = ContextVar("span", default="none")
"""The innermost call, as a receiver of the signals says."""


class Observer:
    """Receivers that keep what they were sent, and a current span as tracing does."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.finished: list[dict[str, Any]] = []
        self.parents: dict[str, str] = {}
        self.tokens: dict[Any, Any] = {}
        self.problems: list[Exception] = []

    def start(self, handler: Any, method: str, **arguments: Any) -> None:
        self.started.append({"handler": handler, "method": method, **arguments})
        self.parents[method] = span.get()
        self.tokens[handler] = span.set(method)

    def finish(self, handler: Any, **arguments: Any) -> None:
        self.finished.append({"handler": handler, **arguments})
        try:
            span.reset(self.tokens.pop(handler))
        except Exception as error:  # It would be logged, and nothing else.
            self.problems.append(error)

    @property
    def codes(self) -> list[tuple[str, str, Any]]:
        """Kind, method and code of every call, by their ends; each has begun once and ended once."""
        assert not self.problems
        assert not self.tokens
        assert len(self.started) == len(self.finished)
        assert {sent["handler"] for sent in self.started} == {sent["handler"] for sent in self.finished}
        return [(sent["kind"], sent["method"], sent["code"]) for sent in self.finished]


@pytest.fixture
def observer() -> Iterator[Observer]:
    observer = Observer()
    call_started.connect(observer.start)
    call_finished.connect(observer.finish)
    yield observer
    call_started.disconnect(observer.start)
    call_finished.disconnect(observer.finish)


@pytest.fixture
def application(toto: Toto) -> ASGIApplication:
    """Calls that need no database."""
    toto(HMAC=None, STORES=MEMORY)
    return get_asgi_application()


def answered(application: ASGIApplication, client: Client) -> Any:
    return asyncio.run(client.ask(application)).answer


async def reached(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def exchange() -> Exchange:
    return Exchange(
        RequestFactory().post("/"),
        given_session_id="",
        signature=None,
        signed_request=lambda request: None,  # type: ignore[arg-type, return-value]
        make_response=HttpResponse,
    )


# The two signals


def test_call_is_started_and_finished_with_what_metrics_need(service: Service, observer: Observer) -> None:
    service.call("echo")
    [started], [finished] = observer.started, observer.finished
    assert started.keys() == {"signal", "sender", "handler", "method", "kind"}
    assert finished.keys() == started.keys() | {"code", "seconds", "waited"}
    assert started["sender"] is finished["sender"] is Handler
    assert observer.codes == [("call", "echo", None)]
    assert finished["seconds"] > finished["waited"] == 0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("err.toto", 4242),
        ("err.generic", 1000),
        ("auth.required", 1004),
        ("misc.redirect", None),
        ("plain.redirect", None),
        ("plain.raw", None),
        ("plain.jsonp", None),
    ],
)
def test_code_is_that_of_the_error_as_sent(
    service: Service, observer: Observer, name: str, code: Any
) -> None:
    service.send("GET", f"/{name}")
    assert observer.codes == [("call", name, code)]


@pytest.mark.parametrize(("code", "seen"), [("sold out", "sold out"), ({"a": 1}, "{'a': 1}"), (None, "None")])
def test_code_is_a_number_or_text(
    service: Service, register: Register, observer: Observer, code: Any, seen: str
) -> None:
    def refuse(handler: Any, parameters: Any) -> Any:
        raise TotoException(code, "no")

    register("t.refuse", refuse)
    service.call("t.refuse")
    assert observer.codes == [("call", "t.refuse", seen)]


@pytest.mark.parametrize(
    "name", ["nope", pytest.param("x" * 10_000, id="long"), "echo ", "<batch>", "a\nb", None, 5, ["echo"]]
)
def test_names_that_are_not_registered_are_one_label(service: Service, observer: Observer, name: Any) -> None:
    code = service.post({"method": name, "parameters": {}}).json()["error"]["code"]
    assert observer.codes == [("call", "<unknown>", code)]


def test_redirected_error_has_no_code(service: Service, register: Register, observer: Observer) -> None:
    @error_redirect({"4242": "/elsewhere"})
    def fail(handler: Any, parameters: Any) -> Any:
        raise TotoException(4242, "no")

    register("t.fail", fail)
    assert service.send("GET", "/t.fail").status_code == 302
    assert observer.codes == [("call", "t.fail", None)]


def test_batch_is_around_its_members(service: Service, observer: Observer) -> None:
    members = {
        "a": {"method": "echo"},
        "b": {"method": "err.toto"},
        "c": {"method": "nope"},
        "d": {"method": "misc.redirect"},
        "e": "no call",
    }
    answer = service.batch(members)["batch"]
    assert answer["d"]["error"]["code"] == answer["e"]["error"]["code"] == 1000
    assert observer.codes == [
        ("member", "echo", None),
        ("member", "err.toto", 4242),
        ("member", "<unknown>", 1001),
        ("member", "misc.redirect", 1000),
        ("batch", "<batch>", None),
    ]
    assert observer.parents.pop("<batch>") == "none"
    assert set(observer.parents.values()) == {"<batch>"}


def test_requests_that_are_no_call_send_nothing(service: Service, observer: Observer) -> None:
    service.send("OPTIONS", "/echo")
    service.send("POST", "/echo", b"{")
    service.send("PUT", "/echo")
    assert observer.codes == []


async def coroutine(handler: Any, parameters: Any) -> Any:
    await asyncio.sleep(0)
    return span.get()


def plain(handler: Any, parameters: Any) -> Any:
    return span.get()


@pytest.mark.parametrize("function", [plain, coroutine])
def test_context_variables_of_a_receiver_are_those_of_the_method(
    service: Service, register: Register, observer: Observer, function: Any
) -> None:
    register("t.span", function)
    assert service.call("t.span") == {"result": "t.span"}
    assert service.batch({"a": {"method": "t.span"}}) == {"batch": {"a": {"result": "t.span"}}}
    assert observer.parents["t.span"] == "<batch>"
    assert span.get() == "none"
    assert len(observer.codes) == 3


def test_receivers_run_where_the_call_runs_and_before_the_others(
    service: Service, register: Register
) -> None:
    order: list[Any] = []

    def note(signal: Any, **arguments: Any) -> None:
        order.append((signal, threading.get_ident()))

    async def amethod(handler: Any, parameters: Any) -> None:
        order.append(("method", threading.get_ident()))

    register("t.note", amethod)
    signals = [call_started, method_started, method_finished, call_finished]
    for signal in signals:
        signal.connect(note)
    try:
        service.call("t.note")
    finally:
        for signal in signals:
            signal.disconnect(note)
    assert [what for what, _ in order] == [*signals[:2], "method", *signals[2:]]
    threads = dict(order)
    assert threads[call_started] == threads[call_finished]
    if service.kind == "asgi":
        assert threads[call_started] == threads["method"]


def test_coroutine_receivers_are_refused() -> None:
    async def receive(**arguments: Any) -> None:
        """Nobody would wait for it."""

    for signal in (call_started, call_finished):
        with pytest.raises(TypeError, match="plain functions"):
            signal.connect(receive)
        assert not signal.receivers


def test_receivers_that_fail_hurt_nobody(service: Service, observer: Observer) -> None:
    def failing(**arguments: Any) -> None:
        raise RuntimeError("a receiver's own")

    call_started.connect(failing)
    call_finished.connect(failing)
    try:
        assert service.call("echo") == {"result": {"parameters": {}}}
    finally:
        call_started.disconnect(failing)
        call_finished.disconnect(failing)
    assert observer.codes == [("call", "echo", None)]


def test_nothing_is_measured_where_nobody_listens(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Any:
        raise AssertionError("somebody measures")

    monkeypatch.setattr(CallFilter, "is_used", False)
    monkeypatch.setattr(observing, "perf_counter", refuse)
    monkeypatch.setattr(Handler, "label", property(refuse))
    assert service.call("echo") == {"result": {"parameters": {}}}
    assert service.batch({"a": {"method": "echo"}}) == {"batch": {"a": {"result": {"parameters": {}}}}}


def test_exception_of_a_policy_is_seen_as_the_error_it_becomes(
    service: Service, register: Register, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(method: Any, handler: Any, result: Any) -> Any:
        raise ValueError("in finish")

    register("t.x", lambda handler, parameters: 1)
    monkeypatch.setattr(Method, "finish", finish)
    assert service.call("t.x")["error"]["code"] == 1000
    assert observer.codes == [("call", "t.x", 1000)]


# Calls that end otherwise


@asynchronous
def never(handler: Any, parameters: Any) -> None:
    """No answer."""


async def wait(handler: Any, parameters: Any) -> Any:
    return await handler.wait_event("observed")


def stuck(handler: Any, parameters: Any) -> None:
    gate.wait(PATIENCE)


gate = threading.Event()


@pytest.fixture
def waiters(register: Register) -> Iterator[None]:
    gate.clear()
    for name, function in (("t.never", never), ("t.wait", wait), ("t.stuck", stuck)):
        register(name, function)
    register("t.short", asynchronous(timeout=0.05)(never))
    register("t.awaits", asynchronous(timeout=0.05)(wait))
    yield
    gate.set()


@pytest.mark.parametrize("name", ["t.short", "t.awaits"])
def test_call_that_times_out_has_that_code(
    application: ASGIApplication, waiters: None, observer: Observer, name: str
) -> None:
    assert answered(application, call(name))["error"]["code"] == 1102
    assert observer.codes == [("call", name, 1102)]
    assert 0 < observer.finished[0]["waited"] <= observer.finished[0]["seconds"]


@pytest.mark.parametrize("name", ["t.never", "t.wait", "t.stuck"])
def test_call_whose_client_leaves_is_cancelled(
    application: ASGIApplication, waiters: None, observer: Observer, name: str
) -> None:
    async def main() -> None:
        client = call(name)
        request = client.start(application)
        await reached(lambda: observer.started)
        client.has_left.set()
        if name == "t.stuck":
            await asyncio.sleep(0.3)
            assert not observer.finished  # Its thread goes on, and nobody can end that.
            gate.set()
        await request
        assert not client.sent

    asyncio.run(main())
    assert observer.codes == [("call", name, "cancelled")]


@pytest.mark.parametrize("names", [["t.never", "t.wait"], ["t.wait", "t.never"], ["t.never", "t.stuck"]])
def test_batch_whose_client_leaves_is_cancelled_after_its_members(
    application: ASGIApplication, waiters: None, observer: Observer, names: list[str]
) -> None:
    async def main() -> None:
        members = {str(number): {"method": name} for number, name in enumerate(names)}
        client = Client(json.dumps({"batch": members}).encode())
        request = client.start(application)
        await reached(lambda: observer.started[-1:] and observer.started[-1]["method"] in names[-1:])
        client.has_left.set()
        gate.set()
        await request

    if names[0] == "t.wait":  # The next member is not reached.
        names.pop()
    asyncio.run(main())
    *members, batch = observer.codes
    assert batch == ("batch", "<batch>", "cancelled")
    assert {name for _, name, _ in members} == set(names)


def test_member_that_is_still_admitted_when_the_client_leaves_is_cancelled_with_the_others(
    observer: Observer, register: Register
) -> None:
    """No task of it is left behind."""

    class Slow(Policy):
        name = "slow"
        uses_session = True

        async def aload(self, handler: Any, parameters: Any) -> None:
            await asyncio.sleep(PATIENCE)

    slow = Method.of(asynchronous(never))
    register("t.slow", slow.changed(policies=(Slow(),)))

    async def main() -> None:
        task = asyncio.create_task(dispatcher.abatch(exchange(), {"a": {"method": "t.slow"}}))
        await reached(lambda: len(observer.started) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert observer.codes == [("member", "t.slow", "cancelled"), ("batch", "<batch>", "cancelled")]


@pytest.mark.parametrize("name", ["t.never", "t.wait"])
def test_end_of_the_server_is_error_1104(
    application: ASGIApplication,
    waiters: None,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(waiting, "_is_ending", False)

    async def main() -> None:
        client = call(name)
        request = client.start(application)
        await reached(lambda: waiting._leaves)
        waiting.end_all_waiting()
        await request
        assert client.answer["error"]["code"] == 1104

    asyncio.run(main())
    assert observer.codes == [("call", name, 1104)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_a_process_end_the_call_before(
    wsgi: Service, register: Register, observer: Observer, error: Any
) -> None:
    def end(handler: Any, parameters: Any) -> Any:
        raise error

    register("t.end", end)
    with pytest.raises(error):
        wsgi.call("t.end")
    assert observer.codes == [("call", "t.end", "cancelled")]


def test_members_that_answer_later_are_children_of_the_batch(
    application: ASGIApplication, register: Register, observer: Observer
) -> None:
    @asynchronous
    async def later(handler: Any, parameters: Any) -> None:
        await asyncio.sleep(0.01)
        handler.respond(span.get())

    names = ["t.later1", "t.later2", "t.plain"]
    for name, function in zip(names, (later, later, plain), strict=True):
        register(name, function)
    batch = {"batch": {str(number): {"method": name} for number, name in enumerate(names)}}
    answer = answered(application, Client(json.dumps(batch).encode()))["batch"]
    assert [member["result"] for member in answer.values()] == names
    assert [observer.parents[name] for name in names] == ["<batch>"] * 3
    assert len(observer.codes) == 4


# Web sockets


class Socket:
    """The client's side of a web socket."""

    def __init__(self, application: ASGIApplication, *headers: tuple[bytes, bytes]) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "websocket", "path": "/websocket", "query_string": b"", "headers": list(headers)}
        self.frames.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(application(scope, self.frames.get, self.sent.put))

    async def ask(self, method: str, **parameters: Any) -> Any:
        self.send(method, **parameters)
        while "text" not in (message := await asyncio.wait_for(self.sent.get(), PATIENCE)):
            assert message["type"] == "websocket.accept"
        return json.loads(message["text"])

    def send(self, method: str, **parameters: Any) -> None:
        text = json.dumps({"id": 1, "method": method, "parameters": parameters})
        self.frames.put_nowait({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        self.frames.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.task


def with_socket(
    application: ASGIApplication, follow: Callable[[Socket], Awaitable[None]], *headers: tuple[bytes, bytes]
) -> None:
    async def main() -> None:
        socket = Socket(application, *headers)
        await follow(socket)
        await socket.leave()

    asyncio.run(main())


def test_frames_of_a_socket_are_calls_of_their_own(
    application: ASGIApplication, register: Register, waiters: None, observer: Observer, toto: Toto
) -> None:
    toto(SOCKET_OPENED_METHOD="t.span")
    register("t.span", coroutine)
    register("t.raw", raw_response(plain))

    async def follow(socket: Socket) -> None:
        assert (await socket.ask("t.span"))["result"] == "t.span"
        for name, code in (("t.raw", 1000), ("nope", 1001), ("t.awaits", 1102)):
            assert (await socket.ask(name))["error"]["code"] == code
        socket.send("t.wait")
        await reached(lambda: observer.started[-1]["method"] == "t.wait")

    with_socket(application, follow)
    assert observer.codes == [
        ("frame", "t.span", None),
        ("frame", "t.span", None),
        ("frame", "t.raw", 1000),
        ("frame", "<unknown>", 1001),
        ("frame", "t.awaits", 1102),
        ("frame", "t.wait", "cancelled"),
    ]


# Slow calls


class Clock:
    """What `observing` takes for the time; methods let it pass."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, handler: Any, parameters: Any) -> None:
        self.now += 2

    async def awork(self, handler: Any, parameters: Any) -> None:
        self.now += 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(observing, "perf_counter", clock)
    return clock


def slow(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "toto_django.slow"]


@pytest.mark.parametrize("function", ["work", "awork"])
def test_slow_call_is_logged(
    service: Service,
    register: Register,
    toto: Toto,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    function: str,
) -> None:
    toto(SLOW_CALL=1.5)
    register("t.slow", getattr(clock, function))
    service.post({"method": "t.slow"}, x_request_id="r-1")
    [record] = slow(caplog)
    assert record.levelname == "WARNING"
    assert record.getMessage() == "t.slow took 2.000 seconds (code None, request r-1)"
    facts = {name: getattr(record, name) for name in ("method", "seconds", "code", "request_id")}
    assert facts == {"method": "t.slow", "seconds": 2.0, "code": None, "request_id": "r-1"}


@pytest.mark.parametrize("limit", [None, 2.5])
def test_call_below_the_limit_is_not_logged(
    service: Service,
    register: Register,
    toto: Toto,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    limit: float | None,
) -> None:
    toto(SLOW_CALL=limit)
    register("t.slow", clock.work)
    service.call("t.slow")
    assert slow(caplog) == []


def test_slow_members_are_logged_and_their_batch_is_not(
    service: Service, register: Register, toto: Toto, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(handler: Any, parameters: Any) -> None:
        clock.now += 3
        raise TotoException("bad\n\u202e" + "x" * 1000, "no")

    toto(SLOW_CALL=1)
    register("t.slow", clock.work)
    register("t.fail", fail)
    service.batch({"a": {"method": "t.slow"}, "b": {"method": "echo"}, "c": {"method": "t.fail"}})
    first, second = slow(caplog)
    assert first.getMessage() == "t.slow took 2.000 seconds (code None, request None)"
    assert second.getMessage().startswith("t.fail took 3.000 seconds (code bad\\n\\u202exx")
    assert second.getMessage().isprintable()
    assert len(second.getMessage()) < 300


def test_waiting_is_not_slow_and_work_beside_it_is(
    application: ASGIApplication,
    register: Register,
    toto: Toto,
    clock: Clock,
    observer: Observer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def pass_time(name: str) -> None:
        await reached(lambda: waiting._leaves)
        clock.now += 50
        while waiting._leaves:
            await EventManager.instance().asend(name)
            await asyncio.sleep(0.01)

    async def waits(handler: Any, parameters: Any) -> None:
        passing = asyncio.create_task(pass_time("observed"))
        await asyncio.gather(handler.wait_event("observed"), handler.wait_event("observed"))
        await passing

    async def waits_and_works(handler: Any, parameters: Any) -> None:
        await waits(handler, parameters)
        clock.now += 2

    @asynchronous
    def answers_later(handler: Any, parameters: Any) -> None:
        handler.register_event_handler("observed", lambda args: handler.respond(1))
        asyncio.run_coroutine_threadsafe(pass_time("observed"), handler.loop)

    toto(SLOW_CALL=1)
    for name, function in (("w", waits), ("both", waits_and_works), ("later", answers_later)):
        register(f"t.{name}", function)
        assert "error" not in (answered(application, call(f"t.{name}")) or {})
    [record] = slow(caplog)
    assert (record.method, record.seconds) == ("t.both", 2.0)  # type: ignore[attr-defined]
    assert [(sent["seconds"], sent["waited"]) for sent in observer.finished] == [(50, 50), (52, 50), (50, 50)]


def test_waits_that_overlap_count_once(
    application: ASGIApplication, register: Register, clock: Clock, observer: Observer
) -> None:
    async def waits(handler: Any, parameters: Any) -> None:
        waiting_for = []
        for count in (1, 2):
            waiting_for.append(asyncio.create_task(handler.wait_event("observed")))
            await reached(lambda count=count: len(waiting._leaves) == count)
            clock.now += 10
        while waiting._leaves:
            await EventManager.instance().asend("observed")
            await asyncio.sleep(0.01)
        await asyncio.gather(*waiting_for)
        clock.now += 1

    register("t.waits", waits)
    answered(application, call("t.waits"))
    assert [(sent["seconds"], sent["waited"]) for sent in observer.finished] == [(21, 20)]


def test_slow_frame_is_logged_with_the_request_of_its_opening(
    application: ASGIApplication,
    register: Register,
    toto: Toto,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    toto(SLOW_CALL=1)
    register("t.slow", clock.work)

    async def follow(socket: Socket) -> None:
        await socket.ask("t.slow")

    with_socket(application, follow, (b"x-request-id", b"opening"))
    [record] = slow(caplog)
    assert record.getMessage() == "t.slow took 2.000 seconds (code None, request opening)"


# Request ids


@pytest.fixture
def tells(register: Register) -> None:
    async def tell(handler: Any, parameters: Any) -> Any:
        assert handler.request_id == handler.exchange.request_id
        return {"id": handler.request_id}

    register("t.tell", tell)


@pytest.mark.parametrize("given", ["a", "0af7651916cd43dd8448eb211c80319c", "A-z0.9_:/+=@", "x" * 128])
def test_request_id_is_taken_over(service: Service, tells: None, given: str) -> None:
    response = service.post({"method": "t.tell"}, x_request_id=given)
    assert response.json() == {"result": {"id": given}}
    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "a\tb", "a,b", "é", "a;b", '"a"', "%0a", "x" * 129, "{}"])
def test_request_id_of_another_form_is_ignored(service: Service, tells: None, given: str) -> None:
    response = service.post({"method": "t.tell"}, x_request_id=given)
    assert response.json() == {"result": {"id": None}}
    assert "X-Request-ID" not in response.headers


def test_nothing_is_sent_back_where_nothing_was_given(service: Service, tells: None) -> None:
    response = service.post({"method": "t.tell"})
    assert response.json() == {"result": {"id": None}}
    assert "X-Request-ID" not in response.headers


def test_errors_and_requests_that_are_no_call_have_it_too(service: Service) -> None:
    for body in (envelope("nope"), b"{"):
        assert service.send("POST", "/", body, x_request_id="r-1").headers["X-Request-ID"] == "r-1"


def test_request_id_given_twice_is_ignored(application: ASGIApplication, tells: None) -> None:
    twice = [(b"host", b"testserver"), (b"x-request-id", b"a"), (b"x-request-id", b"b")]
    assert answered(application, call("t.tell", headers=twice)) == {"result": {"id": None}}


def test_own_views_know_it_and_send_nothing() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.toto.request_id)  # type: ignore[attr-defined]

    response = TotoMiddleware(view)(RequestFactory().get("/page", headers={"x-request-id": "r-1"}))
    assert isinstance(response, HttpResponse)
    assert response.content == b"r-1"
    assert "X-Request-ID" not in response.headers


def test_frames_have_that_of_the_opening(application: ASGIApplication, tells: None) -> None:
    async def follow(socket: Socket) -> None:
        for _ in range(2):
            assert (await socket.ask("t.tell"))["result"] == {"id": "opening"}

    with_socket(application, follow, (b"x-request-id", b"opening"))


# Records that tell their call


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Those of the logger "t", as a handler with a CallFilter sees them."""
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    was_used = CallFilter.is_used
    handler.addFilter(CallFilter())
    logger = logging.getLogger("t")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)
    CallFilter.is_used = was_used


def facts(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    return [(record.request_id, record.method) for record in records]  # type: ignore[attr-defined]


def log(handler: Any = None, parameters: Any = None) -> None:
    logging.getLogger("t").warning("here")


async def alog(handler: Any, parameters: Any) -> None:
    await asyncio.to_thread(log)
    log()


def test_records_tell_the_call_they_were_made_in(
    service: Service, register: Register, records: list[logging.LogRecord]
) -> None:
    register("t.log", log)
    register("t.alog", alog)
    service.post({"method": "t.log"}, x_request_id="r-1")
    service.post({"method": "t.alog"}, x_request_id="r-2")
    service.post({"batch": {"a": {"method": "t.log"}, "b": {"method": "t.alog"}}})
    log()
    assert facts(records) == [
        ("r-1", "t.log"),
        *[("r-2", "t.alog")] * 2,
        ("-", "t.log"),
        *[("-", "t.alog")] * 2,
        ("-", "-"),
    ]


def test_records_of_calls_that_overlap_are_told_apart(
    application: ASGIApplication, register: Register, records: list[logging.LogRecord]
) -> None:
    together = asyncio.Barrier(2)

    async def meet(handler: Any, parameters: Any) -> None:
        await together.wait()
        log()
        await together.wait()
        log()

    register("t.one", meet)
    register("t.two", meet)

    async def main() -> None:
        clients = [
            call(f"t.{name}", headers=[(b"host", b"testserver"), (b"x-request-id", name.encode())])
            for name in ("one", "two")
        ]
        await asyncio.gather(*(client.ask(application) for client in clients))

    asyncio.run(main())
    assert sorted(facts(records)) == [("one", "t.one")] * 2 + [("two", "t.two")] * 2


def test_what_a_record_says_of_itself_stays(records: list[logging.LogRecord]) -> None:
    logging.getLogger("t").warning("here", extra={"request_id": "mine", "method": None})
    assert facts(records) == [("mine", "-")]


def test_records_of_frames_have_the_request_of_the_opening(
    application: ASGIApplication, register: Register, records: list[logging.LogRecord]
) -> None:
    register("t.log", log)

    async def follow(socket: Socket) -> None:
        await socket.ask("t.log")

    with_socket(application, follow, (b"x-request-id", b"opening"))
    assert facts(records) == [("opening", "t.log")]


def test_nothing_of_a_call_is_left_in_its_thread(service: Service, observer: Observer) -> None:
    service.post({"batch": {"a": {"method": "err.generic"}, "b": {"method": "nope"}}}, x_request_id="r-1")
    service.send("POST", "/", b"{")
    until(lambda: len(observer.codes) == 3)
    assert current_exchange.get() is None
    assert current_handler.get() is None


def test_failing_request_leaves_nothing_in_its_thread() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        assert current_exchange.get() is request.toto  # type: ignore[attr-defined]
        raise ValueError("in the view")

    with pytest.raises(ValueError, match="in the view"):
        TotoMiddleware(view)(RequestFactory().get("/"))
    assert current_exchange.get() is None
