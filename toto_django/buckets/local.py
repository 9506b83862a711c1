"""Buckets of one process: in its memory, or in a cache that has no way to change a number atomically."""

import time
from threading import Lock
from typing import ClassVar

from toto_django.buckets.base import Buckets, now, seconds_kept
from toto_django.exceptions import Unavailable
from toto_django.rates import Rate, charge

__all__ = ["LocalBuckets", "MemoryBuckets"]

MOST_CLAIMS = 100_000

_lock = Lock()
_claims: dict[str, float] = {}
"""When each is forgotten, by the monotonic clock. A cache may throw entries away earlier."""


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

    def _add(self, key: str, seconds: int) -> bool:
        """Raises Unavailable where there are too many claims to remember another one."""
        at = time.monotonic()
        with _lock:
            if len(_claims) >= MOST_CLAIMS:
                for old in [name for name, until in _claims.items() if until <= at]:
                    del _claims[old]
            is_free = _claims.get(key, at) <= at
            if is_free and key not in _claims and len(_claims) >= MOST_CLAIMS:
                raise Unavailable
            if is_free:
                _claims[key] = at + seconds
        return is_free


class MemoryBuckets(LocalBuckets):
    """In a LocMemCache."""

    native_async = True
    errors: ClassVar[tuple[type[Exception], ...]] = ()

    async def acharge(self, name: str, rate: Rate) -> int:
        return self.charge(name, rate)

    async def aclaim(self, name: str, seconds: float) -> bool:
        return self.claim(name, seconds)
