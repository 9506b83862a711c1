"""The one answer of a call: who gives it first, from which thread, in how many parts."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.calls import Service
from toto_django.exceptions import TotoException
from toto_django.invocation import asynchronous
from toto_django.messages import NOTHING, Answer, Raw, Redirect, Result
from toto_django.registry import Method
from toto_django.reply import Reply

Register = Callable[..., Method]


def waited(reply: Reply, begin: Callable[[], object] = lambda: None) -> tuple[Answer, list[bytes]]:
    """The answer, and the chunks that follow it; ``begin`` runs in a thread meanwhile."""

    async def wait() -> tuple[Answer, list[bytes]]:
        thread = threading.Thread(target=begin)
        thread.start()
        answer = await asyncio.wait_for(reply.wait(), 5)
        more = answer.more if isinstance(answer, Raw) else None
        chunks = [] if more is None else [chunk async for chunk in more]
        thread.join()
        return answer, chunks

    return asyncio.run(wait())


def whole_body(reply: Reply, begin: Callable[[], object] = lambda: None) -> bytes:
    answer, chunks = waited(reply, begin)
    assert isinstance(answer, Raw)
    return answer.body + b"".join(chunks)


# One answer


def test_without_an_answer_there_is_none_yet() -> None:
    assert Reply().answer is None


def test_first_answer_wins_over_whatever_follows() -> None:
    reply = Reply()
    reply.give(Result(1))
    reply.give(Result(2))
    reply.write(b"late", "text/plain", True)
    reply.returned(None, True)
    assert reply.answer == Result(1)


def test_redirect_wins_over_a_later_result() -> None:
    reply = Reply()
    reply.give(Redirect("/a"))
    reply.give(Result(1))
    assert reply.answer == Redirect("/a")


def test_closing_without_an_answer_gives_nothing() -> None:
    reply = Reply()
    reply.returned(None, True)
    reply.give(Result(1))
    assert reply.answer is NOTHING


def test_answer_given_before_anybody_waits_is_there_at_once() -> None:
    reply = Reply()
    reply.give(Result(1))
    assert waited(reply) == (Result(1), [])


def test_answer_from_another_thread_wakes_the_waiter() -> None:
    reply = Reply()
    assert waited(reply, lambda: reply.give(Result(1))) == (Result(1), [])


def test_of_many_threads_that_answer_at_once_exactly_one_wins() -> None:
    for _ in range(20):
        reply = Reply()
        barrier = threading.Barrier(8)

        def give(number: int, reply: Reply = reply, barrier: threading.Barrier = barrier) -> Answer | None:
            barrier.wait(5)
            reply.give(Result(number))
            return reply.answer

        with ThreadPoolExecutor(8) as threads:
            seen = list(threads.map(give, range(8)))
        assert seen == [reply.answer] * 8


def test_answer_after_the_loop_has_ended_is_dropped() -> None:
    reply = Reply()

    async def abandon() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reply.wait(), 0.01)

    asyncio.run(abandon())
    reply.give(Result(1))
    assert reply.answer == Result(1)


# In parts


def test_parts_that_are_complete_are_one_raw_answer() -> None:
    reply = Reply()
    reply.write(b"a", "text/plain", False)
    assert reply.answer is None
    reply.write(b"b", "text/html", True)
    reply.write(b"c", "text/html", True)
    reply.give(Result(1))
    assert reply.answer == reply.answer == Raw(b"ab", "text/plain")


def test_closing_completes_what_was_streamed() -> None:
    reply = Reply()
    reply.write(b"a", "text/plain", False)
    reply.returned(None, True)
    assert reply.answer == Raw(b"a", "text/plain")


def test_waiter_gets_the_first_part_before_the_last_one_is_written() -> None:
    reply = Reply()

    async def stream() -> list[bytes]:
        reply.write(b"first;", "text/plain", False)
        answer = await asyncio.wait_for(reply.wait(), 5)
        assert isinstance(answer, Raw)
        assert answer.more is not None
        assert answer.body == b"first;"
        threading.Timer(0.01, reply.write, [b"last", "text/plain", True]).start()
        return [chunk async for chunk in answer.more]

    assert asyncio.run(stream()) == [b"last"]


def test_parts_from_a_thread_arrive_complete_and_in_order() -> None:
    parts = [b"%d;" % number for number in range(300)]
    reply = Reply()

    def write() -> None:
        for part in parts[:-1]:
            reply.write(part, "text/plain", False)
        reply.write(parts[-1], "text/plain", True)

    assert whole_body(reply, write) == b"".join(parts)


# On the wire


def test_first_of_two_answers_of_a_method_counts(service: Service, register: Register) -> None:
    def twice(handler: Any, parameters: Any) -> Any:
        handler.respond(1)
        handler.respond(2)
        return 3

    register("test.x", twice)
    assert service.call("test.x") == {"result": 1}


def test_exception_after_an_answer_does_not_replace_it(service: Service, register: Register) -> None:
    def answer_and_fail(handler: Any, parameters: Any) -> Any:
        handler.respond(1)
        raise TotoException(4242, "too late")

    register("test.x", answer_and_fail)
    assert service.call("test.x") == {"result": 1}


@pytest.mark.parametrize("name", ["async_.stream", "async_.stream_noflush"])
def test_streamed_answer_arrives_whole_unsigned_and_without_session(asgi: Service, name: str) -> None:
    response = asgi.send("GET", f"/{name}")
    body = b"".join(response.chunks) if response.streaming else response.content
    assert body in (b"chunk1;chunk2;end", b"one;two;three")
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-toto-hmac" not in response.headers


def test_status_headers_and_cookies_reach_a_streamed_answer(asgi: Service, register: Register) -> None:
    @asynchronous
    def stream(handler: Any, parameters: Any) -> None:
        handler.set_status(202)
        handler.set_header("x-mine", "yes")
        handler.set_cookie("c", "1")
        handler.respond_raw("a", "text/plain", finish=False)
        threading.Timer(0.05, handler.respond_raw, ["b"]).start()

    register("test.x", stream)
    response = asgi.send("GET", "/test.x")
    assert response.streaming
    assert response.chunks == [b"a", b"b"]
    assert (response.status_code, response.headers["x-mine"], response.cookies["c"].value) == (
        202,
        "yes",
        "1",
    )


def test_raw_answer_in_parts_needs_no_event_loop_when_it_is_complete(
    service: Service, register: Register
) -> None:
    def parts(handler: Any, parameters: Any) -> None:
        handler.respond_raw("a", "text/plain", finish=False)
        handler.raw_respond(b"b", "text/plain")

    register("test.x", parts)
    response = service.send("GET", "/test.x")
    assert (response.content, response.headers["Content-Type"]) == (b"ab", "text/plain")
