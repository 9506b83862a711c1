"""The stores that recordings are replayed over, as keys of settings.TOTO."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.cache import caches

from tests.conformance.history import History
from toto_django.stores import session_store

__all__ = ["DEFAULT", "SERVED", "STORES", "configured", "history"]

DEFAULT = "default"
"""What the recording's settings say: the database."""
_numbers = itertools.count()

Make = Callable[[pytest.FixtureRequest, str], Mapping[str, Any]]


def _memory(request: pytest.FixtureRequest, name: str) -> Mapping[str, Any]:
    return _one("memory.MemoryStore")


def _redis(request: pytest.FixtureRequest, name: str) -> Mapping[str, Any]:
    request.getfixturevalue("redis_url")
    return _one("redis.RedisStore", CACHE="redis", PREFIX=f"{name}:")


def _mongodb(request: pytest.FixtureRequest, name: str) -> Mapping[str, Any]:
    return _one("mongodb.MongoDBStore", HOST=request.getfixturevalue("mongodb_url"), DATABASE=name)


def _signed(request: pytest.FixtureRequest, name: str) -> Mapping[str, Any]:
    caches["default"].clear()
    accounts = _store("database.DatabaseStore")
    sessions = _store("signed.SignedStore", REVOCATION_CACHE="default")
    return {"STORES": {"default": accounts, "signed": sessions}, "SESSIONS": "signed"}


STORES: Mapping[str, Make] = {"memory": _memory, "signed": _signed, "redis": _redis, "mongodb": _mongodb}
SERVED = {"redis", "mongodb"}
"""Those that need a server."""


def configured(store: str, request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """The keys for an empty store; the test is skipped where its server does not answer."""
    if store == DEFAULT:
        return {}
    name = f"{request.getfixturevalue('isolation')}_{next(_numbers)}"
    return STORES[store](request, name)


def history() -> History:
    """One that follows session ids where the current store changes them."""
    store = session_store()

    def permanent_id(session_id: str) -> str:
        record = store.load_session(session_id)
        return record.permanent_id if record else ""

    return History() if store.keeps_state else History(permanent_id=permanent_id)


def _one(backend: str, **options: Any) -> Mapping[str, Any]:
    return {"STORES": {"default": _store(backend, **options)}}


def _store(backend: str, **options: Any) -> Mapping[str, Any]:
    return {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}
