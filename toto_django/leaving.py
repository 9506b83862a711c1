"""Clients that leave before they are answered, or do not send: only calls under way for a while are watched.

Somebody who waits for the client's leaving costs as much as many a call, and so does a time
limit for its body. So one timer per event loop looks which calls have become old.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from toto_django.conf import settings
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
    """``with UnlessLeft(receive) as client:`` the block ends, without an error, when the client leaves.

    At first the client sends its body: what reads that is cancelled when the client takes
    longer than BODY_TIMEOUT. After `sent` somebody watches for its leaving.
    """

    __slots__ = ("_calls", "_has_left", "_is_sending", "_receive", "_task", "_timer", "_watcher", "is_late")

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self.is_late = False
        """The body did not come in time."""
        self._has_left = False
        self._is_sending = True
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Future[Any] | None = None

    def __enter__(self) -> Self:
        self._task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]
        self._calls = _calls.get()
        self._calls.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool:
        self._calls.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if not self._has_left:
            return False
        return not self._task.uncancel() and kind is asyncio.CancelledError

    def sent(self) -> None:
        """The body is there, or given up."""
        self._is_sending = False
        if self._timer is not None:
            self._timer.cancel()
            self._calls.add(self)

    def takes_back(self) -> bool:
        """Whether a cancellation was the end of the body's time, and of nothing else. It is over then."""
        return self.is_late and not self._task.uncancel()

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do not wait any longer than this for the body, or wait for the client to leave from now on."""
        if self._is_sending:
            rest = max(0.0, settings.BODY_TIMEOUT - WATCH_SECONDS)
            self._timer = loop.call_later(rest, self._give_up)
            return
        self._watcher = asyncio.ensure_future(self._receive(), loop=loop)
        self._watcher.add_done_callback(self._received)

    def _give_up(self) -> None:
        self.is_late = True
        self._task.cancel()

    def _received(self, watcher: asyncio.Future[Any]) -> None:
        if watcher.cancelled():
            return
        if watcher.result()["type"] == "http.disconnect":
            self._has_left = True
            self._task.cancel()
        else:  # The rest of a body that was too long, or late.
            self.watch(watcher.get_loop())
