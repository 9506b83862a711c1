"""``async_.*``: asynchronous methods and coroutines."""
# ruff: noqa: F403, F405

from collections.abc import Callable
from threading import Timer
from typing import Any

from toto_django import invocation, method
from toto_django.exceptions import TotoException
from toto_django.invocation import *

LATER = 0.1
"""Seconds after which a thread answers."""


def _responding(*answers: dict[str, Any]) -> Callable[[Any, Any], None]:
    """A method that calls ``respond`` from a thread, once for each of ``answers``."""

    def call(handler: Any, parameters: Any) -> None:
        def respond() -> None:
            for answer in answers:
                handler.respond(**answer)

        Timer(LATER, respond).start()

    return asynchronous(call)


method("async_.error")(_responding({"error": Exception("async boom")}))
method("async_.toto_error")(_responding({"error": TotoException(4242, {"why": "async"})}))
method("async_.both")(_responding({"result": {"r": 1}, "error": TotoException(4242, "both")}))
method("async_.none")(_responding({}))
method("async_.twice")(_responding({"result": {"n": 1}}, {"result": {"n": 2}}))
method("async_.unserialisable")(_responding({"result": {"o": object()}}))
method("async_.value")(asynchronous(lambda handler, parameters: {"immediate": True}))
method("async_.value_zero")(asynchronous(lambda handler, parameters: 0))


@method("async_.thread")
@asynchronous
def thread(handler: Any, parameters: Any) -> None:
    Timer(LATER, handler.respond, [{"parameters": parameters}]).start()


@method("async_.batch_thread")
@asynchronous
def batch_thread(handler: Any, parameters: Any) -> None:
    delay = parameters.get("delay", 0.05)
    Timer(delay, handler.respond, [{"delay": delay}]).start()


@method("async_.noattr")
@invocation.asynchronous
def noattr(handler: Any, parameters: Any) -> None:
    Timer(LATER, handler.respond, [{"late": True}]).start()


@method("async_.late_session")
@asynchronous
@authenticated
def late_session(handler: Any, parameters: Any) -> None:
    Timer(LATER, handler.respond, [{"user_id": handler.session.user_id}]).start()


@method("async_.stream")
@asynchronous
def stream(handler: Any, parameters: Any) -> None:
    handler.respond_raw("chunk1;", "text/plain", finish=False)
    Timer(LATER, handler.respond_raw, ["chunk2;", "text/plain"], {"finish": False}).start()
    Timer(2 * LATER, handler.respond_raw, ["end", "text/plain"]).start()


@method("async_.stream_noflush")
@asynchronous
def stream_noflush(handler: Any, parameters: Any) -> None:
    handler.respond_raw("one;", "text/plain", finish=False)
    handler.respond_raw("two;", "text/plain", finish=False)
    handler.respond_raw("three", "text/plain")


@method("async_.coro")
async def coro(handler: Any, parameters: Any) -> Any:
    return {"parameters": parameters}


@method("async_.coro_none")
async def coro_none(handler: Any, parameters: Any) -> Any:
    return None


@method("async_.coro_empty")
async def coro_empty(handler: Any, parameters: Any) -> Any:
    return {}


@method("async_.coro_error")
async def coro_error(handler: Any, parameters: Any) -> Any:
    raise Exception("coro boom")


@method("async_.coro_toto")
async def coro_toto(handler: Any, parameters: Any) -> Any:
    raise TotoException(4242, "coro toto")


@method("async_.respond_sync")
def respond_sync(handler: Any, parameters: Any) -> None:
    handler.respond({"direct": True})


@method("async_.respond_error_sync")
def respond_error_sync(handler: Any, parameters: Any) -> None:
    handler.respond(error=Exception("direct error"))


@method("async_.respond_then_return")
def respond_then_return(handler: Any, parameters: Any) -> Any:
    handler.respond({"direct": True})
    return {"returned": True}
