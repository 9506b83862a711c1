"""Objects that belong to one event loop: clients, queues. Each loop has its own, closed with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

__all__ = ["PerLoop"]

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One object for each event loop, made when first asked for there.

    It is closed while its loop still runs, with the loop's asynchronous generators, as
    ``asyncio.run``, its Runner, asgiref and every ASGI server end their loops.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[Any]] | None = None) -> None:
        self._make = make
        self._close = close
        self._kept: dict[asyncio.AbstractEventLoop, tuple[T, AsyncIterator[None]]] = {}

    def get(self) -> T:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None:
            made = self._make()
            kept = self._kept[loop] = made, self._closing(loop, made)
            _start(kept[1])
        return kept[0]

    async def _closing(self, loop: asyncio.AbstractEventLoop, made: T) -> AsyncIterator[None]:
        try:
            yield
        finally:
            del self._kept[loop]
            if self._close is not None:
                await self._close(made)


def _start(generator: AsyncIterator[None]) -> None:
    """Run it to its first yield, from where the loop knows it; nothing is awaited before."""
    with contextlib.suppress(StopIteration):
        generator.__anext__().__await__().send(None)
