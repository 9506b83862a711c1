"""Look-ups that share a trip: what is asked for while one fetch is under way goes into the next."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

from toto_django.loops import PerLoop

__all__ = ["Coalescer"]

T = TypeVar("T")
Fetch = Callable[[Iterable[str]], Awaitable[Mapping[str, T]]]


class Coalescer(Generic[T]):
    """Turns look-ups of one key into fetches of at most ``limit``, one at a time on each event loop.

    A fetch starts after every look-up it answers, so it sees whatever was committed
    before; nothing is kept. A failed fetch fails those who wait for it and nobody else.
    """

    def __init__(self, fetch: Fetch[T], limit: int) -> None:
        self._fetch = fetch
        self._limit = limit
        self._queues: PerLoop[_Queue[T]] = PerLoop(_Queue)

    async def get(self, key: str) -> T | None:
        """What the fetch has for the key, None if nothing. Raises what the fetch raises."""
        queue = self._queues.get()
        waiter = _Waiter[T](key, asyncio.get_running_loop().create_future())
        queue.waiters.append(waiter)
        if queue.service is None:
            # In a context of its own: it answers many requests, and belongs to none.
            queue.service = asyncio.create_task(self._serve(queue), context=contextvars.Context())
        return await waiter.answer

    async def _serve(self, queue: "_Queue[T]") -> None:
        batch: list[_Waiter[T]] = []
        try:
            while batch := queue.take(self._limit):
                try:
                    found = await self._fetch(dict.fromkeys(waiter.key for waiter in batch))
                except Exception as error:
                    for waiter in batch:
                        waiter.fail(error)
                else:
                    for waiter in batch:
                        waiter.succeed(found.get(waiter.key))
        finally:
            # Nobody is left unless the loop is ending.
            queue.service = None
            for waiter in (*batch, *queue.waiters):
                waiter.answer.cancel()


class _Waiter(Generic[T]):
    def __init__(self, key: str, answer: "asyncio.Future[T | None]") -> None:
        self.key = key
        self.answer = answer

    def succeed(self, value: T | None) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Queue(Generic[T]):
    def __init__(self) -> None:
        self.waiters: list[_Waiter[T]] = []
        self.service: asyncio.Task[None] | None = None

    def take(self, limit: int) -> list[_Waiter[T]]:
        """The first that still wait, in the order of arrival."""
        waiting = [waiter for waiter in self.waiters if not waiter.answer.done()]
        self.waiters = waiting[limit:]
        return waiting[:limit]
