"""The one answer of a call, by whoever gives it first, from any thread (docs/protocol.md 10.1, 10.2)."""

import asyncio
from collections.abc import AsyncIterator
from threading import Lock

from toto_django.messages import NOTHING, Answer, Raw

__all__ = ["Reply"]


class Reply:
    """A slot for an answer. Later answers, and answers that nobody waits for any more, are dropped."""

    _answer: Answer | None = None
    _chunks: list[bytes]
    _content_type: str | None = None
    """That of what is streamed; None as long as nothing is."""
    _is_finished = False
    _wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def __init__(self) -> None:
        self._lock = Lock()

    def give(self, answer: Answer) -> None:
        """Answer, unless something has been answered or streamed already."""
        with self._lock:
            self._give(answer)

    def returned(self, answer: Answer | None, is_last: bool) -> Answer | None:
        """What the call answers when its method has returned with this answer; None if it is still to come.

        ``is_last`` is for methods that do not answer later.
        """
        with self._lock:
            if answer is not None:
                self._give(answer)
            if is_last:
                self._close()
            return self._complete()

    def _give(self, answer: Answer) -> None:
        if self._answer is None and self._content_type is None:
            self._answer = answer
            self._is_finished = True
            self._notify()

    def write(self, chunk: bytes, content_type: str, finish: bool) -> None:
        """Send a part of a raw body; ``finish`` makes it the last. The first part's content type counts."""
        with self._lock:
            if self._is_finished:
                return
            if self._content_type is None:
                self._content_type = content_type
                self._chunks = []
            self._chunks.append(chunk)
            self._is_finished = finish
            self._notify()

    def _close(self) -> None:
        """No more will come: what was streamed is complete, and without anything there is nothing."""
        if not self._is_finished:
            self._is_finished = True
            self._answer = NOTHING if self._content_type is None else None
            self._notify()

    @property
    def answer(self) -> Answer | None:
        """The answer, if it is complete."""
        with self._lock:
            return self._complete()

    def _complete(self) -> Answer | None:
        if self._is_finished and self._content_type is not None and self._answer is None:
            self._answer = Raw(self._taken(), self._content_type)
        return self._answer if self._is_finished else None

    async def wait(self) -> Answer:
        """The answer as soon as it begins; a raw one that is not complete streams its rest."""
        event = asyncio.Event()
        with self._lock:
            self._wake = (asyncio.get_running_loop(), event)
            if self._is_finished or self._content_type is not None:
                event.set()
        await event.wait()
        event.clear()
        answer = self.answer
        if answer is not None:
            return answer
        with self._lock:
            assert self._content_type is not None
            return Raw(self._taken(), self._content_type, self._rest(event))

    async def _rest(self, event: asyncio.Event) -> AsyncIterator[bytes]:
        while True:
            with self._lock:
                chunk, is_finished = self._taken(), self._is_finished
            if chunk:
                yield chunk
            if is_finished:
                return
            await event.wait()
            event.clear()

    def _taken(self) -> bytes:
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        return chunk

    def _notify(self) -> None:
        if self._wake is not None:
            loop, event = self._wake
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
