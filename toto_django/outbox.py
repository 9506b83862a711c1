"""Frames on their way to the client of one web socket: one after another, in the order they were put here."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from toto_django.conf import settings

__all__ = ["Frame", "Outbox"]

Sent = asyncio.Future[None]


class Frame(NamedTuple):
    """Bytes, and whether they are text."""

    data: bytes
    is_text: bool


class Outbox:
    """Messages are pushed, and nobody waits until they have left: so they are bounded.

    Calls wait until their answers have left, and a socket has few calls at a time: a client
    that reads slowly keeps its own calls waiting. ``send`` sends a frame and raises nothing,
    ``start`` makes a task. ``overflow`` is called on the event loop when a message has no
    room; the outbox is closed by then.
    """

    def __init__(
        self,
        send: Callable[[Frame], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, None]], None],
        overflow: Callable[[], None],
    ) -> None:
        self._send = send
        self._start = start
        self._overflow = overflow
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._waiting: deque[tuple[Frame, Sent | None]] = deque()
        """Answers with what those who wait for them wait for."""
        self._messages = self._bytes = 0
        """How many have not left, and what they take."""
        self._is_sending = False
        self.is_closed = False

    def push(self, frame: Frame) -> None:
        """A message, from any thread. Dropped when the outbox is closed."""
        with self._lock:
            if self.is_closed:
                return
            if self._has_room_for(frame):
                is_first, self._is_sending = not self._is_sending, True
                self._messages += 1
                self._bytes += len(frame.data)
                self._waiting.append((frame, None))
                step = self._begin if is_first else None
            else:
                self.is_closed = True
                self._waiting.clear()
                step = self._overflow
        if step is not None:
            self._run(step)

    async def answer(self, frame: Frame) -> None:
        """An answer, on the event loop. Returns when it has left; the closer cancels whoever waits."""
        sent = None
        with self._lock:
            if self.is_closed:
                return
            if self._is_sending:
                sent = self._loop.create_future()
                self._waiting.append((frame, sent))
            self._is_sending = True
        if sent is not None:
            await sent
            return
        try:
            await self._send(frame)
        finally:
            if self._has_more():
                self._begin()

    def close(self) -> None:
        """Drop what is here and what comes."""
        with self._lock:
            self.is_closed = True
            self._waiting.clear()

    def _has_room_for(self, frame: Frame) -> bool:
        """A message that waits alone may be of any size."""
        if not self._messages:
            return True
        return self._messages < settings.SOCKET_QUEUE and self._bytes + len(frame.data) <= settings.MAX_BODY

    def _run(self, step: Callable[[], None]) -> None:
        """On the event loop: at once where the caller is on it."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            step()
        else:
            with suppress(RuntimeError):  # The loop is closed, and so is the socket.
                self._loop.call_soon_threadsafe(step)

    def _begin(self) -> None:
        self._start(self._send_all())

    def _has_more(self) -> bool:
        """Somebody has to go on sending; else whoever comes next begins."""
        with self._lock:
            self._is_sending = bool(self._waiting)
            return self._is_sending

    def _next(self) -> tuple[Frame, Sent | None] | None:
        with self._lock:
            self._is_sending = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    async def _send_all(self) -> None:
        while (waiting := self._next()) is not None:
            frame, sent = waiting
            await self._send(frame)
            if sent is None:
                with self._lock:
                    self._messages -= 1
                    self._bytes -= len(frame.data)
            elif not sent.done():
                sent.set_result(None)
