"""Buckets in memcached, through pymemcache."""

from typing import Any, ClassVar

from pymemcache.exceptions import MemcacheError

from toto_django.buckets.base import SwappedBuckets
from toto_django.exceptions import Unavailable

__all__ = ["MemcachedBuckets"]


class MemcachedBuckets(SwappedBuckets):
    """In a PyMemcacheCache."""

    errors: ClassVar[tuple[type[Exception], ...]] = (MemcacheError, OSError)

    def _add(self, key: str, seconds: int) -> bool:
        """Raises Unavailable for a server that was found dead before: pymemcache does not say so again."""
        is_added = super()._add(key, seconds)
        if not is_added and self.cache.get(key) is None:
            raise Unavailable
        return is_added

    def _read(self, key: str) -> tuple[Any, int | None]:
        full_at, kept = self.cache._cache.gets(self.cache.make_and_validate_key(key))
        return kept, full_at

    def _swap(self, key: str, kept: Any, full_at: int, seconds: int) -> bool:
        if kept is None:
            return bool(self.cache.add(key, full_at, seconds))
        client, expire = self.cache._cache, self.cache.get_backend_timeout(seconds)
        return bool(client.cas(self.cache.make_and_validate_key(key), full_at, kept, expire))
