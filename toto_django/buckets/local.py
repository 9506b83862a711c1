"""Buckets of one process: in its memory, or in a cache that has no way to change a number atomically."""

from threading import Lock
from typing import ClassVar

from toto_django.buckets.base import Buckets, now, seconds_kept
from toto_django.rates import Rate, charge

__all__ = ["LocalBuckets", "MemoryBuckets"]

_lock = Lock()


class LocalBuckets(Buckets):
    """In any cache. Threads count together; processes may both take the last call."""

    is_shared = False
    errors: ClassVar[tuple[type[Exception], ...]] = (Exception,)

    def _change(self, key: str, rate: Rate, calls: int) -> int:
        with _lock:
            charged = charge(self.cache.get(key), rate, (at := now()), calls)
            if charged.wait <= 0:
                self.cache.set(key, charged.full_at, seconds_kept(charged.full_at, at))
        return charged.wait


class MemoryBuckets(LocalBuckets):
    """In a LocMemCache."""

    native_async = True
    errors: ClassVar[tuple[type[Exception], ...]] = ()

    async def acharge(self, name: str, rate: Rate) -> int:
        return self.charge(name, rate)
