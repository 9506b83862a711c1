"""Buckets in Redis, through django-redis or Django's own cache."""

from functools import cached_property
from typing import Any, ClassVar

from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from toto_django.buckets.base import MARGIN, Buckets, claim_key_of, key_of, now, seconds_of_claim
from toto_django.exceptions import Unavailable
from toto_django.rates import Rate
from toto_django.stores.redis import RedisStore

__all__ = ["DjangoRedisBuckets", "RedisBuckets"]

CHARGE = """
local now, cost, period, margin = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local before = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local after = math.max(now, before + cost)
local wait = after - now - period
if wait > 0 then
    return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + margin)
return 0
"""
"""`toto_django.rates.charge`, at the place where the bucket is."""


class RedisBuckets(Buckets):
    """In Django's cache."""

    errors: ClassVar[tuple[type[Exception], ...]] = (RedisError, OSError, ConnectionInterrupted)

    @cached_property
    def client(self) -> Any:
        """The redis-py client: one for all threads, since each cache object has connections of its own."""
        return self.cache._cache.get_client(None, write=True)

    def _change(self, key: str, rate: Rate, calls: int) -> int:
        return int(self._script(self.client)(**self._arguments(key, rate, calls)))

    def _add(self, key: str, seconds: int) -> bool:
        return bool(self.client.set(self.cache.make_key(key), 1, nx=True, ex=seconds))

    def _script(self, client: Any) -> Any:
        return client.register_script(CHARGE)

    def _arguments(self, key: str, rate: Rate, calls: int) -> dict[str, Any]:
        return {
            "keys": [self.cache.make_key(key)],
            "args": [now(), calls * rate.interval, rate.period, MARGIN * 1000],
        }


class DjangoRedisBuckets(RedisBuckets):
    """In a cache of django-redis. Event loops have the clients that a Redis store would have."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._store = RedisStore(alias, {"CACHE": alias})
        self.native_async = self._store.native_async

    @property
    def client(self) -> Any:
        return self._store.client

    async def acharge(self, name: str, rate: Rate) -> int:
        if not self.native_async:
            return await super().acharge(name, rate)
        try:
            script = self._script(self._store.async_client)
            return int(await script(**self._arguments(key_of(name), rate, 1)))
        except self.errors as error:
            return self._uncharged(error)

    async def aclaim(self, name: str, seconds: float) -> bool:
        if not self.native_async:
            return await super().aclaim(name, seconds)
        key, client = self.cache.make_key(claim_key_of(name)), self._store.async_client
        try:
            return bool(await client.set(key, 1, nx=True, ex=seconds_of_claim(seconds)))
        except self.errors as error:
            self._log(error)
            raise Unavailable from error
