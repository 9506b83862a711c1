"""Calls that are answered at once: public, signed, in batches; and states of sessions that count."""

import asyncio
import random
from collections.abc import Iterator

from benchmarks.soak.load import Kind
from benchmarks.soak.world import PASSWORD, World, check
from toto_django.client import Session

__all__ = ["Calls", "Counters"]

MEMBERS = 20
COUNTING = 5
AT_ONCE = 4


class Calls:
    def __init__(self, world: World) -> None:
        self.world = world

    def kinds(self) -> Iterator[Kind]:
        yield Kind("public, async def", 20, lambda: self.call("public, async def", "soak.add"))
        yield Kind("public, plain def", 10, lambda: self.call("public, plain def", "soak.plain"))
        yield Kind("signed, async def", 15, lambda: self.signed("signed, async def", "soak.signed"))
        yield Kind("signed, plain def", 10, lambda: self.signed("signed, plain def", "soak.signed_plain"))
        yield Kind("a query", 3, self.query)
        yield Kind("batch of 20", 2, self.batch)

    async def call(self, kind: str, method: str) -> None:
        a, b = random.randrange(1000), random.randrange(1000)
        client = self.world.client(codec=self.world.any_codec())
        with self.world.timed(kind):
            check(await client.call(method, {"a": a, "b": b}), {"sum": a + b})

    async def signed(self, kind: str, method: str) -> None:
        a, b, session = random.randrange(1000), random.randrange(1000), self.world.any_session()
        client = self.world.client(session=session, codec=self.world.any_codec())
        with self.world.timed(kind):
            result = await client.call(method, {"a": a, "b": b})
        check(result, {"sum": a + b, "user_id": session.user_id})

    async def query(self) -> None:
        with self.world.timed("a query"):
            check(await self.world.client().call("soak.query"), {"users": 0})

    async def batch(self) -> None:
        session = self.world.any_session()
        client = self.world.client(session=session, codec=self.world.any_codec())
        methods = ["soak.add", "soak.plain", "soak.signed", "soak.signed_plain"]
        with self.world.timed("batch of 20"):
            async with client.batch() as batch:
                members = [
                    batch.call(methods[number % len(methods)], {"a": number, "b": 1})
                    for number in range(MEMBERS)
                ]
        check([member.result()["sum"] for member in members], list(range(1, MEMBERS + 1)))


class Counters:
    """Sessions whose state is a counter; several increments at once, in all processes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions: list[Session] = []
        self.counted = 0
        """Increments that were acknowledged."""
        self.unknown = 0
        """Those that failed: they may have counted or not."""
        self.wrong = 0
        """Increments that were lost, or counted twice."""

    async def log_in(self) -> None:
        names = [f"counter-{number}" for number in range(COUNTING)]
        self.sessions += await asyncio.gather(*(self.world.client().create(name, PASSWORD) for name in names))

    def kinds(self) -> Iterator[Kind]:
        yield Kind("counter", 2, self.count)

    async def count(self) -> None:
        session = random.choice(self.sessions)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._increment(session))

    async def _increment(self, session: Session) -> None:
        method = random.choice(("soak.increment", "soak.aincrement"))
        try:
            with self.world.timed("counter"):
                await self.world.client(session=session).call(method)
        except Exception as error:
            self.unknown += 1
            self.world.outcomes["counter"].fail(error)
        else:
            self.counted += 1

    async def settle(self) -> None:
        """Compare the sums: between those that were acknowledged, and the unknown ones with them."""
        sums = [await self.world.client(session=session).call("soak.count") for session in self.sessions]
        total = sum(sums)
        self.wrong = max(0, self.counted - total) + max(0, total - self.counted - self.unknown)
