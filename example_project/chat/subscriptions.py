"""Rooms that push their news to web sockets."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from example_project.chat.news import LIMIT, event_name, newer
from toto_django.events import Registration
from toto_django.exceptions import NotAuthorized
from toto_django.handler import Handler
from toto_django.workers import run_in_worker

_of_sockets: "WeakKeyDictionary[Any, Subscription]" = WeakKeyDictionary()


class Subscription:
    """Pushes what is new in one room to one socket, each message once, in order."""

    def __init__(self, handler: Handler, room: str, after: int | None) -> None:
        self.handler = handler
        self.room = room
        self.after = after
        self.is_over = False
        self._turn = asyncio.Lock()
        self._registration: Registration | None = None

    async def start(self) -> None:
        """Listen, in place of the socket's subscription before, and push what was missed."""
        before = _of_sockets.get(self.handler.exchange.socket)
        _of_sockets[self.handler.exchange.socket] = self
        if before is not None:
            before.stop()
        await run_in_worker(self._listen)  # A worker waits until events do arrive.
        await self._push()

    def stop(self) -> None:
        """Push no more."""
        self.is_over = True
        if self._registration is not None:
            self.handler.deregister_event_handler(self._registration)

    def _listen(self) -> None:
        self._registration = self.handler.register_event_handler(event_name(self.room), self._hear)

    def _hear(self, event: dict[str, Any]) -> Coroutine[Any, Any, None] | None:
        """A handler hears one event. It listens again before it looks, so nothing gets between."""
        if self.is_over:
            return None
        self._listen()
        return self._forward(event)

    async def _forward(self, event: dict[str, Any]) -> None:
        try:
            await self._push()
        except NotAuthorized:
            self.stop()
            return
        if "typing" in event:
            self.handler.send_message([event])

    async def _push(self) -> None:
        async with self._turn:
            is_complete = self.is_over
            while not is_complete:
                messages = await run_in_worker(self._newer)
                if messages:
                    self.handler.send_message(messages)
                    self.after = messages[-1]["id"]
                is_complete = self.is_over or len(messages) < LIMIT

    def _newer(self) -> list[dict[str, Any]]:
        """Raises NotAuthorized when the session has ended meanwhile."""
        self.handler.session.refresh()
        messages = newer(self.room, self.after)
        self.after = self.after or 0
        return messages
