"""The Redis store."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django_redis import get_redis_connection

from tests.store_contract import StoreContract

PREFIX = f"toto[test]*{os.getpid()}:"
"""With characters that a pattern would take for its own."""

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def cache(settings: Any) -> Iterator[Any]:
    """The Redis behind CACHES["redis"]; the keys of this process are gone at the end."""
    settings.CACHES = {
        "redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1/1"}
    }
    client = get_redis_connection("redis")
    yield client
    for key in client.scan_iter(count=1000):
        if key.startswith(PREFIX.encode()):
            client.delete(key)


class TestRedisStore(StoreContract):
    backend = "toto_django.stores.redis.RedisStore"
    options = {"CACHE": "redis", "PREFIX": PREFIX}
