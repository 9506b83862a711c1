"""Events between processes: for sockets that follow, for long-polls, and for one process alone."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.soak.filling import FILLING
from benchmarks.soak.ledger import Ledger, Subscription
from benchmarks.soak.load import Kind
from benchmarks.soak.service.listeners import ERRAND
from benchmarks.soak.world import PATIENCE, World, Wrong, until
from toto_django.client import CallTimeout, Socket, TimedOut

__all__ = ["Errands", "Followers", "LongPolls"]

NEWS = "soak.news"
QUEUE = 10_000
CROWD = 40
"""Long-polls of each process that are woken together."""


def _send_method() -> str:
    return random.choice(("soak.send", "soak.asend"))


class Followers:
    """Web sockets that come and go, and get each event while they are there once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()

    def kinds(self) -> Iterator[Kind]:
        yield Kind("sent event", 4, self.send)
        yield Kind("following socket", 0.6, self.follow)

    async def send(self) -> None:
        number = self.ledger.begin()
        args = {"number": number, "at": time.monotonic()}
        with self.world.timed("sent event"):
            await self.world.client().call(_send_method(), {"event": NEWS, "args": args})
        self.ledger.sent(number)

    async def follow(self) -> None:
        client = self.world.client(session=self.world.any_session(), codec=self.world.any_codec())
        async with client.socket(max_queue=QUEUE) as socket:
            with self.world.timed("following socket"):
                await socket.call("soak.follow", {"event": NEWS})
            subscription = self.ledger.subscribe()
            reading = asyncio.create_task(self._read(socket, subscription))
            try:
                await self.world.pause(random.uniform(5, 40))
                subscription.leave()
                await self._wait_for(subscription, reading)
            finally:
                subscription.close()
                reading.cancel()
                await asyncio.wait([reading])
        if not reading.cancelled():
            raise reading.exception() or Wrong("the socket was closed")

    async def _read(self, socket: Socket, subscription: Subscription) -> None:
        async for message in socket.messages():
            subscription.receive(message.data["number"])
            self.world.outcomes["event at a socket"].seconds.append(time.monotonic() - message.data["at"])

    async def _wait_for(self, subscription: Subscription, reading: asyncio.Task[None]) -> None:
        deadline = time.monotonic() + PATIENCE
        while subscription.missing and not reading.done() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)


class LongPolls:
    """Calls that wait, each in a process of its choice, and are woken from any."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.woken = self.lost = self.doubled = 0
        self._numbers = itertools.count()
        self._unused: list[str] = []
        """Names of events that nobody waits for."""

    def kinds(self) -> Iterator[Kind]:
        yield Kind("long-poll", 2, self.poll)
        yield Kind("crowd of long-polls", 0.3, self.crowd, most=1)
        yield Kind("long-poll out of time", 0.5, self.time_out)

    async def poll(self) -> None:
        """Some events have a name of their own; others are waited for again and again."""
        number = next(self._numbers)
        event = self._unused.pop() if self._unused and number % 2 else f"soak.poll.{number}"
        await self._wake("long-poll", event, number, [random.choice(self.world.processes)])
        self._unused.append(event)
        del self._unused[10:]

    async def crowd(self) -> None:
        processes = [process for process in self.world.processes for _ in range(CROWD)]
        await self._wake("crowd of long-polls", "soak.crowd", next(self._numbers), processes, pause=2)

    async def time_out(self) -> None:
        event = f"soak.nothing.{next(self._numbers)}"
        try:
            with self.world.timed("long-poll out of time"):
                parameters = {"event": event, "timeout": 0.5}
                await self.world.client(waits=True).call("soak.await", parameters)
        except TimedOut:
            return
        raise Wrong("an event that nobody sent")

    async def _wake(self, kind: str, event: str, number: int, processes: list[int], pause: float = 0) -> None:
        """Send this number to one call in each of the processes, once all wait."""
        waiting = [asyncio.create_task(self._wait(process, event)) for process in processes]
        try:
            for process in set(processes):
                await self._until_waiting(process, event, processes.count(process), waiting)
            await self.world.pause(pause)
            began = time.monotonic()
            await self.world.client().call(_send_method(), {"event": event, "args": number})
            for task in waiting:
                self._took(await task, number)
            self.world.outcomes[kind].seconds.append(time.monotonic() - began)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _wait(self, process: int, event: str) -> Any:
        """The event; None where it does not come."""
        method = random.choice(("soak.wait", "soak.await"))
        session = random.choice([None, self.world.any_session()])
        client = self.world.client(process, session=session, waits=True)
        try:
            return await client.call(method, {"event": event}, timeout=2 * PATIENCE)
        except CallTimeout:
            return None

    async def _until_waiting(
        self, process: int, event: str, count: int, tasks: list[asyncio.Task[Any]]
    ) -> None:
        """Raises what one of the tasks does."""
        client = self.world.client(process)

        async def all_wait() -> bool:
            for task in tasks:
                if task.done():
                    raise Wrong(f"{task.result()!r:.100} before an event was sent")
            waiting: int = await client.call("soak.waiting", {"event": event})
            return waiting == count

        await until(all_wait, f"{count} calls that wait for {event}")

    def _took(self, got: Any, number: int) -> None:
        if got is None:
            self.lost += 1
        elif got != number:
            self.doubled += 1
        else:
            self.woken += 1


class Errands:
    """Events that one process gets, whichever."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()
        self.subscription = self.ledger.subscribe()

    def kinds(self) -> Iterator[Kind]:
        yield Kind("errand", 1, self.send)
        yield Kind("done errands", 0.2, self.collect, most=1)

    async def send(self) -> None:
        number = self.ledger.begin()
        parameters = {"event": ERRAND, "args": number, "broadcast": False}
        with self.world.timed("errand"):
            await self.world.client().call(_send_method(), parameters)
        self.ledger.sent(number)

    async def collect(self) -> None:
        for process in self.world.processes:
            for number in await self.world.client(process).call("soak.errands"):
                if number != FILLING:
                    self.subscription.receive(number)

    async def settle(self) -> None:
        """Wait for those that are under way."""
        self.subscription.leave()
        deadline = time.monotonic() + PATIENCE
        await self.collect()
        while self.subscription.missing and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            await self.collect()
        self.subscription.close()
