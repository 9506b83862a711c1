"""What becomes of a call: results, failures, signals, transactions, and answers that come later."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from tests.calls import Service, error_of
from tests.service import journal
from toto_django.exceptions import TotoException, UserNotFound
from toto_django.handler import Handler
from toto_django.invocation import (
    asynchronous,
    error_redirect,
    raw_response,
)
from toto_django.messages import NOTHING, Redirect, Result
from toto_django.models import Account
from toto_django.registry import Method
from toto_django.signals import method_finished, method_started

Register = Callable[..., Method]
Toto = Callable[..., None]


@pytest.fixture
def signals() -> Iterator[list[dict[str, Any]]]:
    """What method_started and method_finished sent."""
    sent: list[dict[str, Any]] = []

    def started(signal: Any, **arguments: Any) -> None:
        sent.append({"signal": "started", **arguments})

    def finished(signal: Any, **arguments: Any) -> None:
        sent.append({"signal": "finished", **arguments})

    method_started.connect(started)
    method_finished.connect(finished)
    yield sent
    method_started.disconnect(started)
    method_finished.disconnect(finished)


def names(signals: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(sent["signal"], sent["method"]) for sent in signals]


class Odd(BaseException):
    """No Exception, and none of those that end a process."""


def raising(error: BaseException) -> Callable[[Any, Any], Any]:
    def call(handler: Any, parameters: Any) -> Any:
        raise error

    return call


def araising(error: BaseException) -> Callable[[Any, Any], Any]:
    async def call(handler: Any, parameters: Any) -> Any:
        raise error

    return call


# Failures


@pytest.mark.parametrize("make", [raising, araising], ids=["def", "async def"])
@pytest.mark.parametrize(
    "error", [ValueError("x"), Odd("x"), GeneratorExit("x"), StopIteration("x")], ids=repr
)
def test_every_exception_of_a_method_is_answered(
    service: Service, register: Register, make: Any, error: BaseException
) -> None:
    register("test.x", make(error))
    assert error_of(service.call("test.x")) == (1000, "Server error")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_exceptions_that_end_a_process_are_let_through(
    wsgi: Service, register: Register, error: BaseException
) -> None:
    register("test.x", raising(error))
    with pytest.raises(type(error)):
        wsgi.call("test.x")


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("a"), "a"), (ValueError(), ""), (KeyError("x"), "'x'"), (Exception("a", 2), "('a', 2)")],
)
def test_exposed_error_is_its_text(
    service: Service, register: Register, toto: Toto, error: Exception, text: str
) -> None:
    toto(EXPOSE_ERRORS=True)
    register("test.x", raising(error))
    assert error_of(service.call("test.x")) == (1000, text)


def test_type_error_inside_a_method_is_its_own_error_and_not_one_of_the_parameters(
    service: Service, register: Register
) -> None:
    register("test.x", lambda handler, parameters: None + 1)  # type: ignore[operator]
    assert service.call("test.x")["error"]["code"] == 1000


def test_public_attributes_of_a_toto_exception_travel_with_it(service: Service, register: Register) -> None:
    error = TotoException({"a": 1}, None)
    error.hint, error._secret = "look", "not this"  # type: ignore[attr-defined]
    register("test.x", raising(error))
    assert service.call("test.x") == {"error": {"code": {"a": 1}, "value": None, "hint": "look"}}


# Signals


@pytest.mark.parametrize(
    "name", ["echo", "err.toto", "err.generic", "misc.redirect", "plain.redirect", "auth.required"]
)
def test_started_and_finished_are_sent_around_a_call(service: Service, signals: Any, name: str) -> None:
    service.send("GET", f"/{name}")
    assert names(signals) == [("started", name), ("finished", name)]
    first, second = signals
    assert uuid.UUID(first["transaction_id"]).version == 4
    assert second["transaction_id"] == first["transaction_id"] == second["handler"].transaction_id
    assert first["sender"] is second["sender"] is Handler


def test_finished_carries_the_answer(service: Service, signals: Any) -> None:
    service.call("echo")
    service.send("GET", "/misc.redirect")
    service.call("err.toto")
    answers = [sent["result"] for sent in signals if sent["signal"] == "finished"]
    assert answers == [
        Result({"parameters": {}}),
        Redirect("/elsewhere"),
        Result(error={"code": 4242, "value": "custom value"}),
    ]


def test_unknown_method_is_finished_only(service: Service, signals: Any) -> None:
    service.call("nope")
    service.send("GET", "/")
    assert names(signals) == [("finished", "nope"), ("finished", "")]


def test_batch_is_wrapped_in_a_pair_of_its_own(service: Service, signals: Any) -> None:
    service.batch({"a": {"method": "echo"}, "b": {"method": "nope"}})
    assert names(signals) == [
        ("started", "<batch>"),
        ("started", "echo"),
        ("finished", "echo"),
        ("finished", "nope"),
        ("finished", "<batch>"),
    ]
    assert len({sent["transaction_id"] for sent in signals}) == 3
    assert signals[-1]["result"] is NOTHING


def test_options_and_malformed_bodies_send_no_signal(service: Service, signals: Any) -> None:
    service.send("OPTIONS", "/echo")
    service.send("POST", "/echo", b"{")
    service.send("PUT", "/echo")
    assert signals == []


def test_receiver_that_fails_hurts_nobody(service: Service) -> None:
    def failing(**arguments: Any) -> None:
        raise RuntimeError("a receiver's own")

    method_started.connect(failing)
    method_finished.connect(failing)
    try:
        assert service.call("echo") == {"result": {"parameters": {}}}
    finally:
        method_started.disconnect(failing)
        method_finished.disconnect(failing)


# Transactions


def writing(then: BaseException | None) -> Callable[[Any, Any], Any]:
    def call(handler: Any, parameters: Any) -> Any:
        handler.connection.create_account("written", "a password")
        if then is not None:
            raise then

    return call


@pytest.mark.parametrize("error", [UserNotFound(), ValueError("x"), Odd()], ids=repr)
@pytest.mark.parametrize("is_atomic", [True, False])
def test_atomic_requests_roll_a_failing_plain_method_back(
    service: Service,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    is_atomic: bool,
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", is_atomic)
    register("test.x", writing(error))
    register("test.y", writing(None))
    assert "error" in service.call("test.x")
    assert Account.objects.filter(user_id="written").exists() is not is_atomic
    Account.objects.all().delete()
    service.call("test.y")
    assert Account.objects.filter(user_id="written").exists()


# Answers that come later


def test_asynchronous_method_that_did_not_answer_needs_an_asgi_server(wsgi: Service) -> None:
    for name in ("async_.thread", "async_.stream"):
        code, value = error_of(wsgi.call(name))
        assert code == 1000
        assert "ASGI" in value


@pytest.mark.parametrize("verb", ["HEAD"])
def test_head_does_not_wait_for_an_asynchronous_method(service: Service, verb: str) -> None:
    journal.entries.clear()
    response = service.send(verb, "/async_.never")
    assert (response.status_code, response.content) == (200, b"")
    assert ["never.invoke", None] in journal.entries


@pytest.mark.parametrize(
    "decorate", [raw_response, error_redirect({"1004": "/login"})], ids=["raw", "redirect"]
)
def test_policies_finish_an_answer_that_came_later(asgi: Service, register: Register, decorate: Any) -> None:
    @decorate
    @asynchronous
    def later(handler: Any, parameters: Any) -> None:
        threading.Timer(0.01, handler.respond, ["text"]).start()

    register("test.x", later)
    assert b"text" in asgi.send("GET", "/test.x").content
