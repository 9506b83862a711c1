"""Waiting requests and events of one server process and of two: `python -m benchmarks.realtime`.

Needs redis-server (Debian: apt-get install redis-server). The clients share the machine
with the servers, so the times are upper bounds.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Iterable
from typing import Any

from websockets.asyncio.client import connect

from tests.realtime import Server
from tests.servers.redis import RedisServer

PATIENCE = 120.0
AT_ONCE = 100
"""Connections that are being opened at a time."""
LINGER = 20.0
"""Seconds after which no group is kept that nobody waits for."""
QUIET = ("--no-access-log",)

Row = tuple[str, str]


class Client:
    """One connection with one call that waits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.woken_at = 0.0

    async def answer(self) -> Any:
        await self.reader.readuntil(b"\r\n\r\n")
        size = await self.reader.readline()  # The body is one chunk.
        body = await self.reader.readexactly(int(size, 16))
        self.woken_at = time.monotonic()
        return json.loads(body)

    def leave(self) -> None:
        self.writer.transport.abort()


async def waiting(port: int, events: Iterable[str]) -> list[Client]:
    """One client for each event, all of which have called."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def call(event: str) -> Client:
        async with turns:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = json.dumps({"method": "rt.wait", "parameters": {"event": event}})
            head = "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
            return Client(reader, writer)

    return await asyncio.gather(*map(call, events))


async def until_handlers(server: Server, count: int) -> Any:
    """The server's figures once so many handlers are registered."""
    deadline = time.monotonic() + PATIENCE
    while (stats := await asyncio.to_thread(server.stats))["handlers"] != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{stats['handlers']} handlers instead of {count}")
        await asyncio.sleep(0.2)
    return stats


async def one_event(count: int) -> list[Row]:
    """Many long-polls on one process, woken by one event."""
    with Server(options=QUIET) as server:
        before = await until_handlers(server, 0)
        clients = await waiting(server.port, ["all"] * count)
        stats = await until_handlers(server, count)
        answers = [asyncio.create_task(client.answer()) for client in clients]
        sent_at = time.monotonic()
        await asyncio.to_thread(server.call, "rt.send", event="all", args=1)
        woken = await asyncio.wait_for(asyncio.gather(*answers), PATIENCE)
        last = max(client.woken_at for client in clients) - sent_at
        after = await until_handlers(server, 0)
        for client in clients:
            client.leave()
    return [
        (f"{count:,} long-polls, one event: woken", f"{woken.count({'result': {'got': 1}}):,}"),
        ("the last one after", f"{last:.2f} s"),
        ("threads before, meanwhile, after", figures(before, stats, after, name="threads")),
        ("memory of one that waits", f"{(stats['rss'] - before['rss']) / count / 1024:.1f} KiB"),
    ]


async def vanishing(count: int) -> list[Row]:
    """Clients that come and go without an answer, each waiting for an event of its own."""
    with Server(options=QUIET) as server:
        await until_handlers(server, 0)
        for client in await waiting(server.port, ["warm"]):  # Pools and modules are there afterwards.
            await until_handlers(server, 1)
            client.leave()
        before = await until_handlers(server, 0)
        clients = await waiting(server.port, [f"vanish {number}" for number in range(count)])
        stats = await until_handlers(server, count)
        for client in clients:
            client.leave()
        await until_handlers(server, 0)
        await asyncio.sleep(LINGER)
        after = await until_handlers(server, 0)
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
            await until_handlers(server, 0)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=5000)
    parser.add_argument("--vanishing", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1000)
    options = parser.parse_args()
    if not RedisServer.is_available():
        sys.exit("redis-server is missing (Debian: apt-get install redis-server).")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = [
        *asyncio.run(one_event(options.waiting)),
        *asyncio.run(vanishing(options.vanishing)),
        *asyncio.run(latency(options.events)),
    ]
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| real time | figure |\n|---|---:|")
    for name, figure in rows:
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
