"""Both clients behind the plain one's interface."""

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from toto_django.client import AsyncClient, Client


class Blocking:
    """An AsyncClient, or anything like it, on a loop of its own."""

    def __init__(self, client: Any) -> None:
        self.runner = asyncio.Runner()
        self.client = client

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if not inspect.iscoroutinefunction(value):
            return value
        return lambda *args, **kwargs: self.runner.run(value(*args, **kwargs))

    @property
    def session(self) -> Any:
        return self.client.session

    @session.setter
    def session(self, session: Any) -> None:
        self.client.session = session

    @contextmanager
    def batch(self, **options: Any) -> Iterator[Any]:
        async def sent() -> None:
            await manager.__aexit__(None, None, None)

        manager = self.client.batch(**options)
        yield self.runner.run(manager.__aenter__())
        self.runner.run(sent())

    def messages(self, *args: Any, **options: Any) -> Iterator[Any]:
        messages = self.client.messages(*args, **options)
        try:
            while True:
                yield self.runner.run(_next(messages))
        finally:
            self.runner.run(messages.aclose())

    def close(self) -> None:
        self.runner.run(self.client.close())
        self.runner.close()


async def _next(iterator: Any) -> Any:
    return await anext(iterator)


def make(kind: str, url: str, **options: Any) -> Any:
    """A client of a kind, "plain" or "async"."""
    return Client(url, **options) if kind == "plain" else Blocking(AsyncClient(url, **options))
