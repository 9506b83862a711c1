"""The calls of all clients: plain and asynchronous twins that carry out the steps of a Conversation."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from toto_django.remote.batches import Batch
from toto_django.remote.conversation import Conversation, Pause, Request, Response, Steps
from toto_django.remote.naming import Methods
from toto_django.remote.polling import Polling
from toto_django.remote.session import Session
from toto_django.steps import arun_steps, run_steps

__all__ = ["DEFAULT", "POLL_TIMEOUT", "AsyncCaller", "BaseCaller", "Caller", "Default", "Timeout"]

T = TypeVar("T")


class Default:
    """Stands for the client's own time-out."""

    def __repr__(self) -> str:
        return "the client's"


DEFAULT = Default()
POLL_TIMEOUT = 120.0
"""Seconds that one long-poll may take."""
Timeout = float | None | Default
"""Seconds for the whole call, attempts and pauses included; None for no limit."""


class BaseCaller:
    """What plain and asynchronous callers have in common."""

    def __init__(self, conversation: Conversation, timeout: float | None) -> None:
        self.conversation = conversation
        self.timeout = timeout

    @property
    def session(self) -> Session | None:
        """The session in which calls are made. Set it to go on with one that was kept."""
        return self.conversation.session

    @session.setter
    def session(self, session: Session | None) -> None:
        self.conversation.session = session

    @property
    def methods(self) -> Methods:
        """Names as attributes: ``methods.notes.add(text="x")`` is ``call("notes.add", {"text": "x"})``."""
        return Methods(self.call)

    def call(self, method: str, parameters: Any = None) -> Any:
        raise NotImplementedError

    def _within(self, timeout: Timeout) -> float | None:
        return self.timeout if isinstance(timeout, Default) else timeout


class Caller(BaseCaller):
    """Calls that block. Subclasses send requests."""

    def _send(self, request: Request) -> Response:
        """Raises NetworkError, AnswerTooLarge."""
        raise NotImplementedError

    def _carry_out(self, step: Request | Pause) -> Response | None:
        if isinstance(step, Request):
            return self._send(step)
        time.sleep(step.seconds)
        return None

    def _run(self, steps: Steps[T]) -> T:
        return run_steps(steps, self._carry_out)

    def call(
        self, method: str, parameters: Any = None, *, timeout: Timeout = DEFAULT, retry: bool = False
    ) -> Any:
        """The result of a method, None where it has none. Raises TotoError.

        ``retry`` says that the method may run twice: then lost connections, 1101 and 1104
        are tried again too.
        """
        return self._run(
            self.conversation.call(method, parameters, timeout=self._within(timeout), retry=retry)
        )

    @contextmanager
    def batch(self, *, timeout: Timeout = DEFAULT, retry: bool = False) -> Iterator[Batch]:
        """Calls that are sent in one request when the block ends; not if it raises."""
        batch = Batch()
        yield batch
        self._run(self.conversation.batch(batch, timeout=self._within(timeout), retry=retry))

    def messages(
        self, method: str, parameters: Any = None, *, timeout: float | None = POLL_TIMEOUT
    ) -> Generator[Any]:
        """The results of a long-poll that is made again and again, without end.

        ``parameters`` may be a function of the last message, None at first. Failures that
        may pass are tried again. Empty answers are no messages.
        """
        polling = Polling(self.conversation, method, parameters, timeout=timeout)
        while True:
            yield self._run(polling.message())

    def create(
        self,
        user_id: str,
        password: str,
        properties: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = DEFAULT,
    ) -> Session:
        """Make an account and log in."""
        return self._run(
            self.conversation.create(user_id, password, properties, timeout=self._within(timeout))
        )

    def login(self, user_id: str, password: str, *, timeout: Timeout = DEFAULT) -> Session:
        """Log in: a new session."""
        return self._run(self.conversation.login(user_id, password, timeout=self._within(timeout)))

    def logout(self, *, timeout: Timeout = DEFAULT) -> None:
        """End the session. It is kept when the service does not answer."""
        return self._run(self.conversation.logout(timeout=self._within(timeout)))

    def update(self, password: str, changes: Mapping[str, Any], *, timeout: Timeout = DEFAULT) -> list[str]:
        """Change properties and, with ``new_password``, the password: the names of what has changed."""
        return self._run(self.conversation.update(password, changes, timeout=self._within(timeout)))


class AsyncCaller(BaseCaller):
    """See Caller; on an event loop of asyncio."""

    async def _send(self, request: Request) -> Response:
        raise NotImplementedError

    async def _carry_out(self, step: Request | Pause) -> Response | None:
        if isinstance(step, Request):
            return await self._send(step)
        await asyncio.sleep(step.seconds)
        return None

    async def _run(self, steps: Steps[T]) -> T:
        return await arun_steps(steps, self._carry_out)

    async def call(
        self, method: str, parameters: Any = None, *, timeout: Timeout = DEFAULT, retry: bool = False
    ) -> Any:
        """See Caller.call."""
        return await self._run(
            self.conversation.call(method, parameters, timeout=self._within(timeout), retry=retry)
        )

    @asynccontextmanager
    async def batch(self, *, timeout: Timeout = DEFAULT, retry: bool = False) -> AsyncIterator[Batch]:
        """See Caller.batch."""
        batch = Batch()
        yield batch
        await self._run(self.conversation.batch(batch, timeout=self._within(timeout), retry=retry))

    async def messages(
        self, method: str, parameters: Any = None, *, timeout: float | None = POLL_TIMEOUT
    ) -> AsyncGenerator[Any]:
        """See Caller.messages."""
        polling = Polling(self.conversation, method, parameters, timeout=timeout)
        while True:
            yield await self._run(polling.message())

    async def create(
        self,
        user_id: str,
        password: str,
        properties: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = DEFAULT,
    ) -> Session:
        """See Caller.create."""
        return await self._run(
            self.conversation.create(user_id, password, properties, timeout=self._within(timeout))
        )

    async def login(self, user_id: str, password: str, *, timeout: Timeout = DEFAULT) -> Session:
        """See Caller.login."""
        return await self._run(self.conversation.login(user_id, password, timeout=self._within(timeout)))

    async def logout(self, *, timeout: Timeout = DEFAULT) -> None:
        """See Caller.logout."""
        return await self._run(self.conversation.logout(timeout=self._within(timeout)))

    async def update(
        self, password: str, changes: Mapping[str, Any], *, timeout: Timeout = DEFAULT
    ) -> list[str]:
        """See Caller.update."""
        return await self._run(self.conversation.update(password, changes, timeout=self._within(timeout)))
