"""Web sockets that come, call, are sent messages, and go."""

import asyncio
from collections.abc import Iterator

from benchmarks.soak.load import Kind
from benchmarks.soak.world import World, check

__all__ = ["Sockets"]

CALLS = 8
MESSAGES = 10


class Sockets:
    def __init__(self, world: World) -> None:
        self.world = world

    def kinds(self) -> Iterator[Kind]:
        yield Kind("socket", 1.5, self.visit)

    async def visit(self) -> None:
        session = self.world.any_session()
        client = self.world.client(session=session, codec=self.world.any_codec())
        with self.world.timed("socket"):
            async with client.socket() as socket:
                calls = [socket.call("soak.add", {"a": number, "b": 1}) for number in range(CALLS)]
                results = await asyncio.gather(*calls)
                check([result["sum"] for result in results], list(range(1, CALLS + 1)))
                result = await socket.call("soak.signed", {"a": 1, "b": 2})
                check(result, {"sum": 3, "user_id": session.user_id})
                await socket.call("soak.push", {"count": MESSAGES})
                messages = socket.messages()
                check([(await anext(messages)).data for _ in range(MESSAGES)], list(range(MESSAGES)))
