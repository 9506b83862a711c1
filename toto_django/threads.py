"""The threads that calls share for what is synchronous around them: hooks of middleware, the async ORM."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.core.cache import BaseCache, caches
from django.db import close_old_connections, connections, reset_queries

__all__ = ["SharedThreads", "Turn"]

T = TypeVar("T")


class SharedThreads:
    """As many threads as ``count``; with 0 each call that needs a thread gets one of its own."""

    def __init__(self, count: int) -> None:
        self._threads = [_Thread() for _ in range(count)]
        self._unused: list[Turn] = []

    def begin(self) -> "Turn":
        """For one call: ``with threads.begin():``."""
        return self._unused.pop() if self._unused else Turn(self._threads, self._unused)


class Turn:
    """Within it asgiref runs what is synchronous in one of the threads.

    A turn without work is left to the next call. Tasks may outlive the call that made them.
    """

    __slots__ = ("_context", "_token", "_unused", "_work")

    def __init__(self, threads: Sequence["_Thread"], unused: list["Turn"]) -> None:
        self._context = ThreadSensitiveContext()
        self._work = _Work(threads)
        self._unused = unused
        # Found by the context, weakly: so the one must not hold the other.
        SyncToAsync.context_to_thread_executor[self._context] = self._work  # type: ignore[assignment]

    def __enter__(self) -> None:
        self._token = SyncToAsync.thread_sensitive_context.set(self._context)

    def __exit__(self, *error: object) -> None:
        SyncToAsync.thread_sensitive_context.reset(self._token)
        if self._work.end():
            self._unused.append(self)


class _Work:
    """The executor of one call: a thread of its own while there are enough, else one that it shares.

    It is chosen when there is something to do in it, and kept until the call ends. Its
    connections are not closed while others use it, who may be reading from one.
    """

    __slots__ = ("__weakref__", "_is_over", "_thread", "_threads")

    def __init__(self, threads: Sequence["_Thread"]) -> None:
        self._threads = threads
        self._thread: _Thread | None = None
        self._is_over = False

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As an Executor does."""
        if self._thread is None:
            self._thread = min(self._threads, key=attrgetter("calls")) if self._threads else _Thread()
            self._thread.keep_house()
            self._thread.calls += not self._is_over
        return self._thread.submit(function, *args, **kwargs)

    def end(self) -> bool:
        """Whether nothing was done."""
        if self._thread is None:
            return True
        self._is_over = True
        self._thread.calls -= 1
        self._thread.keep_house(caches.all(initialized_only=True))
        if not self._threads:
            self._thread.submit(connections.close_all)
        return False


class _Thread(ThreadPoolExecutor):
    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="toto-asgi")
        self.calls = 0
        """How many use it."""

    def keep_house(self, used: Sequence[BaseCache] = ()) -> None:
        """After, and before, a call; ``used`` are its caches."""
        self.submit(reset_queries)
        self.submit(_close_broken_connections if self.calls else close_old_connections)
        if used:
            self.submit(_close_caches, used)


def _close_broken_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
            connection.close()


def _close_caches(used: Sequence[BaseCache]) -> None:
    for cache in used:
        cache.close()
