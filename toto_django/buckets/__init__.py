"""What is left of each rate for everybody who is counted, in the cache that THROTTLE_CACHE names; used
nonces in that of NONCE_CACHE.

A bucket is one number under one key, which is changed atomically: by a script in Redis, by
compare-and-swap in memcached and in the database, under a lock in the memory of a process.
"""

from functools import lru_cache
from typing import Any

from django.core.cache import caches
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from toto_django.buckets.base import Buckets
from toto_django.conf import settings

__all__ = ["Buckets", "current_buckets", "nonce_buckets"]

_OTHERS = "toto_django.buckets.local.LocalBuckets"
_KINDS = {
    "django.core.cache.backends.locmem.LocMemCache": "toto_django.buckets.local.MemoryBuckets",
    "django.core.cache.backends.redis.RedisCache": "toto_django.buckets.redis.RedisBuckets",
    "django_redis.cache.RedisCache": "toto_django.buckets.redis.DjangoRedisBuckets",
    "django.core.cache.backends.memcached.PyMemcacheCache": "toto_django.buckets.memcached.MemcachedBuckets",
    "django.core.cache.backends.db.DatabaseCache": "toto_django.buckets.database.DatabaseBuckets",
}
"""The buckets for each kind of cache, by dotted paths: some need a driver."""


def current_buckets() -> Buckets:
    """Those in use. Raises InvalidCacheBackendError."""
    return _made(settings.THROTTLE_CACHE)


def nonce_buckets() -> Buckets:
    """Those that nonces are claimed in. Raises InvalidCacheBackendError."""
    return _made(settings.NONCE_CACHE)


@lru_cache
def _made(alias: str) -> Buckets:
    bases = [f"{base.__module__}.{base.__qualname__}" for base in type(caches[alias]).__mro__]
    kind: type[Buckets] = import_string(next((_KINDS[base] for base in bases if base in _KINDS), _OTHERS))
    return kind(alias)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "CACHES":
        _made.cache_clear()


setting_changed.connect(_forget)
