"""A bounded rate of requests of many kinds, for as long as asked."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.world import World, Wrong

__all__ = ["ENDING", "LAG", "Kind", "Load"]

ENDING = 45.0
"""Seconds within which everything that is under way has to end when the load does."""
CANCELLING = 5.0
LATE = 1.0
LAG = "(the clients' own lag)"
TICK = 0.1
LEVELS = 5


@dataclass(frozen=True)
class Kind:
    """``action`` is begun ``rate`` times a second, by chance, unless ``most`` are under way.

    With ``most`` 1 they are meant to come one after another.
    """

    name: str
    rate: float
    action: Callable[[], Awaitable[None]]
    most: int = 40


class Load:
    """All kinds at once. What they raise is kept in the world's outcomes."""

    def __init__(self, world: World, kinds: Sequence[Kind], scale: float = 1.0) -> None:
        self.world = world
        self.kinds = kinds
        self.scale = scale

    async def run(self, seconds: float) -> None:
        """Return when everything that was begun has ended."""
        self.world.over.clear()
        until = time.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                for kind in self.kinds:
                    group.create_task(self._begin(kind, until))
                group.create_task(self._end(until))
        finally:
            self.world.over.set()

    async def _end(self, until: float) -> None:
        """Until then, note how late this event loop is: what clients measure includes it."""
        while time.monotonic() < until:
            began = time.monotonic()
            await asyncio.sleep(TICK)
            self.world.outcomes[LAG].seconds.append(time.monotonic() - began - TICK)
        self.world.over.set()

    async def _begin(self, kind: Kind, until: float) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            due = time.monotonic()
            while (due := self._next(kind, due)) < until:
                await asyncio.sleep(due - time.monotonic())
                if len(running) >= kind.most:
                    self.world.outcomes[kind.name].skipped += kind.most > 1
                    continue
                running.add(task := asyncio.create_task(self._once(kind)))
                task.add_done_callback(running.discard)
            if running:
                await asyncio.wait(running, timeout=until + ENDING - time.monotonic())
            for task in running:
                self.world.outcomes[kind.name].fail(Wrong(f"it does not end; {_where(task)}"))
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=CANCELLING)

    def _next(self, kind: Kind, due: float) -> float:
        """When another one is due after this one. A moment is caught up with, and no more."""
        return max(due + random.expovariate(kind.rate * self.scale), time.monotonic() - LATE)

    async def _once(self, kind: Kind) -> None:
        try:
            await kind.action()
        except Exception as error:
            self.world.outcomes[kind.name].fail(error)


def _where(task: asyncio.Task[None]) -> str:
    """What a task that is under way waits for."""
    found, waits = [], task.get_coro()
    while (frame := getattr(waits, "cr_frame", None) or getattr(waits, "ag_frame", None)) is not None:
        found.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        waits = getattr(waits, "cr_await", None) or getattr(waits, "ag_await", None)
    return f"it waits in {' > '.join(found[-LEVELS:])} for {type(waits).__name__}"
