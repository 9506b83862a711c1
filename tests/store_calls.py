"""The two ways in which the contract suite calls a store, behind one interface."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from toto_django.stores import Store

__all__ = ["Awaited", "Calls", "Job", "Plain"]

Job = tuple[Any, ...]
"""A method's name and its arguments."""


class Plain:
    """Calls the plain methods."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def together(self, *jobs: Job) -> list[Any]:
        """The jobs at once; what each returned or raised."""
        barrier = Barrier(len(jobs))

        def outcome(job: Job) -> Any:
            name, *arguments = job
            barrier.wait()
            try:
                return getattr(self.store, name)(*arguments)
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(jobs)) as threads:
            return list(threads.map(outcome, jobs))


class Awaited:
    """Calls the ``a`` twins, all on one event loop."""

    def __init__(self, store: Store, runner: asyncio.Runner) -> None:
        self.store = store
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, f"a{name}")
        return lambda *arguments: self.runner.run(method(*arguments))

    def together(self, *jobs: Job) -> list[Any]:
        """See Plain."""

        async def outcomes() -> list[Any]:
            awaited = [getattr(self.store, f"a{name}")(*arguments) for name, *arguments in jobs]
            return await asyncio.gather(*awaited, return_exceptions=True)

        return self.runner.run(outcomes())


Calls = Plain | Awaited
