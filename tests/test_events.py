"""EventManager in one process, with the layer in memory (docs/protocol.md section 11)."""

import asyncio
import datetime
import decimal
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.dispatch import Signal
from django.test import override_settings

from tests.calls import Service
from tests.realtime import PATIENCE, until
from toto_django import hub
from toto_django.events import EventManager, Registration
from toto_django.exceptions import ServerError
from toto_django.hub import Hub
from toto_django.registry import Method

Register = Callable[..., Method]
Toto = Callable[..., None]
Keep = Callable[..., Registration]
Arrived = Queue[Any]

NAMES = ["plain", "é☃😀", "x" * 10_000, "", "\0", "a b/c.d!", "\ud800"]
PAYLOADS: list[Any] = [
    *(None, "", 0, False, 1.5, [], {}, [1, [2]], {"a": {"b": None}}, {1: 2}, "é☃😀", "\0", 2**80, -(2**64)),
    *(b"", b"\x00\xff", (1, 2), {1, 2}, decimal.Decimal("1.50"), uuid.UUID(int=5)),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc),  # noqa: UP017
]


@pytest.fixture
def manager() -> Iterator[EventManager]:
    """The process's; the test must take back what it registers."""
    manager = EventManager.instance()
    assert manager.count_handlers() == 0
    yield manager
    until(lambda: manager.count_handlers() == 0)


@pytest.fixture
def arrived() -> Arrived:
    return Queue()


@pytest.fixture
def keep(manager: EventManager) -> Iterator[Keep]:
    """Registers a handler until the test ends."""
    kept: list[Registration] = []

    def register(name: str, handler: Any, **options: Any) -> Registration:
        kept.append(manager.register_handler(name, handler, **options))
        return kept[-1]

    yield register
    for registration in kept:
        manager.remove_handler(registration)


def taken(arrived: Arrived, count: int = 1) -> list[Any]:
    """So many payloads; more must not have come."""
    found = [arrived.get(timeout=PATIENCE) for _ in range(count)]
    with pytest.raises(Empty):
        arrived.get(timeout=0.1)
    return found


# Senders


def test_send_from_a_plain_function(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    keep("event", arrived.put)
    manager.send("event", 1)
    assert taken(arrived) == [1]


def test_send_from_threads(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    keep("event", arrived.put, persist=True)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: manager.send("event", number), range(200)))
    assert sorted(taken(arrived, 200)) == list(range(200))


def test_send_from_a_signal(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    signal = Signal()

    def receive(**kwargs: Any) -> None:
        manager.send("event", kwargs["value"])

    signal.connect(receive)
    keep("event", arrived.put, persist=True)
    signal.send(None, value=1)
    asyncio.run(signal.asend(None, value=2))
    assert sorted(taken(arrived, 2)) == [1, 2]


def test_send_on_an_event_loop(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    async def send() -> None:
        await manager.asend("event", 1)
        manager.send("event", 2)

    keep("event", arrived.put, persist=True)
    asyncio.run(send())
    asyncio.run(manager.asend("event", 3))
    assert sorted(taken(arrived, 3)) == [1, 2, 3]


def test_send_from_methods(
    service: Service,
    manager: EventManager,
    keep: Keep,
    arrived: Arrived,
    register: Register,
    without_signatures: None,
) -> None:
    async def acall(handler: Any, parameters: Any) -> Any:
        await manager.asend("event", 2)
        return {}

    def call(handler: Any, parameters: Any) -> Any:
        manager.send("event", 1)
        return {}

    keep("event", arrived.put, persist=True)
    register("test.plain", call)
    register("test.coroutine", acall)
    assert service.call("test.plain") == service.call("test.coroutine") == {"result": {}}
    assert sorted(taken(arrived, 2)) == [1, 2]


def test_handler_may_send_and_register(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    def handle(args: Any) -> None:
        keep("second", arrived.put)
        manager.send("second", args + 1)

    keep("first", handle)
    manager.send("first", 1)
    assert taken(arrived) == [2]


def test_event_that_nobody_waits_for_is_gone(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    manager.send("event", 1)
    manager.send("event", 1, broadcast=False)
    keep("event", arrived.put)
    manager.send("event", 2)
    assert taken(arrived) == [2]


def test_event_to_one_waits_for_a_process_that_is_slow_to_offer(
    manager: EventManager, keep: Keep, arrived: Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = Hub._offer

    async def offer_late(hub: Hub, message: Any) -> None:
        await asyncio.sleep(0.5)
        await offer(hub, message)

    monkeypatch.setattr(Hub, "_offer", offer_late)
    monkeypatch.setattr("toto_django.hub.OFFER_SECONDS", (0.01,))
    keep("event", arrived.put)
    manager.send("event", 1, broadcast=False)
    assert arrived.empty()
    assert taken(arrived) == [1]


# Handlers


def test_handler_is_called_once(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    keep("event", arrived.put)
    keep("event", arrived.put)
    for number in range(3):
        manager.send("event", number)
    assert taken(arrived, 2) == [0, 0]
    assert manager.count_handlers() == 0


def test_persistent_handler_is_called_each_time(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    registration = keep("event", arrived.put, persist=True)
    for number in range(3):
        manager.send("event", number, broadcast=number != 1)
        assert taken(arrived) == [number]
    manager.remove_handler(registration)
    manager.remove_handler(registration)
    assert manager.count_handlers() == 0
    manager.send("event", 3)
    assert arrived.empty()


def test_other_events_are_not_heard(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    keep("event", arrived.put)
    for name in ("Event", "event ", "even", ""):
        manager.send(name, 1)
    manager.send("event", 2)
    assert taken(arrived) == [2]


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize("on_loop", [False, True])
def test_where_a_handler_runs(manager: EventManager, is_coroutine: bool, on_loop: bool) -> None:
    seen: Queue[Any] = Queue()

    def plain(args: Any) -> None:
        seen.put(threading.current_thread())

    async def coroutine(args: Any) -> None:
        await asyncio.sleep(0)
        seen.put(threading.current_thread())

    async def wait() -> threading.Thread:
        manager.register_handler("event", coroutine if is_coroutine else plain, run_on_main_loop=on_loop)
        await asyncio.sleep(0.1)
        await manager.asend("event")
        found: threading.Thread = await asyncio.to_thread(seen.get, timeout=PATIENCE)
        return found

    assert (asyncio.run(wait()) is threading.current_thread()) == on_loop


def test_main_loop_where_there_is_none_is_a_thread(
    manager: EventManager, keep: Keep, arrived: Arrived
) -> None:
    keep("event", arrived.put, run_on_main_loop=True)
    manager.send("event", 1)
    assert taken(arrived) == [1]


def test_handler_of_a_loop_that_ended_is_skipped(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    async def register() -> None:
        keep("event", arrived.put, run_on_main_loop=True, persist=True)
        await asyncio.sleep(0.1)

    asyncio.run(register())
    manager.send("event", 1)
    keep("event", arrived.put)
    manager.send("event", 2)
    assert taken(arrived) == [2]


@pytest.mark.parametrize("on_loop", [False, True])
def test_handler_that_fails_hurts_nobody(
    manager: EventManager, keep: Keep, arrived: Arrived, caplog: Any, on_loop: bool
) -> None:
    def fail(args: Any) -> None:
        raise ValueError("plain failure")

    async def afail(args: Any) -> None:
        raise ValueError("coroutine failure")

    async def run() -> None:
        for handler in (fail, afail, arrived.put):
            keep("event", handler, run_on_main_loop=on_loop, persist=True)
        await asyncio.sleep(0.1)
        for number in range(2):
            await manager.asend("event", number)
            assert await asyncio.to_thread(arrived.get, timeout=PATIENCE) == number

    asyncio.run(run())
    until(lambda: all(caplog.text.count(f"{kind} failure") >= 2 for kind in ("plain", "coroutine")))
    assert {record.name for record in caplog.records} == {"toto_django"}


def test_waiter_stays_joined_while_others_come_and_go(
    manager: EventManager, keep: Keep, arrived: Arrived
) -> None:
    def come_and_go(_: int) -> None:
        for _ in range(50):
            manager.remove_handler(manager.register_handler("event", print))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(come_and_go, range(8)))
            going = [threads.submit(come_and_go, 0) for _ in range(8)]
            keep("event", arrived.put)
            for one in going:
                one.result(PATIENCE)
    finally:
        sys.setswitchinterval(before)
    manager.send("event", 1, broadcast=False)
    assert taken(arrived) == [1]


class SlowLayer(InMemoryChannelLayer):
    """Leaving a group takes its time, as over a network."""

    async def group_discard(self, group: str, channel: str) -> None:
        await asyncio.sleep(0.1)
        await super().group_discard(group, channel)


def test_group_that_is_joined_while_others_are_left_is_kept(
    manager: EventManager, arrived: Arrived, keep: Keep, monkeypatch: Any
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(hub, "LINGER_SECONDS", 0.1)
    names = [f"event {number}" for number in range(10)]
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": f"{__name__}.SlowLayer"}}):
        registrations = [manager.register_handler(name, print) for name in names]
        for registration in registrations:
            manager.remove_handler(registration)
        own = manager.hub
        until(lambda: len(own.submit(own.groups()).result(PATIENCE)) < len(names))
        for name in names:
            keep(name, arrived.put)
        time.sleep(1.5)  # As long as leaving them all would take.
        for name in names:
            manager.send(name, name)
        assert sorted(taken(arrived, len(names))) == names


# Names and payloads


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:10]))
@pytest.mark.parametrize("broadcast", [True, False])
def test_any_name(manager: EventManager, keep: Keep, arrived: Arrived, name: str, broadcast: bool) -> None:
    keep(name, arrived.put)
    manager.send(name, 1, broadcast)
    assert taken(arrived) == [1]


@pytest.mark.parametrize("args", PAYLOADS, ids=repr)
def test_any_payload(manager: EventManager, keep: Keep, arrived: Arrived, args: Any) -> None:
    keep("event", arrived.put)
    manager.send("event", args)
    [found] = taken(arrived)
    assert (found, type(found)) == (args, type(args))


def test_receivers_do_not_share_the_senders_object(
    manager: EventManager, keep: Keep, arrived: Arrived
) -> None:
    args = {"a": [1]}
    keep("event", arrived.put)
    manager.send("event", args)
    args["a"].append(2)
    assert taken(arrived) == [{"a": [1]}]


@pytest.mark.parametrize(
    "args", [object(), {"a": [print]}, [ValueError()]], ids=["object", "nested", "error"]
)
def test_payload_that_cannot_be_carried_is_an_error(manager: EventManager, args: Any) -> None:
    with pytest.raises(ServerError, match="The event cannot carry this"):
        manager.send("event", args)
    with pytest.raises(ServerError, match="The event cannot carry this"):
        asyncio.run(manager.asend("event", args))


def test_payload_without_end_is_an_error(manager: EventManager) -> None:
    args: list[Any] = []
    args.append(args)
    with pytest.raises(ServerError):
        manager.send("event", args)


# Setting up


def test_init_modules_are_invoked_once(toto: Toto, monkeypatch: Any) -> None:
    module = types.ModuleType("made_up_events")
    invoked: list[EventManager] = []
    vars(module)["invoke"] = invoked.append
    monkeypatch.setitem(sys.modules, "made_up_events", module)
    toto(EVENT_INIT_MODULES=["made_up_events"])
    manager = EventManager()
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            threads.submit(manager.set_up)
    assert invoked == [manager]


def test_changed_layers_make_another_hub(manager: EventManager, keep: Keep, arrived: Arrived) -> None:
    before = manager.hub
    keep("event", arrived.put, persist=True)
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": f"{__name__}.SlowLayer"}}):
        assert manager.hub is not before
        manager.send("event", 1)
        assert taken(arrived) == [1]
    assert manager.hub is not before
    manager.send("event", 2)
    assert taken(arrived) == [2]
