"""More events than handlers take: memory is bounded, losses are counted and logged, calls are answered."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Semaphore
from typing import Any

import pytest

from tests.realtime import PATIENCE, Server, until
from toto_django import events
from toto_django.events import EventManager, Registration
from toto_django.exceptions import Unavailable

ROOM = 50
EVENTS = 500
FLOOD = 30_000
AT_ONCE = 5000
MEGABYTE = 1024 * 1024

Keep = Callable[..., Registration]


@pytest.fixture
def manager() -> Iterator[EventManager]:
    manager = EventManager.instance()
    yield manager
    until(lambda: manager.count_handlers() == 0)


@pytest.fixture
def keep(manager: EventManager, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Registers a handler until the test ends; there is room for few events."""
    monkeypatch.setattr(events, "MOST_PENDING", ROOM)
    monkeypatch.setattr(events, "REPORT_SECONDS", 0.2)
    kept: list[Registration] = []

    def register(name: str, handler: Any, **options: Any) -> Registration:
        kept.append(manager.register_handler(name, handler, persist=True, **options))
        return kept[-1]

    yield register
    for registration in kept:
        manager.remove_handler(registration)
    until(lambda: not any(registration.lost for registration in kept))  # The log tells of all.


def losses(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """How many events were lost, by each line in the log."""
    return [
        record.args[0] for record in caplog.records if "handler was too slow" in record.msg and record.args
    ]


def test_events_beyond_the_room_of_a_slow_handler_are_lost_counted_and_logged(
    manager: EventManager, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    before, gate, handled = manager.hub.lost, threading.Event(), Queue[int]()

    def slow(number: int) -> None:
        gate.wait(PATIENCE)
        handled.put(number)

    keep("flood", slow)
    for number in range(EVENTS):
        manager.send("flood", number)
    until(lambda: manager.hub.lost - before == EVENTS - ROOM)
    until(lambda: sum(losses(caplog)) == EVENTS - ROOM)
    assert len(losses(caplog)) < 20, "a line for each second, not for each event"
    gate.set()
    assert {handled.get(timeout=PATIENCE) for _ in range(ROOM)} == set(range(ROOM))
    manager.send("flood", EVENTS)
    assert handled.get(timeout=PATIENCE) == EVENTS
    assert manager.hub.lost - before == EVENTS - ROOM


def test_coroutines_at_work_count_as_waiting_events_do(
    manager: EventManager, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    before, handled = manager.hub.lost, []

    async def flood() -> None:
        gate = asyncio.Event()

        async def slow(number: int) -> None:
            await gate.wait()
            handled.append(number)

        keep("flood", slow, run_on_main_loop=True)
        for number in range(EVENTS):
            await manager.asend("flood", number)
        while manager.hub.lost - before < EVENTS - ROOM:
            await asyncio.sleep(0.01)
        gate.set()
        while len(handled) < ROOM:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(flood(), PATIENCE))
    assert sorted(handled) == list(range(ROOM))
    until(lambda: sum(losses(caplog)) == EVENTS - ROOM)


def test_handler_that_fails_gives_its_room_back(manager: EventManager, keep: Keep) -> None:
    before, failed = manager.hub.lost, Queue[int]()

    def fail(number: int) -> None:
        failed.put(number)
        raise ValueError("a handler's own failure")

    keep("flood", fail)
    for number in range(3 * ROOM):
        manager.send("flood", number)
        failed.get(timeout=PATIENCE)
    assert manager.hub.lost == before


def test_slow_handler_costs_others_nothing(manager: EventManager, keep: Keep) -> None:
    gate, handled = threading.Event(), Queue[int]()
    keep("flood", lambda number: gate.wait(PATIENCE))

    async def quick() -> list[int]:
        keep("flood", handled.put, run_on_main_loop=True)
        taken = []
        for number in range(3 * ROOM):
            await manager.asend("flood", number)
            taken.append(await asyncio.to_thread(handled.get, timeout=PATIENCE))
        return taken

    try:
        assert asyncio.run(quick()) == list(range(3 * ROOM))
    finally:
        gate.set()


def test_event_for_one_handler_alone_is_never_lost(manager: EventManager, keep: Keep) -> None:
    gate, handled = threading.Event(), Queue[int]()
    slow = keep("flood", lambda number: gate.wait(PATIENCE))
    for number in range(2 * ROOM):
        manager.send("flood", number)
    until(lambda: slow.lost)
    manager.register_handler("flood", handled.put)
    manager.send("flood", -1)
    gate.set()
    assert handled.get(timeout=PATIENCE) == -1


def test_sends_that_nobody_waits_for_are_bounded(
    manager: EventManager, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "_room_to_send", Semaphore(ROOM))
    handled = Queue[int]()
    keep("flood", handled.put)

    async def flood() -> int:
        for sent in range(FLOOD):
            try:
                manager.send("flood", sent)
            except Unavailable:
                return sent
        return FLOOD

    assert ROOM <= asyncio.run(flood()) < FLOOD
    until(lambda: handled.qsize() >= ROOM)
    asyncio.run(asyncio.wait_for(manager.asend("flood", -1), PATIENCE))


# A client and a server


@pytest.mark.server
def test_process_answers_while_a_client_floods_it() -> None:
    """A handler takes them as they come, and another one does not."""
    with Server({"METHOD_MODULES": ["tests.service.realtime", "tests.attacks.methods"]}) as server:
        server.call("rt.acollect", event="flood")
        server.call("attacks.collect_slowly", event="flood")
        before = server.stats()["rss"]
        with ThreadPoolExecutor(1) as client:
            flood = client.submit(flooded, server)
            waits = []
            while not flood.done():
                begun = time.monotonic()
                assert server.call("rt.echo", a=1) == {"a": 1}
                waits.append(time.monotonic() - begun)
                time.sleep(0.05)
            assert flood.result() <= {"sent", 1104}
        assert max(waits) < PATIENCE
        assert server.stats()["rss"] - before < 300 * MEGABYTE
        until(lambda: "were lost" in server.said())  # By the handler, or on the way to it.
        assert server.call("rt.echo", a=2) == {"a": 2}


def flooded(server: Server) -> set[Any]:
    """Send until some are lost. Who sends is answered that they did, or that there is no room."""
    answers = set()
    deadline = time.monotonic() + 4 * PATIENCE
    for number in itertools.count(1):
        answer = server.ask("rt.send_many", event="flood", count=AT_ONCE)
        answers.add("sent" if "result" in answer else answer["error"]["code"])
        if number * AT_ONCE >= FLOOD and server.stats()["lost"]:
            break
        assert time.monotonic() < deadline, "nothing was lost"
        time.sleep(0.1)
    return answers
