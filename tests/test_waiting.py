"""Methods that answer later, over a real server (docs/protocol.md sections 10 and 11.3)."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tests.calls import Service, error_of
from tests.realtime import Server, Waiting, until
from toto_django.events import EventManager
from toto_django.exceptions import TimedOut
from toto_django.invocation import asynchronous
from toto_django.registry import Method

MANY = 500
VANISHING = 200

Register = Callable[..., Method]
Toto = Callable[..., None]


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """With nobody waiting and an empty journal."""
    shared.until_handlers(0)
    shared.call("rt.journal", clear=True)
    return shared


def nobody_waits() -> bool:
    return EventManager.instance().count_handlers() == 0


# Answers


@pytest.mark.parametrize("where", ["loop", "thread", "task", "method"])
@pytest.mark.parametrize("times", [1, 2, 50])
def test_first_answer_from_anywhere_counts(server: Server, where: str, times: int) -> None:
    assert server.ask("rt.from", where=where, times=times) == {"result": {"number": 0}}


@pytest.mark.parametrize("method", ["rt.wait", "rt.wait_handler"])
@pytest.mark.parametrize("args", [None, "", 0, False, [], {}, "é", 2**80, [1, {"a": "b"}]], ids=repr)
def test_waiter_gets_the_payload(server: Server, method: str, args: Any) -> None:
    waiting = server.wait(method, event="payload")
    server.until_handlers(1)
    server.call("rt.send", event="payload", args=args)
    assert waiting.answer() == {"result": {"got": args}}


def test_waiter_by_get(server: Server) -> None:
    waiting = Waiting(server.port, {"method": "rt.echo", "parameters": {}})
    assert waiting.answer() == {"result": {}}
    waiting.connection.request("GET", "/rt/wait?event=by+get")
    server.until_handlers(1)
    server.call("rt.send", event="by get", args=1)
    assert waiting.answer() == {"result": {"got": 1}}


def test_handler_in_a_thread_answers(server: Server) -> None:
    waiting = server.wait("rt.wait_handler", event="thread", main=False)
    server.until_handlers(1)
    server.call("rt.send", event="thread", args=1)
    assert waiting.answer() == {"result": {"got": 1}}


def test_session_comes_with_a_late_answer(server: Server) -> None:
    waiting = server.wait("rt.wait_session", event="late")
    server.until_handlers(1)
    server.call("rt.send", event="late", args=1)
    answer = waiting.answer()
    assert answer["result"] == {"got": 1}
    assert answer["session"]["user_id"] == ""


def test_answer_after_the_client_left_is_dropped(server: Server) -> None:
    waiting = server.wait("rt.never")
    until(lambda: server.call("rt.parked") == {"parked": 1})
    waiting.leave()
    until(lambda: server.journal() == ["closed rt.never"])
    assert server.call("rt.answer_all") == {"answered": 1}
    assert server.call("rt.echo", a=1) == {"a": 1}
    assert "Traceback" not in server.said()


def test_streamed_parts_arrive_one_by_one(server: Server) -> None:
    waiting = server.wait("rt.stream", event="parts")
    response = waiting.response()
    assert response.read(6) == b"begin;"
    for part in ("a", "bc", "d" * 10_000):
        server.call("rt.send", event="parts", args=part)
        assert response.read(len(part)) == part.encode()
    server.call("rt.send", event="parts")
    assert response.read() == b""
    waiting.leave()
    server.call("rt.forget")


def test_stream_that_its_client_leaves_leaves_nothing(server: Server) -> None:
    before = server.stats()
    waiting = server.wait("rt.stream", event="left")
    assert waiting.response().read(6) == b"begin;"
    waiting.leave()
    until(lambda: server.stats()["tasks"] <= before["tasks"])
    server.call("rt.send", event="left", args="x")
    assert server.call("rt.echo") == {}
    server.call("rt.forget")


# Batches


def test_batch_of_waiters_is_answered_when_all_are(server: Server) -> None:
    members: dict[str, Any] = {
        name: {"method": "rt.wait_handler", "parameters": {"event": f"batch {name}"}} for name in "ab"
    }
    members |= {"late": {"method": "rt.never_short"}, "now": {"method": "rt.echo", "parameters": {"x": 1}}}
    waiting = Waiting(server.port, {"batch": members})
    server.until_handlers(3)
    server.until_handlers(2)
    server.call("rt.send", event="batch b", args=2)
    server.until_handlers(1)
    server.call("rt.send", event="batch a", args=1)
    batch = waiting.answer()["batch"]
    assert error_of(batch.pop("late")) == (1102, "Timed out")
    assert batch == {
        "a": {"result": {"got": 1}},
        "b": {"result": {"got": 2}},
        "now": {"result": {"x": 1}},
    }


def test_batch_whose_client_leaves_tells_every_member_once(server: Server) -> None:
    call = {"method": "rt.wait_handler", "parameters": {"event": "never sent"}}
    members = {"a": call, "b": call, "c": {"method": "rt.never"}, "d": {**call, "method": "rt.wait"}}
    waiting = Waiting(server.port, {"batch": members})
    server.until_handlers(3)
    waiting.leave()
    server.until_handlers(0)
    until(lambda: len(server.journal()) >= 4)
    server.call("rt.answer_all")
    told = ["closed rt.never", "closed rt.wait", "closed rt.wait_handler", "closed rt.wait_handler"]
    assert sorted(server.journal()) == told


# Times


def test_event_that_does_not_come_in_time_is_an_error(server: Server) -> None:
    assert error_of(server.ask("rt.wait", event="never sent", timeout=0.1)) == (1102, "Timed out")
    assert server.stats()["handlers"] == 0


def test_time_of_the_method(server: Server) -> None:
    assert error_of(server.ask("rt.never_short")) == (1102, "Timed out")
    assert server.stats()["handlers"] == 0
    assert server.journal() == [], "the client did not leave"


def test_time_of_all_methods() -> None:
    with Server({"METHOD_TIMEOUT": 0.5}) as server:
        methods = ("rt.wait", "rt.wait_handler", "rt.never", "rt.never_short")
        waiting = [server.wait(method, event="never sent") for method in methods]
        assert [error_of(one.answer()) for one in waiting] == [(1102, "Timed out")] * len(methods)
        assert server.stats()["handlers"] == 0
        assert server.journal() == []
        assert server.call("rt.echo", a=1) == {"a": 1}


# Clients that leave


@pytest.mark.parametrize("method", ["rt.wait", "rt.wait_handler", "rt.never"])
def test_closing_is_told_once_when_the_client_leaves(server: Server, method: str) -> None:
    waiting = server.wait(method, event="never sent")
    server.until_handlers(method != "rt.never")
    until(lambda: method != "rt.never" or server.call("rt.parked")["parked"])
    assert server.journal() == []
    waiting.leave()
    until(server.journal)
    server.until_handlers(0)
    server.call("rt.answer_all")
    server.call("rt.send", event="never sent")
    assert server.journal() == [f"closed {method}"]


@pytest.mark.parametrize("method", ["rt.wait", "rt.wait_handler"])
def test_closing_is_not_told_after_an_answer(server: Server, method: str) -> None:
    waiting = server.wait(method, event="sent")
    server.until_handlers(1)
    server.call("rt.send", event="sent")
    waiting.answer()
    assert server.stats()["handlers"] == 0
    assert server.journal() == []


def test_many_waiters_all_get_one_event(server: Server) -> None:
    waiting = [server.wait("rt.wait", event="many") for _ in range(MANY // 2)]
    waiting += [server.wait("rt.wait_handler", event="many") for _ in range(MANY - len(waiting))]
    server.until_handlers(MANY)
    stats = server.stats()
    server.call("rt.send", event="many", args="all")
    assert {json.dumps(one.answer()) for one in waiting} == {'{"result": {"got": "all"}}'}
    assert server.stats()["handlers"] == 0
    assert stats["threads"] < 30


def test_nothing_is_left_of_many_clients_that_vanish() -> None:
    with Server(TOTO_TEST_LINGER="1") as server:
        before = server.stats()
        waiting = [server.wait("rt.wait", event=f"vanish {number}") for number in range(VANISHING)]
        server.until_handlers(VANISHING)
        assert server.stats()["groups"] >= VANISHING
        for one in waiting:
            one.leave()
        server.until_handlers(0)

        def is_as_before() -> bool:
            now = server.stats()
            return now["tasks"] <= before["tasks"] and len(now["files"]) <= len(before["files"]) + 1

        until(is_as_before)
        assert server.journal() == ["closed rt.wait"] * VANISHING
        until(lambda: server.stats()["groups"] == 0)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the database's file shows whether it is open")
def test_parked_method_holds_no_thread_and_no_database_connection(transactional_db: None) -> None:
    name = str(connection.settings_dict["NAME"])
    stores = {"default": {"BACKEND": "toto_django.stores.database.DatabaseStore"}}
    with Server({"STORES": stores, "THREADS": 2}, TOTO_TEST_NAME=name) as server:
        waiting = [server.wait("rt.wait_session", event="parked") for _ in range(20)]
        server.until_handlers(20)
        stats = server.stats()
        assert [path for path in stats["files"] if name in path] == []
        server.call("rt.send", event="parked", args=1)
        assert [one.answer()["result"] for one in waiting] == [{"got": 1}] * 20


# Without a server


@pytest.fixture
def here(asgi: Service, toto: Toto) -> Service:
    toto(HMAC=None)
    return asgi


def test_method_that_answers_later_needs_asgi(wsgi: Service, toto: Toto, register: Register) -> None:
    toto(HMAC=None)
    handlers: list[Any] = []

    @asynchronous
    def wait(handler: Any, parameters: Any) -> None:
        handler.register_event_handler("never sent", handler.respond)
        handlers.append(handler)

    register("test.wait", wait)
    code, value = error_of(wsgi.call("test.wait"))
    assert code == 1000
    assert "ASGI" in value
    assert nobody_waits()
    handlers[0].respond("too late")


def test_coroutine_may_wait_under_wsgi(wsgi: Service, toto: Toto, register: Register) -> None:
    toto(HMAC=None)

    async def wait(handler: Any, parameters: Any) -> Any:
        threading.Timer(0.05, EventManager.instance().send, ["under wsgi", 1]).start()
        return await handler.wait_event("under wsgi", 5)

    register("test.wait", wait)
    assert wsgi.call("test.wait") == {"result": 1}
    assert nobody_waits()


def test_waiting_that_ends_without_an_event_leaves_nothing(here: Service, register: Register) -> None:
    async def wait(handler: Any, parameters: Any) -> Any:
        for timeout in (0, 0.01, 0.01):
            with pytest.raises(TimedOut):
                await handler.wait_event("never sent", timeout)
        task = asyncio.create_task(handler.wait_event("never sent"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return EventManager.instance().count_handlers()

    register("test.wait", wait)
    assert here.call("test.wait") == {"result": 0}


def test_handler_taken_back_is_not_called(here: Service, register: Register) -> None:
    async def wait(handler: Any, parameters: Any) -> Any:
        called: list[Any] = []
        registration = handler.register_event_handler("event", called.append)
        handler.deregister_event_handler(registration)
        handler.deregister_event_handler(registration)
        waiting = asyncio.create_task(handler.wait_event("event", 5))
        await asyncio.sleep(0.01)
        await EventManager.instance().asend("event", 1)
        return [called, await waiting]

    register("test.wait", wait)
    assert here.call("test.wait") == {"result": [[], 1]}


def test_two_waits_of_one_method(here: Service, register: Register) -> None:
    async def wait(handler: Any, parameters: Any) -> Any:
        waiting = [asyncio.create_task(handler.wait_event(name, 5)) for name in ("one", "two", "one")]
        await asyncio.sleep(0.01)
        for name in ("one", "two"):
            await EventManager.instance().asend(name, name)
        return [await one for one in waiting]

    register("test.wait", wait)
    assert here.call("test.wait") == {"result": ["one", "two", "one"]}
    assert nobody_waits()


def test_head_does_not_wait(here: Service, register: Register) -> None:
    @asynchronous
    def wait(handler: Any, parameters: Any) -> None:
        handler.register_event_handler("never sent", handler.respond)

    register("test.wait", wait)
    assert here.send("HEAD", "/test.wait").status_code == 200
    assert nobody_waits()
