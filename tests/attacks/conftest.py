"""The stores that attacks are tried on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.core.cache import caches

from toto_django.stores import account_store

Stores = Mapping[str, Mapping[str, Any]]

USERS = ("ann", "bob")
"""Accounts of the tests: some stores outlive these."""
DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}


def _stores(kind: str, request: pytest.FixtureRequest) -> Stores:
    match kind:
        case "memory":
            return {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
        case "database":
            return {"default": DATABASE}
        case "signed":
            signed = "toto_django.stores.signed.SignedStore"
            options = {"REVOCATION_CACHE": "default"}
            return {"default": DATABASE, "sessions": {"BACKEND": signed, "OPTIONS": options}}
        case "redis":
            request.getfixturevalue("redis_url")
            prefix = f"{request.getfixturevalue('isolation')}:attacks:"
            options = {"CACHE": "redis", "PREFIX": prefix}
            return {"default": {"BACKEND": "toto_django.stores.redis.RedisStore", "OPTIONS": options}}
        case _:
            url, name = request.getfixturevalue("mongodb_url"), request.getfixturevalue("isolation")
            options = {"HOST": url, "DATABASE": f"{name}_attacks"}
            return {"default": {"BACKEND": "toto_django.stores.mongodb.MongoDBStore", "OPTIONS": options}}


@pytest.fixture(
    params=[
        *("memory", "database", "signed"),
        *(pytest.param(kind, marks=pytest.mark.service) for kind in ("redis", "mongodb")),
    ]
)
def store_kind(request: pytest.FixtureRequest, toto: Callable[..., None], db: None) -> Iterator[str]:
    """The service keeps accounts and sessions in this kind of store; the signed one keeps sessions only."""
    caches["default"].clear()
    stores = _stores(request.param, request)
    toto(STORES=stores, SESSIONS="sessions" if "sessions" in stores else "default")
    yield str(request.param)
    for user_id in USERS:
        account_store().delete_account(user_id)
