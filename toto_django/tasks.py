"""Work beside the calls, in a bounded number of threads, under the names of ``toto.tasks``.

A queue lives in its process and forgets what is waiting when that dies: for short work
that may be lost. No thread is made at import.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from typing import Any, ClassVar, Generic, ParamSpec, Self, TypeVar, overload
from weakref import WeakSet

from toto_django.workers import with_fresh_connections

__all__ = ["AwaitableInstance", "InstancePool", "TaskQueue"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

logger = logging.getLogger("toto_django")


class TaskQueue:
    """Runs at most ``thread_count`` tasks at a time, begun in the order in which they were added.

    Over a ThreadPoolExecutor: a process that ends waits for its tasks. Database connections
    are checked around each task, as for calls. A task starts with an empty context: it may
    outlive the call that added it. A fork starts with none.
    """

    _shared: ClassVar["dict[str, TaskQueue]"] = {}

    def __init__(self, thread_count: int = 1, idle_timeout: float = 60, name: str = "TaskQueue") -> None:
        """``idle_timeout`` changes nothing: idle threads stay."""
        self.thread_count = thread_count
        self.name = name
        self._start_afresh()
        _queues.add(self)

    def _start_afresh(self) -> None:
        self._threads = ThreadPoolExecutor(self.thread_count, f"toto-task-{self.name}")
        self._unfinished: set[Future[Any]] = set()

    @classmethod
    def instance(cls, name: str, thread_count: int = 1, idle_timeout: float = 60) -> "TaskQueue":
        """The queue of this name, the same for the whole process; made with the other arguments at first."""
        return cls._shared.get(name) or cls._shared.setdefault(name, cls(thread_count, idle_timeout, name))

    def add_task(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of ``fn(*args, **kwargs)``; its exception is logged too.

        Raises RuntimeError after `shutdown`, and in a process that ends.
        """
        future = self._submit(fn, *args, **kwargs)
        future.add_done_callback(self._log_exception)
        return future

    def await_task(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
        """The task's future on the running event loop, for ``await``; whoever awaits it gets an exception."""
        return asyncio.wrap_future(self._submit(fn, *args, **kwargs))

    yield_task = await_task

    def run(self) -> None:
        """For ported code: nothing to do, since `add_task` starts the threads."""

    def __len__(self) -> int:
        """Tasks that wait or run."""
        return len(self._unfinished)

    def __bool__(self) -> bool:
        """A queue is there, however empty."""
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks. Those that wait are done still, or with ``cancel_futures`` cancelled."""
        _queues.discard(self)
        if self._shared.get(self.name) is self:
            self._shared.pop(self.name, None)
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def _submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        job = partial(with_fresh_connections, partial(fn, *args, **kwargs))
        future: Future[T] = self._threads.submit(Context().run, job)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def _log_exception(self, future: Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("a task of the queue %r failed", self.name, exc_info=error)


class InstancePool(Generic[T]):
    """Objects that one thread at a time may use, lent to whoever asks.

    Any other method than these borrows an object, calls that method of it and gives it back.
    ``instances`` is one object, or a list, tuple or set of them. Who holds an object and
    waits for another may wait for ever.
    """

    def __init__(
        self, instances: T | list[T] | tuple[T, ...] | set[T] | frozenset[T], default_queue: str = "pool"
    ) -> None:
        lent = list(instances) if isinstance(instances, list | tuple | set | frozenset) else [instances]
        self._default_queue = default_queue
        self._size = len(lent)
        self._free: SimpleQueue[T] = SimpleQueue()
        for instance in lent:
            self._free.put(instance)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.transaction(lambda lent: getattr(lent, name)(*args, **kwargs))

    @contextmanager
    def instance(self) -> Iterator[T]:
        """Lends one object for the block, and waits for one to be free."""
        lent = self._free.get()
        try:
            yield lent
        finally:
            self._free.put(lent)

    @overload
    def transaction(self) -> AbstractContextManager[T]: ...
    @overload
    def transaction(self, function: Callable[[T], R]) -> R: ...
    def transaction(self, function: Callable[[T], Any] | None = None) -> Any:
        """``function(object)`` with a lent object; without a function the same as `instance`."""
        if function is None:
            return self.instance()
        with self.instance() as lent:
            return function(lent)

    def async_transaction(self, function: Callable[[T], R], queue_name: str | None = None) -> Future[R]:
        """See transaction; the future of a task in the queue of this name, or in the default one."""
        return self._queue(queue_name).add_task(self._transaction, function)

    def await_transaction(
        self, function: Callable[[T], R], queue_name: str | None = None
    ) -> "asyncio.Future[R]":
        """See async_transaction; the future is one of the running event loop."""
        return self._queue(queue_name).await_task(self._transaction, function)

    def awaitable(self, queue_name: str | None = None) -> "AwaitableInstance":
        """The pool with methods to ``await``. Toto's name for it, ``await``, is a keyword now."""
        return AwaitableInstance(self, self._queue(queue_name).name)

    def _transaction(self, function: Callable[[T], R]) -> R:
        return self.transaction(function)

    def _queue(self, name: str | None) -> TaskQueue:
        return TaskQueue.instance(name or self._default_queue, self._size)


class AwaitableInstance:
    """Wraps an object: its methods run as tasks of the shared queue of this name, to be awaited."""

    def __init__(self, instance: Any, queue_name: str = "pool") -> None:
        self._instance = instance
        self._queue_name = queue_name

    def __getattr__(self, name: str) -> Callable[..., "asyncio.Future[Any]"]:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._instance, name)
        return lambda *args, **kwargs: self._queue.await_task(method, *args, **kwargs)

    @property
    def _queue(self) -> TaskQueue:
        return TaskQueue.instance(self._queue_name)


_queues: WeakSet[TaskQueue] = WeakSet()  # That take tasks.


def _after_fork() -> None:
    """A child process has none of its parent's threads, and their tasks are not its own."""
    for queue in list(_queues):
        queue._start_afresh()


os.register_at_fork(after_in_child=_after_fork)
