"""Work beside the calls, in a bounded number of threads, under the names of ``toto.tasks``.

A queue lives in its process and forgets what is waiting when that dies: for short work
that may be lost. No thread is made at import.
"""

import asyncio
import atexit
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, overload
from weakref import WeakSet

from django.db import connections

from toto_django.workers import with_fresh_connections

__all__ = ["AwaitableInstance", "InstancePool", "TaskQueue"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

logger = logging.getLogger("toto_django")


class TaskQueue(Executor):
    """Runs at most ``thread_count`` tasks at a time, begun in the order in which they were added.

    A thread ends after ``idle_timeout`` seconds without a task. Database connections are
    checked around each task, as for calls. A task starts with an empty context: it may
    outlive the call that added it. A process that ends waits for its tasks; a fork starts
    with none.
    """

    _shared: ClassVar["dict[str, TaskQueue]"] = {}
    _shared_lock = Lock()

    def __init__(self, thread_count: int = 1, idle_timeout: float = 60, name: str = "TaskQueue") -> None:
        if thread_count < 1:
            raise ValueError("A task queue has at least one thread.")
        self.thread_count = thread_count
        self.idle_timeout = idle_timeout
        self.name = name
        self._is_open = True
        self._start_afresh()
        _queues.add(self)

    def _start_afresh(self) -> None:
        self._waiting: deque[_Task] = deque()
        self._changed = Condition()
        self._threads = 0
        self._idle = 0
        self._running = 0

    @classmethod
    def instance(cls, name: str, thread_count: int = 1, idle_timeout: float = 60) -> "TaskQueue":
        """The queue of this name, the same for the whole process; made with the other arguments at first."""
        with cls._shared_lock:
            queue = cls._shared.get(name)
            if queue is None or not queue._is_open:
                queue = cls._shared[name] = cls(thread_count, idle_timeout, name)
            return queue

    def add_task(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of ``fn(*args, **kwargs)``. Raises RuntimeError after `shutdown`.

        An exception that nobody takes from the future is logged.
        """
        future: _TaskFuture[T] = _TaskFuture(self.name)
        job = partial(Context().run, with_fresh_connections, fn, *args, **kwargs)
        with self._changed:
            if not self._is_open:
                raise RuntimeError(f"The task queue {self.name!r} has been shut down.")
            if self._idle <= len(self._waiting) and self._threads < self.thread_count:
                Thread(target=self._work, name=f"toto-task-{self.name}", daemon=True).start()
                self._threads += 1
            self._waiting.append((future, job))
            self._changed.notify()
        return future

    submit = add_task

    def await_task(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
        """See add_task; the future is one of the running event loop, for ``await``."""
        return asyncio.wrap_future(self.add_task(fn, *args, **kwargs))

    yield_task = await_task

    def run(self) -> None:
        """For ported code: nothing to do, since `add_task` starts the threads."""

    def __len__(self) -> int:
        """Tasks that wait or run."""
        with self._changed:
            return len(self._waiting) + self._running

    def __bool__(self) -> bool:
        """A queue is there, however empty."""
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks. Those that wait are done still, or with ``cancel_futures`` cancelled."""
        with self._changed:
            self._is_open = False
            cancelled = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
            self._changed.notify_all()
        for future, _ in cancelled:
            future.cancel()
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._threads)

    # In the threads

    def _work(self) -> None:
        try:
            while self._do_next():
                """Until there was nothing to do for a while."""
        finally:
            connections.close_all()
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _do_next(self) -> bool:
        """Whether there was a task. Nothing here refers to it afterwards."""
        with self._changed:
            if not self._waiting:
                self._idle += 1
                self._changed.wait_for(lambda: self._waiting or not self._is_open, self.idle_timeout)
                self._idle -= 1
            if not self._waiting:
                return False
            future, job = self._waiting.popleft()
            self._running += 1
        try:
            _fulfil(future, job)
        finally:
            del future, job
            with self._changed:
                self._running -= 1
        return True


class _TaskFuture(Future[T]):
    """Logs the exception that nobody asked for, once nobody can any more."""

    def __init__(self, queue_name: str) -> None:
        super().__init__()
        self._queue_name = queue_name
        self._is_asked = False

    def result(self, timeout: float | None = None) -> T:
        self._is_asked = True
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._is_asked = True
        return super().exception(timeout)

    def __del__(self) -> None:
        if self._is_asked or not self.done() or self.cancelled():
            return
        if (error := super().exception()) is not None:
            logger.error("a task of the queue %r failed", self._queue_name, exc_info=error)


_Task = tuple[Future[Any], Callable[[], Any]]


def _fulfil(future: Future[Any], job: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except BaseException as error:
        future.set_exception(error)
    finally:
        del future  # The error's traceback holds this frame, which must not hold the future.


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


_queues: WeakSet[TaskQueue] = WeakSet()


def _after_fork() -> None:
    """A child process has none of its parent's threads, and their tasks are not its own."""
    TaskQueue._shared_lock = Lock()
    for queue in list(_queues):
        queue._start_afresh()


def _at_exit() -> None:
    for queue in list(_queues):
        queue.shutdown()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
