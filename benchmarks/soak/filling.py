"""Before the load: every pool of threads and connections is filled, so that none of them grows later."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from benchmarks.soak.service.listeners import ERRAND
from benchmarks.soak.world import PASSWORD, World

__all__ = ["FILLING", "fill"]

NOTHING = b"{"
CLAIMS = 200
"""More than a process has connections to Redis."""
FILLING = -1
"""The number of errands that do not count."""


async def fill(world: World, at_once: int) -> None:
    """So many calls of each kind at once, in each process."""
    numbers = itertools.count()

    async def slow(process: int) -> None:
        await world.client(process).call("soak.slow_plain", {"seconds": 0.05})

    async def query(process: int) -> None:
        await world.client(process).call("soak.query")

    async def signed(process: int) -> None:
        client = world.client(process, session=world.any_session())
        await client.call("soak.signed_plain", {"a": 1, "b": 2})

    async def login(process: int) -> None:
        session = world.sessions[next(numbers) % len(world.sessions)]
        await world.client(process).login(session.user_id, PASSWORD)

    async def wait(process: int) -> None:
        names = [f"soak.filling.{next(numbers)}" for _ in range(at_once)]
        await world.client(process).call("soak.await_many", {"events": names, "timeout": 0.5})

    async def send(process: int) -> None:
        await world.client(process).call("soak.asend", {"event": ERRAND, "args": FILLING})

    async def refused(process: int) -> None:
        await world.http.post(world.urls[process], content=NOTHING)

    for process in world.processes:
        await world.client(process).call("soak.claim_many", {"count": CLAIMS})
    kinds: list[Callable[[int], Awaitable[None]]] = [slow, query, signed, login, wait, send, refused]
    for kind in kinds:
        await asyncio.gather(*(kind(process) for process in world.processes for _ in range(at_once)))
