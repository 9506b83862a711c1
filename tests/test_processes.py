"""Events between processes over Redis, while processes and Redis die (docs/protocol.md section 11)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.calls import error_of
from tests.realtime import HERE, ROOT, Server, Waiting, until
from tests.servers.base import needs
from tests.servers.redis import RedisServer

pytestmark = needs(RedisServer)

QUIET = 3.0
"""Seconds in which something must not happen."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def broker(stack: ExitStack) -> RedisServer:
    return stack.enter_context(RedisServer())


@pytest.fixture
def pair(stack: ExitStack, broker: RedisServer) -> tuple[Server, Server]:
    """Two server processes."""
    return start(stack, broker), start(stack, broker)


def start(stack: ExitStack, broker: RedisServer, **toto: Any) -> Server:
    server = stack.enter_context(Server(toto, broker.layers))
    server.stats()
    return server


def parked(server: Server, event: str, count: int = 1) -> list[Waiting]:
    """Clients that wait, and have arrived."""
    before = server.stats()["handlers"]
    waiting = [server.wait("rt.wait", event=event) for _ in range(count)]
    server.until_handlers(before + count)
    until(lambda: server.stats()["joining"] == 0)
    return waiting


def answers(waiting: list[Waiting]) -> list[Any]:
    return [one.answer() for one in waiting]


def got(args: Any) -> dict[str, Any]:
    return {"result": {"got": args}}


@pytest.mark.parametrize("method", ["rt.send", "rt.asend"])
def test_broadcast_reaches_the_waiters_of_both(pair: tuple[Server, Server], method: str) -> None:
    one, two = pair
    for sender in (one, two):
        waiting = parked(one, "all", 3) + parked(two, "all", 3)
        assert sender.call(method, event="all", args=["é", 2**80]) == {"sent": True}
        assert answers(waiting) == [got(["é", 2**80])] * 6
    assert [server.stats()["handlers"] for server in pair] == [0, 0]


def test_waiter_elsewhere_needs_none_here(pair: tuple[Server, Server]) -> None:
    one, two = pair
    waiting = parked(two, "there")
    one.call("rt.send", event="there", args=1)
    assert answers(waiting) == [got(1)]


@pytest.mark.parametrize(
    "name", ["", "\0", "é☃😀", "a b/c", "x" * 10_000], ids=["empty", "nul", "é", "/", "long"]
)
def test_any_name(pair: tuple[Server, Server], name: str) -> None:
    one, two = pair
    waiting = parked(two, name)
    one.call("rt.send", event=name, args=1)
    assert answers(waiting) == [got(1)]


def test_event_of_no_waiter_is_gone(pair: tuple[Server, Server]) -> None:
    one, two = pair
    one.call("rt.send", event="early", args=1)
    waiting = parked(two, "early")
    one.call("rt.send", event="early", args=2)
    assert answers(waiting) == [got(2)]


# To one process only


def reached(pair: tuple[Server, Server], event: str) -> list[int]:
    """How many events of each process's `rt.collect` have come."""
    return [server.journal().count(event) for server in pair]


def test_event_to_one_reaches_exactly_one_in_rotation(pair: tuple[Server, Server]) -> None:
    for server in pair:
        server.call("rt.collect", event="one")
    for number in range(1, 11):
        pair[number % 2].call("rt.send", event="one", args="one", broadcast=False)
        until(lambda number=number: sum(reached(pair, "one")) >= number)
    time.sleep(QUIET)
    first, second = reached(pair, "one")
    assert first + second == 10
    assert min(first, second) >= 2, "both take part"


def test_event_to_one_reaches_one_of_those_that_wait(pair: tuple[Server, Server]) -> None:
    """A process whose waiters have left meanwhile takes nothing away from the others."""
    one, two = pair
    for number in range(6):
        waiting = parked(one, "left")
        two.call("rt.send", event="left", args=number)
        assert answers(waiting) == [got(number)]
        waiting = parked(two, "left")
        one.call("rt.send", event="left", args=number, broadcast=False)
        assert answers(waiting) == [got(number)]


def test_event_to_one_wakes_all_waiters_of_one_process(pair: tuple[Server, Server]) -> None:
    one, two = pair
    waiting = parked(two, "one", 3)
    one.call("rt.send", event="one", args=1, broadcast=False)
    assert answers(waiting) == [got(1)] * 3


# Many


def test_events_of_one_sender_arrive_in_order_and_none_is_missed(pair: tuple[Server, Server]) -> None:
    one, two = pair
    two.call("rt.acollect", event="many")
    one.call("rt.send_many", event="many", count=1000)
    until(lambda: len(two.journal()) >= 1000)
    assert sorted(two.journal()) == list(range(1000))
    assert two.journal() == list(range(1000))
    assert two.stats()["lost"] == 0
    assert "were lost" not in two.said()


def test_quiet_server_goes_on_waiting(pair: tuple[Server, Server]) -> None:
    """Longer than a blocking read of the layer."""
    one, two = pair
    waiting = parked(two, "quiet")
    time.sleep(7)
    one.call("rt.send", event="quiet", args=1)
    assert answers(waiting) == [got(1)]
    assert [server.stats()["outages"] for server in pair] == [0, 0]


def test_default_configuration_of_the_layer_notices_no_outage(stack: ExitStack, broker: RedisServer) -> None:
    layers = broker.layers
    layers["default"]["CONFIG"] = {"hosts": [["127.0.0.1", broker.port]]}
    server = stack.enter_context(Server(layers=layers))
    waiting = parked(server, "quiet")
    time.sleep(7)
    server.call("rt.send", event="quiet", args=1)
    assert answers(waiting) == [got(1)]


# Deaths


def test_killed_process_does_not_disturb_the_other(stack: ExitStack, broker: RedisServer) -> None:
    one = start(stack, broker)
    two = start(stack, broker)
    lost, kept = parked(one, "shared", 5), parked(two, "shared", 5)
    one.kill()
    for waiting in lost:
        with pytest.raises((OSError, json.JSONDecodeError)):
            waiting.answer()
    two.until_handlers(5)
    two.call("rt.send", event="shared", args=1)
    assert answers(kept) == [got(1)] * 5
    kept = parked(two, "shared", 5)
    three = start(stack, broker)
    kept += parked(three, "shared", 5)
    three.call("rt.send", event="shared", args=2)
    assert answers(kept) == [got(2)] * 10
    for number in range(4):
        kept = parked(two, "one")
        three.call("rt.send", event="one", args=number, broadcast=False)
        assert answers(kept) == [got(number)]


def test_restarted_redis_delivers_the_first_event_to_all(stack: ExitStack, broker: RedisServer) -> None:
    pair = start(stack, broker, EVENT_TIMEOUT=10), start(stack, broker, EVENT_TIMEOUT=10)
    for sender in pair:
        waiting = [client for server in pair for client in parked(server, "outage", 5)]
        broker.stop()
        time.sleep(1)
        broker.start()
        assert sender.call("rt.send", event="outage", args=1) == {"sent": True}
        assert answers(waiting) == [got(1)] * 10


def test_clients_that_come_during_an_outage_wait_for_its_end(
    pair: tuple[Server, Server], broker: RedisServer
) -> None:
    one, two = pair
    parked_before = parked(one, "outage")
    broker.stop()
    waiting = [one.wait("rt.wait", event="outage"), two.wait("rt.wait", event="outage"), *parked_before]
    one.until_handlers(2)
    two.until_handlers(1)
    broker.start()
    one.call("rt.send", event="outage", args=1)
    assert answers(waiting) == [got(1)] * 3


@pytest.mark.parametrize("method", ["rt.send", "rt.asend"])
@pytest.mark.parametrize("broadcast", [True, False])
def test_event_sent_during_an_outage_is_an_error(
    stack: ExitStack, broker: RedisServer, method: str, broadcast: bool
) -> None:
    server = start(stack, broker, EVENT_TIMEOUT=1)
    server.call("rt.send", event="before")
    broker.stop()
    for _ in range(2):
        answer = server.ask(method, event="x", broadcast=broadcast)
        assert error_of(answer) == (1104, "Temporarily unavailable")
    assert server.call("rt.echo", a=1) == {"a": 1}


def test_outage_is_logged_once(pair: tuple[Server, Server], broker: RedisServer) -> None:
    one, two = pair
    waiting = parked(one, "outage") + parked(two, "outage")
    broker.stop()
    time.sleep(QUIET)
    broker.start()
    until(lambda: all("answers again" in server.said() for server in pair))
    one.call("rt.send", event="outage", args=1)
    assert answers(waiting) == [got(1)] * 2
    for server in pair:
        assert server.said().count("does not answer") == 1
        assert len(server.said().splitlines()) < 200
        assert "Task exception was never retrieved" not in server.said()


def test_server_starts_while_redis_is_away(stack: ExitStack, broker: RedisServer) -> None:
    broker.stop()
    server = start(stack, broker, EVENT_TIMEOUT=10)
    waiting = server.wait("rt.wait", event="late")
    server.until_handlers(1)
    broker.start()
    server.call("rt.send", event="late", args=1)
    assert waiting.answer() == got(1)


# Scripts

SCRIPT = """
import sys
import django
django.setup()
from toto_django.events import EventManager
for number in range(3):
    EventManager.instance().send("script", number)
EventManager.instance().send("done", sys.argv[1])
"""


def test_script_sends_events(pair: tuple[Server, Server], broker: RedisServer) -> None:
    one, two = pair
    for server in pair:
        server.call("rt.acollect", event="script")
    waiting = parked(one, "done") + parked(two, "done")
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.service.realtime_settings",
        "TOTO_TEST_TOTO": json.dumps(HERE),
        "TOTO_TEST_LAYERS": json.dumps(broker.layers),
    }
    script = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, "é"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (script.returncode, script.stdout, script.stderr) == (0, "", "")
    assert answers(waiting) == [got("é")] * 2
    assert [server.journal() for server in pair] == [[0, 1, 2]] * 2
