"""The bounded pool of threads in which plain functions and the stores run under ASGI.

A process never has more than ``TOTO["THREADS"]`` of these threads, and so never more
database connections than that from them; see `toto_django.threads` for Django's asynchronous ORM.
"""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, sync_to_async
from django.core.cache import close_caches
from django.db import close_old_connections

from toto_django.conf import settings

__all__ = ["run_in_worker", "with_fresh_connections"]

P = ParamSpec("P")
T = TypeVar("T")


async def run_in_worker(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, computed off the event loop, in a copy of the current context.

    Where a synchronous caller waits below this event loop (``async_to_sync``, as in a
    test case), the function runs in that caller's thread and shares its connections.
    """
    loop = asyncio.get_running_loop()
    if loop in getattr(AsyncToSync, "loop_thread_executors", ()):
        return await sync_to_async(function, thread_sensitive=True)(*args, **kwargs)
    context = contextvars.copy_context()
    job = functools.partial(context.run, with_fresh_connections, function, *args, **kwargs)
    return await loop.run_in_executor(_pool(settings.THREADS), job)


@functools.lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="toto")


def with_fresh_connections(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a job of a thread that outlives it: stale database connections are closed before and after."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_caches()
        close_old_connections()
