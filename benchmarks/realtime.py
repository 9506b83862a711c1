"""Clients that vanish while they wait, and events on their way to another process."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import connect

from benchmarks.machine import use_all_cores
from benchmarks.options import Options
from benchmarks.tables import Table
from benchmarks.waiting import Crowd, posted
from tests.realtime import Server
from tests.servers.redis import RedisServer

__all__ = ["tables"]

PATIENCE = 120.0
LINGER = 20.0
"""Seconds after which no group is kept that nobody waits for."""
QUIET = ("--no-access-log",)

Row = tuple[str, str]


def tables(options: Options) -> Iterator[Table]:
    use_all_cores()
    rows = [] if options.quick else vanishing(1000)
    if not RedisServer.reason():
        rows += asyncio.run(latency(100 if options.quick else 1000))
    notes = [f"Left out: events to another process: {RedisServer.reason()}."] if RedisServer.reason() else []
    yield Table(
        "Real time",
        ("clients and servers share the cores", "figure"),
        rows,
        ["Before, while they wait, and after they have left without an answer.", *notes],
    )


def until_handlers(server: Server, count: int) -> Any:
    """The server's figures once so many handlers are registered."""
    deadline = time.monotonic() + PATIENCE
    while (stats := server.stats())["handlers"] != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{stats['handlers']} handlers instead of {count}")
        time.sleep(0.2)
    return stats


def vanishing(count: int) -> list[Row]:
    """Clients that come and go without an answer, each waiting for an event of its own."""

    def waiting(*events: str) -> Crowd:
        return Crowd(server.port, [posted("/", "rt.wait", {"event": event}) for event in events])

    with Server({"MAX_ADDRESS_WAITERS": 2 * count}, options=QUIET) as server:
        until_handlers(server, 0)
        crowd = waiting("warm")  # Pools and modules are there afterwards.
        until_handlers(server, 1)
        crowd.leave()
        before = until_handlers(server, 0)
        crowd = waiting(*(f"vanish {number}" for number in range(count)))
        stats = until_handlers(server, count)
        crowd.leave()
        until_handlers(server, 0)
        time.sleep(LINGER)
        after = until_handlers(server, 0)
    names = ("handlers", "groups", "tasks", "files", "threads")
    title = f"{count:,} clients vanish: "
    return [(f"{title}{name}", figures(before, stats, after, name=name)) for name in names]


def figures(*stats: Any, name: str) -> str:
    values = [len(one[name]) if isinstance(one[name], list) else one[name] for one in stats]
    return " / ".join(f"{value:,}" for value in values)


async def latency(count: int) -> list[Row]:
    """From ``send`` in one process to the frame at a web socket of another."""
    with (
        RedisServer() as broker,
        Server(None, broker.layers, QUIET) as one,
        Server(None, broker.layers, QUIET) as two,
    ):
        for server in (one, two):
            await asyncio.to_thread(until_handlers, server, 0)
        async with (
            connect(f"ws://127.0.0.1:{one.port}/websocket") as sender,
            connect(f"ws://127.0.0.1:{two.port}/websocket") as receiver,
        ):
            await receiver.send(
                json.dumps({"id": 1, "method": "rt.subscribe", "parameters": {"event": "now"}})
            )
            await receiver.recv()
            seconds = []
            for _ in range(count):
                await sender.send(json.dumps({"method": "rt.send_now", "parameters": {"event": "now"}}))
                frame = json.loads(await asyncio.wait_for(receiver.recv(), PATIENCE))
                seconds.append(time.monotonic() - frame["event"])
    cuts = statistics.quantiles(seconds, n=100)
    return [
        (f"{count:,} events to another process: median", f"{1000 * cuts[49]:.1f} ms"),
        ("99 of 100 within", f"{1000 * cuts[98]:.1f} ms"),
    ]
