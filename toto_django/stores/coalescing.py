"""Look-ups that share a trip: what is asked for while one fetch is under way goes into the next."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from toto_django.loops import PerLoop

__all__ = ["Coalescer"]

PATIENCE = 0.5
"""Seconds after which a fetch does not keep the next one waiting any longer."""

T = TypeVar("T")
Fetch = Callable[[Iterable[str]], Awaitable[Mapping[str, T]]]


class Coalescer(Generic[T]):
    """Turns look-ups of one key into fetches of at most ``limit``, one at a time on each event loop
    unless one takes long.

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
            self._start(queue)
        return await waiter.answer

    async def _serve(self, queue: "_Queue[T]") -> None:
        batch: list[_Waiter[T]] = []
        service = asyncio.current_task()
        try:
            while queue.service is service and (batch := queue.take(self._limit)):
                relief = asyncio.get_running_loop().call_later(PATIENCE, self._relieve, queue, service)
                try:
                    found = await self._fetch(dict.fromkeys(waiter.key for waiter in batch))
                except Exception as error:
                    for waiter in batch:
                        waiter.fail(error)
                else:
                    for waiter in batch:
                        waiter.succeed(found.get(waiter.key))
                finally:
                    relief.cancel()
        finally:
            # Nobody is left unless the loop is ending.
            abandoned = list(batch)
            if queue.service is service:
                queue.service = None
                abandoned += queue.waiters
            for waiter in abandoned:
                waiter.answer.cancel()

    def _start(self, queue: "_Queue[T]") -> None:
        # In a context of its own: it answers many requests, and belongs to none.
        queue.service = asyncio.create_task(self._serve(queue), context=contextvars.Context())

    def _relieve(self, queue: "_Queue[T]", slow: "asyncio.Task[Any] | None") -> None:
        """Who comes after a fetch that takes long does not wait for it: others go on beside it."""
        if slow is not None and queue.service is slow:
            queue.service = None
            queue.slow.add(slow)  # The event loop itself keeps no strong reference.
            slow.add_done_callback(queue.slow.discard)
            if queue.waiters:
                self._start(queue)


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
        self.slow: set[asyncio.Task[Any]] = set()

    def take(self, limit: int) -> list[_Waiter[T]]:
        """The first that still wait, in the order of arrival."""
        waiting = [waiter for waiter in self.waiters if not waiter.answer.done()]
        self.waiters = waiting[limit:]
        return waiting[:limit]
