"""Clients that leave before they are answered: only calls that are under way for a while are watched.

Somebody who waits for the client's leaving costs as much as many a call, so one timer
per event loop looks which calls have become old.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from toto_django.loops import PerLoop

__all__ = ["WATCH_SECONDS", "UnlessLeft"]

WATCH_SECONDS = 0.1
"""A call is watched once it has been under way for this long, at the latest for twice as long."""


class _Calls:
    """Those of one event loop that nobody watches yet: begun since the last look, and before it."""

    def __init__(self) -> None:
        self.new: set[UnlessLeft] = set()
        self.old: set[UnlessLeft] = set()
        self._loop = asyncio.get_running_loop()
        self._is_timed = False

    def add(self, call: "UnlessLeft") -> None:
        self.new.add(call)
        if not self._is_timed:
            self._is_timed = True
            self._loop.call_later(WATCH_SECONDS, self._look)

    def discard(self, call: "UnlessLeft") -> None:
        self.new.discard(call)
        self.old.discard(call)

    def _look(self) -> None:
        for call in self.old:
            call.watch(self._loop)
        self.old, self.new = self.new, set()
        self._is_timed = bool(self.old)
        if self._is_timed:
            self._loop.call_later(WATCH_SECONDS, self._look)


_calls = PerLoop(_Calls)


class UnlessLeft:
    """``with UnlessLeft(receive):`` the block ends, without an error, when the client leaves."""

    __slots__ = ("_calls", "_has_left", "_receive", "_task", "_watcher")

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self._has_left = False
        self._watcher: asyncio.Future[Any] | None = None

    def __enter__(self) -> None:
        self._task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]
        self._calls = _calls.get()
        self._calls.add(self)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool:
        self._calls.discard(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if not self._has_left:
            return False
        return not self._task.uncancel() and kind is asyncio.CancelledError

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the client to leave from now on."""
        self._watcher = asyncio.ensure_future(self._receive(), loop=loop)
        self._watcher.add_done_callback(self._received)

    def _received(self, watcher: asyncio.Future[Any]) -> None:
        if watcher.cancelled():
            return
        if watcher.result()["type"] == "http.disconnect":
            self._has_left = True
            self._task.cancel()
        else:  # The rest of a body that was too long.
            self.watch(watcher.get_loop())
